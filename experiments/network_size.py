"""Do more parameters make D4's nets more accurate, and slower to train? (E-068, E-069, E-070)

    python -m experiments run network_size --dataset mnist --data-dir DIR --preset full

The nets of D4's table 2 at batch size 100, as shipped and with its faults mended (S-116, A-22): 500 has 398,000
parameters, 300-150 282,600, 100-30 81,960 and 100 79,600 (P-14). E-066, the second of them, is `reference_net`'s. D4's
seconds include its validation (S-101); here a net's updates are timed alone.
"""

import pandas as pd

from experiments.lab.base import FRESH, Experiment, Preset, reported_by
from experiments.lab.documents.d4 import AS_SHIPPED, CORRECTED, D4_HYPER, d4_spec
from experiments.lab.measured import Finished, Measurement, both
from experiments.lab.timed import reported_seconds, seconds_of, times_of
from jaxmlp.data import Dataset
from jaxmlp.evidence import Claim, CompareArms, Difference, EveryRun, Ordering, Value, final
from jaxmlp.nn import count_parameters
from jaxmlp.schema import Column, Table, declare
from jaxmlp.study import Arm

RANK_TABLE = declare(Table("ranks", keys=("nets", "seed"), columns=(Column("rank_correlation"),), subject="nets"))
"""One row per seed and set of nets."""

NETWORK_SIZE_NETS = {"500": (500,), "300-150": (300, 150), "100-30": (100, 30), "100": (100,)}
"""Hidden widths, most parameters first; on the digits, of 64 inputs, 300-150 has more than 500."""
FURTHER = {"30": (30,), "200": (200,), "1000": (1000,), "100-100": (100, 100), "500-250": (500, 250)}
"""With D4's four, a grid of one and two hidden layers."""
_PROGRAMS = {"shipped": AS_SHIPPED, "mended": CORRECTED}
NETWORK_SIZE_ARMS = tuple(f"{program}_{net}" for program in _PROGRAMS for net in NETWORK_SIZE_NETS)
RANKED = {
    "shipped nets": NETWORK_SIZE_ARMS[:4],
    "mended nets": (*NETWORK_SIZE_ARMS[4:], *(f"mended_{net}" for net in FURTHER)),
}
"""By the arm of their rank correlations, the nets that are ranked."""


def _arms(dataset: Dataset, preset: Preset) -> list[Arm]:
    """D4's four nets under both programs, and the grid mended."""
    grids = {"shipped": NETWORK_SIZE_NETS, "mended": NETWORK_SIZE_NETS | FURTHER}
    return [
        Arm(f"{name}_{net}", d4_spec(dataset, preset, program, hidden), D4_HYPER)
        for name, program in _PROGRAMS.items()
        for net, hidden in grids[name].items()
    ]


def _ranks(finished: Finished) -> dict[str, pd.DataFrame]:
    """Spearman's rank correlation of parameters and test accuracy, seed by seed: 1 where more is always better."""
    sizes = {arm.name: count_parameters(arm.spec.mlp) for arm in finished.arms}
    accuracies = finished.results.final().pivot(index="seed", columns="arm", values="test_accuracy")
    rows = [
        {"nets": name, "seed": seed, "rank_correlation": correlation}
        for name, nets in RANKED.items()
        if set(nets) <= sizes.keys()
        for seed, correlation in _correlations(accuracies, {net: sizes[net] for net in nets}).items()
    ]
    return {RANK_TABLE.name: pd.DataFrame(rows, columns=list(RANK_TABLE.required))}


def _correlations(accuracies: pd.DataFrame, sizes: dict[str, int]) -> pd.Series:
    """By seed; `accuracies` has a column per net, `sizes` are parameters by net."""
    ranks = accuracies.loc[:, list(sizes)].dropna().rank(axis=1)
    return ranks.corrwith(pd.Series(sizes).rank(), axis=1)


RANKS = Measurement({RANK_TABLE.name: tuple(RANKED)}, _ranks)


def _ranked(nets: str) -> Value:
    return Value(nets, final("rank_correlation"), RANK_TABLE.name)


NETWORK_SIZE_CLAIMS = (
    # "The more, the higher": the ranks of parameters and of accuracies agree, over D4's own four nets as shipped. The
    # grid without its faults is ours; the order of the seconds is told.
    Claim(
        "C-424",
        (
            Difference(_ranked("shipped nets"), 0.0, margin=0.7, unit="", expected=1.0),
            Difference(_ranked("mended nets"), 0.0, margin=0.7, unit="", scope="beyond", level="nine nets, mended"),
            Ordering(
                tuple(seconds_of(f"shipped_{net}") for net in NETWORK_SIZE_NETS),
                unit="s",
                scope="beside",
                level="seconds",
            ),
        ),
        planned_n=12,
        first_seed=FRESH,
        margin_reason="Of four nets one swap of neighbours leaves a rank correlation of 0.8, two leave 0.6.",
    ),
)

AS_IN_TABLE_2 = {f"{net},batch_size=100": f"shipped_{net}" for net in NETWORK_SIZE_NETS}
NETWORK_SIZE_REPORTED = tuple(
    one
    for row in ("E-068", "E-069", "E-070")
    for one in (*reported_by(row, AS_IN_TABLE_2), *reported_seconds(row, AS_IN_TABLE_2))
)

NETWORK_SIZE_EXPERIMENT = Experiment(
    name="network_size",
    question="Do more parameters make D4's nets more accurate, and slower to train?",
    ledger=("E-068", "E-069", "E-070"),
    presets={
        "quick": Preset(seeds=5, epochs=10, batch_size=24),  # as in `reference_net`
        "full": Preset(seeds=20, epochs=10, batch_size=100),
    },
    arms=_arms,
    claims=NETWORK_SIZE_CLAIMS,
    figures=(
        EveryRun("test_accuracy", NETWORK_SIZE_ARMS, reported=NETWORK_SIZE_REPORTED, document="D4"),
        CompareArms(
            NETWORK_SIZE_ARMS,
            "val_accuracy",
            note="As shipped, it is measured with batch statistics, mended with running ones.",
        ),
    ),
    reported=NETWORK_SIZE_REPORTED,
    measured=both(times_of(*NETWORK_SIZE_ARMS), RANKS),
)
