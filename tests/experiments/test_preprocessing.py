"""The claim of `preprocessing` on made-up tables whose truth is known, and its arms."""

from experiments.preprocessing import PREPROCESSING_ARMS, PREPROCESSING_EXPERIMENT
from jaxmlp import data
from tests.experiments.tables import CLEAR, UNCLEAR, accuracies, table

CASES = [
    ("C-031", verdict, table(accuracies(**levels), spread=spread))
    for verdict, spread, levels in (
        ("reproduced", CLEAR, {"unit": 0.975, "standardize": 0.98, "zca_whiten": 0.98, "pca_whiten": 0.98}),
        ("refuted", CLEAR, {"unit": 0.98, "standardize": 0.975, "zca_whiten": 0.975, "pca_whiten": 0.975}),
        ("mixed", CLEAR, {"unit": 0.978, "standardize": 0.98, "zca_whiten": 0.975, "pca_whiten": 0.975}),
        ("inconclusive", UNCLEAR, {"unit": 0.9, "standardize": 0.9, "zca_whiten": 0.9, "pca_whiten": 0.9}),
        ("not_tested", CLEAR, {"unit": 0.9}),
    )
]


def test_the_arms_differ_in_their_inputs_alone():
    arms = PREPROCESSING_EXPERIMENT.arms(data.load("digits"), PREPROCESSING_EXPERIMENT.presets["full"])
    assert tuple(arm.name for arm in arms) == PREPROCESSING_ARMS
    assert tuple(arm.spec.data.preprocessing for arm in arms) == PREPROCESSING_ARMS
    assert {arm.spec.mlp.widths[1:] for arm in arms} == {(128, 64, 32, 16, 10)}
    assert (
        len({(arm.spec.mlp, arm.spec.epochs, arm.spec.data.batch_size, arm.hyper.learning_rate) for arm in arms}) == 1
    )
