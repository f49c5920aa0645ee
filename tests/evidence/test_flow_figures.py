"""Figures of what probes saw: strips of layers, decision boundaries, vital signs, templates."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from jaxmlp import data, study
from jaxmlp.errors import InputError
from jaxmlp.evidence import DecisionBoundary, FlowStrips, VitalSigns, templates_figure
from jaxmlp.nn import MLPSpec
from jaxmlp.probes import DecisionGrid, Epochs, Flow, WeightPath
from jaxmlp.training import DataSpec, Hyper, RunSpec

SPEC = RunSpec(MLPSpec((2, 8, 2)), DataSpec(preprocessing="none", batch_size=25), epochs=4)


@pytest.fixture(scope="module")
def watched():
    probes = (DecisionGrid(Epochs(2), side=11), Flow(rows=100), WeightPath())
    arms = [study.Arm("net", SPEC, Hyper(learning_rate=0.05))]
    return study.run(arms, data.load("toy_gauss"), seeds=2, lanes=2, probes=probes, keep_params="last")


def flow_rows(values):
    """A table of one run with these values [L, epochs]."""
    return pd.DataFrame(
        {"arm": "net", "run_id": "r", "seed": 0, "epoch": epoch, "layer": layer, "output_gradient_norm": value}
        for layer, row in enumerate(values)
        for epoch, value in enumerate(row)
    ).sample(frac=1, random_state=0)


def test_a_strip_for_each_layer_and_dots_outside_of_the_band():
    values = np.array([[1.0, 2.0], [2.0, 2.0], [9.0, np.nan]])
    figure = FlowStrips("net", "output_gradient_norm", band=((1, 1), (1.5, 3), (1, 3))).draw(
        {"flow": flow_rows(values)}
    )
    ax = figure.axes[0]
    np.testing.assert_array_equal(np.ma.filled(ax.images[0].get_array(), np.nan), values)
    dots = sorted((float(line.get_xdata()[0]), float(line.get_ydata()[0])) for line in ax.get_lines())
    assert dots == [(0.0, 2.0), (1.0, 1.0)]
    assert "n = 1" in figure.get_suptitle()
    with pytest.raises(InputError, match="figure strips_deep_output_gradient_norm needs arm deep"):
        FlowStrips("deep", "output_gradient_norm").draw({"flow": flow_rows(values)})


def test_values_over_many_decades_have_a_logarithmic_scale():
    image = FlowStrips("net", "output_gradient_norm").draw({"flow": flow_rows([[1.0], [1e6]])}).axes[0].images[0]
    assert isinstance(image.norm, mpl.colors.LogNorm)


def test_the_grid_has_the_net_s_own_answers_where_they_were_asked(watched):
    rows = watched.table("decision_grid").query("epoch == 4 and seed == 1")
    net = watched.best(seed=1)
    points = rows[["first_input", "second_input"]].to_numpy(np.float32)
    np.testing.assert_array_equal(rows["grid_class"], np.asarray(net.predict(points)))
    logits = np.asarray(net.logits(points), np.float64)
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(rows["grid_confidence"], shares.max(axis=1), rtol=1e-4)
    assert (points.min(axis=0) < data.load("toy_gauss").train_inputs.min(axis=0)).all()


def test_a_boundary_is_drawn_at_every_moment_with_both_classes_where_they_are(watched):
    rows = watched.table("decision_grid")
    figure = DecisionBoundary("net", seed=1).draw(watched.tables)
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["epoch 0", "epoch 2", "epoch 4"]
    shown = np.asarray(figure.axes[-1].images[0].get_array())
    last = rows.query("epoch == 4 and seed == 1").sort_values(["grid_row", "grid_column"])
    np.testing.assert_array_equal(shown.ravel(), last["grid_class"])
    assert shown[0, 0] != shown[-1, -1], "clouds around (-2, -2) and (2, 2)"


def test_a_grid_is_for_two_inputs_and_classes():
    spec = RunSpec(MLPSpec((4, 8, 3)), DataSpec(preprocessing="none", batch_size=25), epochs=1)
    with pytest.raises(InputError, match="it is for two inputs and classes"):
        study.run([study.Arm("a", spec)], data.load("iris"), seeds=1, probes=(DecisionGrid(),))


def test_vital_signs_are_of_one_run_and_of_the_tables_that_are_there(watched):
    figure = VitalSigns("net", seed=1).draw(watched.tables)
    titles = [ax.get_title(loc="left") for ax in figure.axes if ax.images]
    assert titles[:2] == ["linear standard deviation", "output gradient norm"]
    assert len(titles) == 5
    lines = {str(line.get_label()): line for ax in figure.axes for line in ax.get_lines()}
    own = watched.rows.query("seed == 1").sort_values("epoch")
    np.testing.assert_array_equal(lines["training loss"].get_ydata(), own["train_loss"])
    assert sum(bool(ax.images) for ax in VitalSigns("net").draw({"epochs": watched.rows}).axes) == 0
    with pytest.raises(InputError, match="needs arm net"):
        VitalSigns("net", seed=7).draw(watched.tables)


def test_templates_are_the_rows_of_the_weight():
    weight = np.arange(24.0).reshape(4, 6) - 12
    figure = templates_figure(weight, (2, 3), ("a", "b", "c", "d"))
    shown = [ax for ax in figure.axes if ax.images]
    assert [ax.get_title(loc="left") for ax in shown] == ["a", "b", "c", "d"]
    np.testing.assert_array_equal(np.asarray(shown[2].images[0].get_array()), weight[2].reshape(2, 3))
    assert shown[0].images[0].get_clim() == (-12.0, 12.0)
    with pytest.raises(InputError, match="6 inputs"):
        templates_figure(weight, (3, 3))
