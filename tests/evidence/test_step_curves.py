"""Curves between epochs show the logged steps: means, bands, zooms, divergence, and what was not logged (S-100)."""

from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PolyCollection
from scipy import stats

from jaxmlp.errors import InputError
from jaxmlp.evidence import EveryRun, StepCurves, captioned_svgs, save_figures, synthetic_rows
from jaxmlp.evidence.plotting import COLOURS

ARMS = ("small", "large")
LOSS = {"small": [[2.0, 1.0, 0.8], [2.2, 1.4, 0.6], [2.4, 1.2, 1.0]], "large": [[1.5, 0.5], [1.3, 0.7]]}
ROWS = synthetic_rows({"small": {"val_accuracy": [0.9] * 3}, "large": {"val_accuracy": [0.9] * 2}})


def steps_of(losses: Mapping[str, Sequence[Sequence[float]]], every: int = 50) -> pd.DataFrame:
    """One row per run and window, as a study writes them; an accuracy is 1 - loss/10."""
    runs = [(arm, seed, loss) for arm, of_arm in losses.items() for seed, loss in enumerate(of_arm)]
    return pd.DataFrame(
        {"arm": arm, "run_id": f"{arm}-{seed}", "seed": seed, "step": every * (i + 1)}
        | {"batch_loss": value, "batch_accuracy": 0.1 if np.isnan(value) else 1 - value / 10}
        for arm, seed, loss in runs
        for i, value in enumerate(loss)
    )


def lines(ax, label):
    return [line for line in ax.get_lines() if line.get_label() == label]


def words(figure):
    return " | ".join(" ".join(text.get_text().split()) for text in figure.findobj(mpl.text.Text))


@pytest.mark.parametrize("column", ["batch_loss", "batch_accuracy"])
def test_lines_are_the_means_over_seeds_at_their_iterations(column):
    shuffled = steps_of(LOSS).sample(frac=1, random_state=0)
    (ax,) = StepCurves(ARMS, column).draw({"epochs": ROWS, "steps": shuffled}).axes
    small, large = lines(ax, "mean")
    np.testing.assert_array_equal(small.get_xdata(), [50, 100, 150])
    np.testing.assert_array_equal(large.get_xdata(), [50, 100])
    for line, arm in ((small, "small"), (large, "large")):
        mean = np.mean(LOSS[arm], axis=0)
        np.testing.assert_allclose(line.get_ydata(), mean if column == "batch_loss" else 1 - mean / 10)
    assert ax.get_xlabel() == "iteration"
    assert ax.get_xlim() == (0, 150)


def test_the_leader_of_a_line_that_ends_early_does_not_look_like_its_continuation():
    (ax,) = StepCurves(ARMS).draw({"epochs": ROWS, "steps": steps_of(LOSS)}).axes
    styles = {line.get_color(): line.get_linestyle() for line in lines(ax, "leader")}
    assert styles == {COLOURS[0]: "-", COLOURS[1]: ":"}


def test_the_band_is_the_students_t_interval_of_the_mean():
    (ax,) = StepCurves(("small",)).draw({"epochs": ROWS, "steps": steps_of(LOSS)}).axes
    (band,) = [one for one in ax.collections if isinstance(one, PolyCollection)]
    corners = band.get_paths()[0].vertices
    sample = [run[2] for run in LOSS["small"]]
    expected = stats.t.interval(0.95, df=2, loc=np.mean(sample), scale=stats.sem(sample))
    at_last = corners[corners[:, 0] == 150][:, 1]
    np.testing.assert_allclose((at_last.min(), at_last.max()), expected)


