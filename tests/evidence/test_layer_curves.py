"""Curves of every layer: medians over the runs, from the first linear to the last."""

import numpy as np
import pandas as pd
import pytest

from jaxmlp.errors import InputError
from jaxmlp.evidence import LayerCurves
from jaxmlp.probes import GradientNorms

VALUES = {0: [[1.0, 2.0], [3.0, 4.0], [5.0, np.nan]], 1: [[1e3, 1e3], [2e3, 3e3], [4e3, np.inf]]}
"""By layer, of three runs at epochs 0 and 1."""


def table(arm="deep"):
    return pd.DataFrame(
        {"arm": arm, "run_id": f"{arm}-{seed}", "seed": seed, "epoch": epoch, "layer": layer}
        | {"weight_norm": 1.0, "gradient_norm": value, "update_norm": 1.0}
        for layer, runs in VALUES.items()
        for seed, run in enumerate(runs)
        for epoch, value in enumerate(run)
    ).sample(frac=1, random_state=0)


def test_lines_are_the_medians_over_the_runs_with_a_value():
    figure = LayerCurves("deep", "gradient_norm").draw(
        {GradientNorms().table.name: pd.concat([table(), table("else")])}
    )
    (ax,) = figure.axes
    lines = {line.get_label(): line for line in ax.get_lines() if str(line.get_label()).startswith("layer ")}
    np.testing.assert_array_equal(lines["layer 0"].get_xdata(), [0, 1])
    np.testing.assert_array_equal(lines["layer 0"].get_ydata(), [3.0, 3.0])
    np.testing.assert_array_equal(lines["layer 1"].get_ydata(), [2e3, 2e3])
    assert lines["layer 0"].get_color() != lines["layer 1"].get_color()
    assert ax.get_yscale() == "log"
    assert ax.get_xlabel() == "epoch"
    words = [text.get_text() for text in ax.texts]
    assert words == ["layer 0 3", "layer 1 2e+03"]
    assert "n = 3" in figure.get_suptitle()


def test_of_many_layers_some_are_named_and_all_are_drawn():
    rows = pd.concat([table().query("layer == 0").assign(layer=layer) for layer in range(41)])
    (ax,) = LayerCurves("deep", "gradient_norm").draw({"gradient_norms": rows}).axes
    assert sum(str(line.get_label()).startswith("layer ") for line in ax.get_lines()) == 41
    assert [text.get_text().split()[1] for text in ax.texts] == ["0", "8", "16", "24", "32", "40"]


def test_a_table_that_is_not_there_is_told():
    with pytest.raises(InputError, match="figure layers_deep_gradient_norm needs arm deep"):
        LayerCurves("deep", "gradient_norm").draw({"epochs": table()})


def test_the_caption_says_what_is_shown():
    caption = LayerCurves("deep", "gradient_norm", "gradient_norms_by_step", note="A note.").caption
    assert caption.startswith("Norm of the gradient of every layer of deep over steps. A note. Lines: the median")
