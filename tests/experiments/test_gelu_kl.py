"""The claims of `gelu_kl` on made-up tables, and its arms."""

from experiments.gelu_kl import GELU_KL_ARMS, GELU_KL_EXPERIMENT
from jaxmlp import data
from tests.experiments.tables import UNCLEAR, table


def levels(gelu=0.98, early=0.85, late=0.96, small_rate=0.95):
    """The base at 98 %, 95 % after its first epoch; `kl_mean` at `early` there and at `late` in the end."""
    curves = {"base": (0.95, 0.98), "gelu": (0.95, gelu), "kl_mean": (early, late), "base_lr0.01": (small_rate, 0.97)}
    return {
        arm: {"train_accuracy": [0.1, first, first], "test_accuracy": last} for arm, (first, last) in curves.items()
    }


CASES = [
    ("C-301", "reproduced", table(levels())),
    ("C-301", "refuted", table(levels(gelu=0.985))),
    ("C-301", "inconclusive", table(levels(gelu=0.983), spread=UNCLEAR)),
    ("C-304", "reproduced", table(levels())),
    ("C-304", "refuted", table(levels(early=0.95, late=0.98))),
    ("C-304", "refuted", table(levels(late=0.98))),  # slower, and as good in the end
    ("C-304", "inconclusive", table(levels(early=0.94, late=0.9785), spread=UNCLEAR)),
    ("C-304", "other_cause", table(levels(small_rate=0.86))),  # the rate alone does it
]


def test_each_arm_is_the_base_but_for_what_it_is_named_after():
    digits = data.load("digits")
    arms = {arm.name: arm for arm in GELU_KL_EXPERIMENT.arms(digits, GELU_KL_EXPERIMENT.presets["full"])}
    assert tuple(arms) == GELU_KL_ARMS
    settings = {
        name: (arm.spec.mlp.activation, arm.spec.loss.name, arm.hyper.smoothing, arm.hyper.learning_rate)
        for name, arm in arms.items()
    }
    assert settings == {
        "base": ("relu", "cross_entropy", 0.1, 0.1),
        "gelu": ("gelu_erf", "cross_entropy", 0.1, 0.1),
        "kl_mean": ("relu", "kl_divergence_mean", 0.1, 0.1),
        "kl_mean_0.01": ("relu", "kl_divergence_mean", 0.01, 0.1),
        "kl_mean_lr1": ("relu", "kl_divergence_mean", 0.1, 1.0),
        "kl_batch": ("relu", "kl_divergence", 0.1, 0.1),
        "kl_batch_0.01": ("relu", "kl_divergence", 0.01, 0.1),
        "smoothed": ("relu", "label_smoothed_cross_entropy", 0.1, 0.1),
        "base_lr0.01": ("relu", "cross_entropy", 0.1, 0.01),
    }
    for arm in arms.values():
        spec = arm.spec
        assert spec.mlp.widths == (64, 256, 10)
        assert (spec.optimizer.name, spec.mlp.initializer, spec.mlp.norm) == ("sgd", "torch_linear", "none")
        assert (spec.data.split, spec.data.preprocessing, spec.data.batch_size, spec.epochs) == ("none", "unit", 64, 20)
