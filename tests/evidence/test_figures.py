"""The figures show the data they claim to show, whatever the runs did, and are saved whole or not at all."""

import re
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PolyCollection
from scipy import optimize, stats

from jaxmlp.errors import InputError
from jaxmlp.evidence.claims import Reported
from jaxmlp.evidence.figures import CompareArms, EveryRun, TrainingCurves, captioned_svgs, save_figures
from jaxmlp.evidence.measures import at, final
from jaxmlp.evidence.plotting import COLOURS, EndLabel, label_ends, labelled_panel, spread
from jaxmlp.evidence.synthetic import synthetic_rows
from tests.evidence.made_up import LOSS, TEST, TRAIN, VAL, he_columns, randn_columns, two_arms

SPECS = (TrainingCurves("he"), CompareArms(("randn", "he"), "val_accuracy"), EveryRun("test_accuracy", ("randn", "he")))


def lines(ax, label):
    return [line for line in ax.get_lines() if line.get_label() == label]


def words(figure_or_axes):
    return " | ".join(text.get_text() for text in figure_or_axes.findobj(mpl.text.Text))


def test_training_curves_hold_the_mean_of_each_column():
    loss, accuracy = TrainingCurves("he").draw(two_arms()).axes
    (mean_loss,) = lines(loss, "mean")
    train, val = lines(accuracy, "mean")
    np.testing.assert_array_equal(mean_loss.get_xdata(), [1, 2, 3])
    for line, runs in ((mean_loss, LOSS), (train, TRAIN), (val, VAL)):
        np.testing.assert_allclose(line.get_ydata(), np.mean(runs, axis=0)[1:])


def test_band_is_the_students_t_interval_of_the_mean():
    loss, _ = TrainingCurves("he").draw(two_arms()).axes
    (band,) = [one for one in loss.collections if isinstance(one, PolyCollection)]
    corners = band.get_paths()[0].vertices
    at_last = corners[corners[:, 0] == 3][:, 1]
    sample = np.array(LOSS)[:, 3]
    low, high = stats.t.interval(0.95, df=2, loc=sample.mean(), scale=stats.sem(sample))
    assert at_last.min() == pytest.approx(low)
    assert at_last.max() == pytest.approx(high)


def test_every_run_has_a_thin_line_with_its_own_values():
    loss, accuracy = TrainingCurves("he").draw(two_arms()).axes
    shown = sorted(tuple(line.get_ydata()) for line in lines(loss, "run"))
    assert shown == sorted(tuple(run[1:]) for run in LOSS)
    assert len(lines(accuracy, "run")) == len(TRAIN) + len(VAL)


def test_dashed_line_lies_at_the_mean_test_accuracy():
    _, accuracy = TrainingCurves("he").draw(two_arms()).axes
    (level,) = lines(accuracy, "level")
    assert level.get_linestyle() == "--"
    np.testing.assert_allclose(level.get_ydata(), 0.96)
    assert "test 96.00 %" in words(accuracy)


def test_labels_stand_at_line_ends_with_the_last_mean():
    _, accuracy = TrainingCurves("he").draw(two_arms()).axes
    assert f"train {100 * np.mean([0.99, 0.98, 0.97]):.2f} %" in words(accuracy)
    assert f"val {100 * np.mean([0.97, 0.96, 0.95]):.2f} %" in words(accuracy)


def test_without_validation_part_there_is_no_validation_line():
    columns = he_columns() | {"val_accuracy": [[np.nan] * 4] * 3}
    _, accuracy = TrainingCurves("he").draw(synthetic_rows({"he": columns})).axes
    assert "val " not in words(accuracy)
    finite = [line for line in lines(accuracy, "mean") if np.isfinite(line.get_ydata()).any()]
    assert len(finite) == 1