@pytest.mark.parametrize(("first", "small", "large"), [(1, 1, 1), (2, 2, 2), (3, 3, 2), (300, 3, 2), (None, 3, 2)])
def test_a_zoom_takes_the_first_windows_of_every_run(first, small, large):
    steps = pd.concat([steps_of({"small": LOSS["small"]}), steps_of({"large": LOSS["large"]}, every=7)])
    spec = StepCurves(ARMS, first=first)
    (ax,) = spec.draw({"epochs": ROWS, "steps": steps}).axes
    assert [list(line.get_xdata()) for line in lines(ax, "mean")] == [
        [50, 100, 150][:small],
        [7, 14][:large],
    ]
    assert spec.name == ("steps_batch_loss" if first is None else f"steps_batch_loss_first_{first}")
    assert (f"the first {first} logged windows" in spec.caption) == (first is not None)


def test_a_diverged_run_leaves_a_cross_at_its_last_finite_loss_and_the_mean():
    nan = np.nan
    lost = steps_of({"small": [[2.0, 1.0, 0.8], [2.0, 3.0, nan], [nan, nan, nan]]})
    figure = StepCurves(("small",)).draw({"epochs": ROWS, "steps": lost})
    (ax,) = figure.axes
    crosses = {(line.get_xdata()[0], line.get_ydata()[0]) for line in lines(ax, "diverged")}
    assert crosses == {(100, 3.0), (50, 0.0)}
    np.testing.assert_allclose(lines(ax, "mean")[0].get_ydata(), [2.0, 2.0, 0.8])
    assert "n = 3, 2 diverged" in words(figure)


def test_an_arm_keeps_its_colour_where_another_has_no_steps_and_words_name_that_one():
    figure = StepCurves(ARMS).draw({"epochs": ROWS, "steps": steps_of({"large": LOSS["large"]})})
    (ax,) = figure.axes
    assert lines(ax, "mean")[0].get_color() == COLOURS[1]
    assert "No logged steps of small: train with EvalSpec(log_every=50)." in words(figure)
    assert "No logged steps" not in words(StepCurves(ARMS).draw({"epochs": ROWS, "steps": steps_of(LOSS)}))


@pytest.mark.parametrize("steps", [{}, {"steps": steps_of({"other": [[1.0]]})}], ids=["none at all", "of other arms"])
def test_a_study_without_steps_gets_a_figure_that_says_so(steps, tmp_path):
    spec = StepCurves(ARMS, "batch_accuracy", first=300)
    assert "No logged steps of small, large" in words(spec.draw({"epochs": ROWS} | steps))
    assert [path.name for path in save_figures([spec], {"epochs": ROWS} | steps, tmp_path)] == [
        "steps_batch_accuracy_first_300.svg",
        "steps_batch_accuracy_first_300.png",
    ]


def test_saving_hands_every_figure_all_tables(tmp_path):
    specs = [EveryRun("val_accuracy", ARMS), StepCurves(ARMS)]
    captions = captioned_svgs(specs, save_figures(specs, {"epochs": ROWS, "steps": steps_of(LOSS)}, tmp_path))
    assert [caption for caption, _ in captions] == [spec.caption for spec in specs]
    assert ">iteration</text>" in captions[1][1]


def test_captions_say_what_the_axis_is():
    caption = StepCurves(ARMS, note="A note.").caption
    assert "over iterations. A note." in caption


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"column": "train_loss"}, "unknown column of steps 'train_loss': choose one of batch_loss, batch_accuracy"),
        ({"arms": "small"}, "arms is 'small': give a tuple of one or more arms' names"),
        ({"arms": ()}, r"arms is \(\): give a tuple"),
        ({"first": 0}, "first is 0 windows: give at least 1"),
    ],
)
def test_wrong_figures_are_refused_when_they_are_listed(fields, message):
    with pytest.raises(InputError, match=message):
        StepCurves(**({"arms": ARMS} | fields))


def test_an_arm_that_was_not_run_is_an_input_error_naming_the_figure():
    with pytest.raises(InputError, match="steps_batch_loss"):
        StepCurves(("absent",)).draw({"epochs": ROWS, "steps": steps_of(LOSS)})
