"""The claims of `d4_batch_size` on made-up tables, and its arms."""

from experiments.d4_batch_size import (
    D4_BATCH_SIZE_ARMS,
    D4_BATCH_SIZE_EXPERIMENT,
    D4_BATCH_SIZE_PROGRAMS,
    D4_BATCH_SIZE_REPORTED,
    TIMED,
)
from experiments.lab.timed import TIMES
from jaxmlp import data
from tests.experiments.tables import UNCLEAR, accuracies, table


def sizes(over_10, over_200, programs=tuple(D4_BATCH_SIZE_PROGRAMS)):
    """Batch size 100 this far above 10 and 200, in these programs."""
    levels = {f"{program}_100": 0.97 for program in programs}
    levels |= {f"{program}_10": 0.97 - over_10 for program in programs}
    return accuracies(**levels, **{f"{program}_200": 0.97 - over_200 for program in programs})


def seconds(*levels):
    """An epoch at batch sizes 10, 100 and 200."""
    return {(TIMES.name, arm): {"log_seconds_per_epoch": level} for arm, level in zip(TIMED, levels, strict=True)}


CASES = [
    ("C-426", "reproduced", table(seconds(4.0, 1.0, 0.5), n=5)),
    ("C-426", "refuted", table(seconds(1.0, 1.0, 1.5), n=5)),
    ("C-426", "inconclusive", table(seconds(1.0, 1.0, 1.0), n=5, spread=UNCLEAR)),
    ("C-425", "reproduced", table(sizes(0.013, 0.006))),
    ("C-425", "refuted", table(sizes(-0.01, 0.006))),
    ("C-425", "reproduced", table(sizes(0.013, 0.0))),  # that 200 is worse is told beside
    ("C-425", "other_cause", table(sizes(0.013, 0.006, ("shipped", "bn_fault")) | sizes(0.0, 0.006, ("mended",)))),
    ("C-425", "inconclusive", table(sizes(0.0065, 0.003), spread=UNCLEAR)),
]


def test_the_arms_are_three_programs_at_four_sizes():
    arms = {
        arm.name: arm.spec
        for arm in D4_BATCH_SIZE_EXPERIMENT.arms(data.load("digits"), D4_BATCH_SIZE_EXPERIMENT.presets["full"])
    }
    assert tuple(arms) == D4_BATCH_SIZE_ARMS
    for name, spec in arms.items():
        program, _, size = name.rpartition("_")
        assert spec.data.batch_size == int(size)
        assert (spec.data.shuffle, spec.evaluation.validation) == (
            (False, "d4_shipped") if program == "shipped" else (True, "running")
        )
        assert spec.backward == ("manual" if program == "mended" else "d4_shipped")
        assert spec.mlp.widths[1:] == (300, 150, 10)


def test_table_2_stands_beside_the_shipped_arms_and_its_seconds_beside_mended_updates():
    assert [(one.arm, one.measure.column, one.value) for one in D4_BATCH_SIZE_REPORTED] == [
        ("shipped_10", "val_accuracy", 0.9385),
        ("shipped_10", "test_accuracy", 0.9602),
        ("shipped_200", "val_accuracy", 0.9708),
        ("shipped_200", "test_accuracy", 0.9672),
        ("mended_10", "seconds_per_run", 4583.0),
        ("mended_200", "seconds_per_run", 521.0),
    ]