def test_documents_numbers_are_diamonds_at_their_epoch_and_the_last_is_labelled():
    reported = (
        Reported("E-003", "he", at("val_accuracy", epoch=2), 0.9737, "doc"),
        Reported("E-003", "he", at("val_accuracy", epoch=3), 0.9738, "doc"),
        Reported("E-003", "he", final("test_accuracy"), 0.9774, "doc"),
        Reported("E-003", "randn", final("test_accuracy"), 0.2, "doc"),
    )
    _, accuracy = TrainingCurves("he", reported=reported, document="D0").draw(two_arms()).axes
    marks = [(line.get_xdata()[0], line.get_ydata()[0]) for line in lines(accuracy, "document")]
    assert marks == [(2, 0.9737), (3, 0.9738), (3, 0.9774)]
    assert "D0 test 97.74 %" in words(accuracy)
    assert "D0 val 97.38 %" in words(accuracy)
    assert "97.37 %" not in words(accuracy)


def test_diverged_runs_are_counted_and_leave_a_cross_at_their_last_finite_value():
    figure = TrainingCurves("randn").draw(two_arms())
    loss, accuracy = figure.axes
    crosses = {(line.get_xdata()[0], line.get_ydata()[0]) for line in lines(loss, "diverged")}
    assert crosses == {(1.0, 400.0), (1.0, 0.0)}
    on_floor = [line for line in lines(loss, "diverged") if line.get_ydata()[0] == 0.0]
    assert on_floor[0].get_transform() == loss.get_xaxis_transform()
    assert "n = 3, 2 diverged" in words(figure)
    assert {(line.get_xdata()[0], line.get_ydata()[0]) for line in lines(accuracy, "diverged")} == {(2, 0.1), (1, 0.1)}


def test_mean_is_over_the_runs_that_have_a_value():
    loss, _ = TrainingCurves("randn").draw(two_arms()).axes
    (mean,) = lines(loss, "mean")
    np.testing.assert_allclose(mean.get_ydata(), [350.0, 3.0, 2.3])


def test_a_loss_over_decades_is_on_a_logarithmic_axis_and_says_so():
    falling = TrainingCurves("randn").draw(two_arms()).axes[0]
    plain = TrainingCurves("he").draw(two_arms()).axes[0]
    assert (falling.get_yscale(), plain.get_yscale()) == ("log", "linear")
    assert "log scale" in words(falling)
    assert "log scale" not in words(plain)


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
@pytest.mark.parametrize(
    "columns",
    [
        {name: column[:1] for name, column in he_columns().items()},
        {name: [run[:2] for run in column] for name, column in he_columns().items()},
        {name: [[np.nan] * 4] * 3 for name in he_columns()} | {"diverged": [[True] * 4] * 3},
        {name: [[0.1135] * 4] * 3 for name in he_columns()},
    ],
    ids=["one run", "one epoch", "nothing finite", "no variance"],
)
def test_draws_and_saves_whatever_the_runs_did(spec, columns, tmp_path):
    paths = save_figures([spec], synthetic_rows({"he": columns}), tmp_path)
    assert [path.suffix for path in paths] == [".svg", ".png"]


def test_compare_arms_draws_one_mean_per_arm_that_was_run():
    (ax,) = CompareArms(("absent", "randn", "he"), "val_accuracy").draw(two_arms()).axes
    randn, he = lines(ax, "mean")
    np.testing.assert_allclose(he.get_ydata(), np.mean(VAL, axis=0)[1:])
    np.testing.assert_allclose(randn.get_ydata(), np.mean(randn_columns()["val_accuracy"], axis=0)[1:])
    assert "he 96.00 %" in words(ax)
    assert "absent" not in words(ax)


def test_an_arm_keeps_its_colour_when_another_was_not_run():
    def colour_of_he(rows):
        (ax,) = CompareArms(("randn", "he"), "val_accuracy").draw(rows).axes
        return lines(ax, "mean")[-1].get_color()

    assert colour_of_he(two_arms()) == colour_of_he(synthetic_rows({"he": he_columns()})) == COLOURS[1]


def test_every_run_is_a_dot_or_a_cross_at_its_last_value():
    (ax,) = EveryRun("test_accuracy", ("randn", "he")).draw(two_arms()).axes
    dots = np.concatenate([line.get_xdata() for line in lines(ax, "run")])
    crosses = np.concatenate([line.get_xdata() for line in lines(ax, "diverged")])
    assert sorted(dots) == sorted([*TEST, 0.1135])
    assert sorted(crosses) == [0.0980, 0.0980]


