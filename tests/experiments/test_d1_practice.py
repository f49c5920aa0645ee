"""The claims of `hidden_activations` and `norms` on made-up tables whose truth is known, and their arms."""

from experiments.hidden_activations import (
    DEPTHS,
    HIDDEN_ACTIVATIONS_EXPERIMENT,
    HIDDEN_ACTIVATIONS_NETS,
    HIDDEN_ACTIVATIONS_TUNED,
)
from experiments.norms import NORMS_ARMS, NORMS_EXPERIMENT
from jaxmlp import data
from tests.experiments.tables import CLEAR, UNCLEAR, accuracies, table


def activations(**gains):
    """ReLU above the others by a gain of its own at each depth."""
    levels = dict.fromkeys(HIDDEN_ACTIVATIONS_NETS, 0.97) | {
        f"{depth}_relu": 0.97 + gains[f"at_{depth}"] for depth in DEPTHS
    }
    return accuracies(**levels)


def norm_rows(none, with_norm, tiny=None, *, spread=CLEAR):
    """Curves and ends of the nets without and with norm; `tiny` is that of batch norm at batch size 4."""
    levels = {arm: none if arm.startswith("none") else with_norm for arm in NORMS_ARMS}
    levels |= {"bn_batch_4": tiny or with_norm}
    return table(
        {
            arm: {"val_accuracy": [0.1, 0.5 + first, 0.97, 0.97], "test_accuracy": end}
            for arm, (first, end) in levels.items()
        },
        spread=spread,
    )


SLOW, FAST, WORSE = (0.1, 0.97), (0.4, 0.97), (0.0, 0.9)


CASES = [
    # ReLU must be better than both others at every depth.
    ("C-106", "reproduced", table(activations(at_1=0.01, at_2=0.01, at_5=0.01))),
    ("C-106", "refuted", table(activations(at_1=0.0, at_2=0.0, at_5=-0.01))),
    ("C-106", "mixed", table(activations(at_1=0.0, at_2=0.0, at_5=0.02))),
    ("C-106", "inconclusive", table(activations(at_1=0.003, at_2=0.003, at_5=0.003), spread=UNCLEAR)),
    # Both norms must be sooner and no worse.
    ("C-113", "reproduced", norm_rows(SLOW, FAST)),
    ("C-113", "refuted", norm_rows(FAST, SLOW)),
    ("C-113", "refuted", norm_rows(SLOW, (0.4, 0.96))),  # sooner, but worse in the end
    ("C-113", "reproduced", norm_rows(SLOW, FAST, tiny=WORSE)),  # batches of 4 are ours
    ("C-113", "inconclusive", norm_rows(SLOW, SLOW, spread=UNCLEAR / 5)),
]


def test_every_net_is_tuned_over_all_rates_with_the_start_that_d1_gives():
    arms = {
        arm.name: arm
        for arm in HIDDEN_ACTIVATIONS_EXPERIMENT.arms(
            data.load("digits"), HIDDEN_ACTIVATIONS_EXPERIMENT.presets["full"]
        )
    }
    assert sorted(arms) == sorted(arm for candidates in HIDDEN_ACTIVATIONS_TUNED.values() for arm in candidates)
    for net, (depth, activation) in HIDDEN_ACTIVATIONS_NETS.items():
        rates = [arms[arm].hyper.learning_rate for arm in HIDDEN_ACTIVATIONS_TUNED[net]]
        assert rates == [1e-4, 3e-4, 1e-3, 3e-3, 1e-2]
        (mlp,) = {arms[arm].spec.mlp for arm in HIDDEN_ACTIVATIONS_TUNED[net]}
        assert (mlp.num_layers - 1, mlp.activation) == (depth, activation)
        assert mlp.initializer == ("he_normal" if activation == "relu" else "xavier_normal")


def test_the_norms_differ_in_norm_and_batch_size_alone():
    arms = {arm.name: arm.spec for arm in NORMS_EXPERIMENT.arms(data.load("digits"), NORMS_EXPERIMENT.presets["full"])}
    assert tuple(arms) == NORMS_ARMS
    found = {name: (spec.mlp.norm, spec.data.batch_size) for name, spec in arms.items()}
    assert found["bn_batch_4"] == ("batch_norm", 4)
    assert found["ln_batch_64"] == ("layer_norm", 64)
    assert {(spec.mlp.norm_position, spec.epochs) for spec in arms.values()} == {("pre_activation", 10)}
