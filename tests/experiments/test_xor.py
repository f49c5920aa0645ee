"""The claim of `xor` on made-up tables, its data and its nets."""

import numpy as np

from experiments.xor import XOR_ARMS, XOR_EXPERIMENT, XOR_STEPS, XOR_UNITS, four_points
from jaxmlp import study


def successes(*shares):
    """Per number of hidden units, this share of 100 runs has all four points right and the others three."""
    counts = [round(100 * share) for share in shares]
    return {
        f"relu_{units}": {"test_accuracy": [1.0] * count + [0.75] * (100 - count)}
        for units, count in zip(XOR_UNITS, counts, strict=True)
    }


CASES = [
    ("C-312", "reproduced", successes(0.7, 0.8, 0.9, 1.0)),
    ("C-312", "refuted", successes(0.1, 0.2, 0.2, 0.3)),
    ("C-312", "mixed", successes(0.3, 0.7, 0.9, 1.0)),
    ("C-312", "inconclusive", successes(0.5, 0.5, 0.5, 0.5)),
]


def test_every_batch_is_the_four_points():
    dataset = four_points()
    batches = np.asarray(dataset.train_inputs).reshape(XOR_STEPS, 4, 2)
    assert {tuple(map(tuple, batch)) for batch in batches} == {((0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0))}
    assert (np.asarray(dataset.train_targets).reshape(XOR_STEPS, 4) == [0, 1, 1, 0]).all()
    for arm in XOR_EXPERIMENT.arms(dataset, XOR_EXPERIMENT.presets["full"]):
        assert (arm.spec.data.batch_size, arm.spec.data.shuffle) == (4, False)
        assert arm.spec.data.steps_per_epoch(len(dataset.train_targets)) == XOR_STEPS


def test_the_arms_are_d3_s_method_at_every_width():
    arms = {arm.name: arm for arm in XOR_EXPERIMENT.arms(four_points(), XOR_EXPERIMENT.presets["full"])}
    assert tuple(arms) == XOR_ARMS
    assert arms["linear"].spec.mlp.widths == (2, 2)
    for units in XOR_UNITS:
        spec = arms[f"relu_{units}"].spec
        assert (spec.mlp.widths, spec.mlp.initializer, spec.optimizer.name) == ((2, units, 2), "torch_linear", "sgd")
        assert arms[f"relu_he_{units}"].spec.mlp.initializer == "he_normal"
        assert arms[f"relu_he_{units}"].spec.mlp.activation == "relu"
    assert {arm.hyper.learning_rate for arm in arms.values()} == {0.1}
    assert {arm.spec.mlp.activation for arm in arms.values()} == {"relu", "gelu_erf", "tanh", "sigmoid"}


def test_no_line_parts_the_four_points():
    """However it is trained, a linear model has at most three of them right."""
    arms = [arm for arm in XOR_EXPERIMENT.arms(four_points(), XOR_EXPERIMENT.presets["quick"]) if arm.name == "linear"]
    tested = study.run(arms, four_points(), seeds=5).final()["test_accuracy"]
    assert len(tested) == 5
    assert (tested <= 0.75).all()