def test_every_run_shows_mean_interval_and_n():
    (ax,) = EveryRun("test_accuracy", ("he",)).draw(two_arms()).axes
    low, high = stats.t.interval(0.95, df=2, loc=np.mean(TEST), scale=stats.sem(TEST))
    np.testing.assert_allclose(lines(ax, "interval")[0].get_xdata(), [low, high])
    assert f"96.00 % ({100 * low:.2f} to {100 * high:.2f}), n = 3" in words(ax)


def test_every_run_puts_diverged_runs_without_a_value_on_the_edge():
    (ax,) = EveryRun("train_loss", ("randn",)).draw(two_arms()).axes
    (crosses,) = lines(ax, "diverged")
    assert list(crosses.get_xdata()) == [0.0, 0.0]
    assert crosses.get_transform() == ax.get_yaxis_transform()
    assert "1 of n = 3" in words(ax)


def test_every_run_marks_the_documents_number_of_its_column():
    reported = (
        Reported("E-003", "he", final("test_accuracy"), 0.9774, "doc"),
        Reported("E-003", "he", final("val_accuracy"), 0.9738, "doc"),
    )
    (ax,) = EveryRun("test_accuracy", ("he",), reported=reported, document="D0").draw(two_arms()).axes
    assert [line.get_xdata()[0] for line in lines(ax, "document")] == [0.9774]
    assert "D0: 97.74 %" in words(ax)


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_no_arm_in_the_results_is_an_input_error_naming_the_figure(spec):
    rows = synthetic_rows({"other": he_columns()})
    with pytest.raises(InputError, match=spec.name):
        spec.draw(rows)


def test_saving_leaves_out_figures_whose_arms_were_not_run(tmp_path):
    specs = [TrainingCurves("he"), TrainingCurves("randn")]
    paths = save_figures(specs, synthetic_rows({"he": he_columns()}), tmp_path)
    assert [path.name for path in paths] == ["training_he.svg", "training_he.png"]
    assert [caption for caption, _ in captioned_svgs(specs, paths)] == [specs[0].caption]


def test_saved_bytes_depend_on_the_results_alone(tmp_path):
    rows = two_arms()
    first = [path.read_bytes() for path in save_figures(SPECS, rows, tmp_path / "a")]
    again = [path.read_bytes() for path in save_figures(SPECS, rows, tmp_path / "b")]
    other = [path.read_bytes() for path in save_figures(SPECS, rows[rows["seed"] != 0], tmp_path / "c")]
    assert first == again
    assert all(a != b for a, b in zip(first, other, strict=True))


def test_svg_keeps_text_as_text_and_names_neither_date_nor_program(tmp_path):
    svg = save_figures([TrainingCurves("he")], two_arms(), tmp_path)[0].read_text(encoding="utf-8")
    assert ">training loss</text>" in svg
    assert "metadata" not in svg
    assert "matplotlib.org" not in svg
    assert mpl.__version__ not in svg


def test_clip_and_marker_ids_differ_between_figures_of_the_same_data(tmp_path):
    rows = two_arms().replace({"arm": {"randn": "he_again"}})
    rows.loc[rows["arm"] == "he_again", list(he_columns())] = rows.loc[
        rows["arm"] == "he", list(he_columns())
    ].to_numpy()
    rows["diverged"] = False
    save_figures([TrainingCurves("he"), TrainingCurves("he_again")], rows, tmp_path)
    one, two = (
        set(re.findall(r"url\(#(\w+)\)", (tmp_path / name).read_text(encoding="utf-8")))
        for name in ("training_he.svg", "training_he_again.svg")
    )
    assert one
    assert not one & two


def test_two_figures_of_one_name_are_refused_before_anything_is_written(tmp_path):
    with pytest.raises(InputError, match="training_he"):
        save_figures([TrainingCurves("he"), TrainingCurves("he", note="again")], two_arms(), tmp_path / "new")
    assert not (tmp_path / "new").exists()


@dataclass(frozen=True)
class Failing:
    """A figure that cannot be drawn."""

    name = "failing"
    caption = ""
    arms = ("he",)
    tables = ("epochs",)

    def draw(self, tables):
        raise RuntimeError("cannot draw")


def test_an_error_while_drawing_leaves_the_folder_as_it_was(tmp_path):
    old = tmp_path / "training_he.svg"
    old.write_text("old")
    with pytest.raises(RuntimeError, match="cannot draw"):
        save_figures([TrainingCurves("he"), Failing()], two_arms(), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["training_he.svg"]
    assert old.read_text() == "old"


def test_drawing_leaves_the_global_state_of_matplotlib_alone(tmp_path):
    before = dict(mpl.rcParams)
    save_figures(SPECS, two_arms(), tmp_path)
    assert dict(mpl.rcParams) == before
    assert pyplot.get_fignums() == []


def test_caption_explains_diamonds_where_the_figure_has_some():
    reported = (Reported("E-003", "he", final("test_accuracy"), 0.9774, "doc"),)
    assert "Diamonds" in TrainingCurves("he", reported=reported).caption
    assert "Diamonds" not in TrainingCurves("randn", reported=reported).caption
    assert "Diamonds" in EveryRun("test_accuracy", ("he",), reported=reported).caption
    assert "Diamonds" not in EveryRun("val_accuracy", ("he",), reported=reported).caption


def test_captions_say_what_line_and_band_are():
    caption = TrainingCurves("he", note="A note of the experiment.").caption
    assert "A note of the experiment." in caption
    assert "95 % interval" in caption
    assert "Diamonds" not in caption


@pytest.mark.parametrize(
    ("targets", "gap"),
    [
        ([0.1, 0.5, 0.9], 0.1),
        ([0.5, 0.5, 0.5], 0.1),
        ([0.9, 0.1, 0.12, 0.11], 0.05),
        ([1.2, 1.1, -0.3], 0.2),
        ([0.98, 0.99, 0.2, 0.21], 0.15),
    ],
)
def test_spread_is_the_least_move_that_keeps_labels_apart(targets, gap):
    targets = np.array(targets)
    places = spread(targets, gap)
    order = np.argsort(targets, kind="stable")
    assert (np.diff(places[order]) >= gap - 1e-9).all()
    assert places.min() >= -1e-9
    assert places.max() <= 1 + 1e-9
    oracle = optimize.minimize(
        lambda moved: np.sum((moved - targets[order]) ** 2),
        x0=np.linspace(0.1, 0.9, len(targets)),
        bounds=[(0, 1)] * len(targets),
        constraints={"type": "ineq", "fun": lambda moved: np.diff(moved) - gap},
    )
    np.testing.assert_allclose(places[order], oracle.x, atol=1e-4)


@pytest.mark.parametrize("names", [["he"], ["1_Sig_Euc_0.01_1e-05_100", "he"]])
def test_a_panel_keeps_its_size_and_long_labels_stay_on_the_page(names):
    figure, ax = labelled_panel(names)
    ax.set_xlim(0, 1)
    label_ends(ax, [EndLabel(1.0, 0.1 + 0.5 * i, f"{name} 97.74 %", "black") for i, name in enumerate(names)])
    width = figure.get_size_inches()[0]
    assert ax.get_position().width * width == pytest.approx(3.1)
    figure.draw_without_rendering()
    ends = [text.get_window_extent().x1 / figure.dpi for text in ax.texts]
    assert max(ends) < width


def test_more_labels_than_fit_stay_apart():
    assert (np.diff(spread(np.zeros(5), 0.5)) >= 0.5 - 1e-9).all()


def test_no_tick_label_is_cut():
    """Accuracies with steps under a percent have the longest: 98.25 %."""
    rows = synthetic_rows({"he": he_columns() | {"val_accuracy": [[0.97, 0.9775, 0.98, 0.985]] * 3}})
    for figure in (CompareArms(("he",), "val_accuracy").draw(rows), TrainingCurves("he").draw(rows)):
        FigureCanvasAgg(figure).draw()
        for ax in figure.axes:
            labels = [label.get_window_extent() for label in ax.get_yticklabels() if label.get_text()]
            assert max(len(label.get_text()) for label in ax.get_yticklabels()) >= 3
            assert min(box.x0 for box in labels) >= 0
