"""Do more parameters make D4's nets more accurate, and slower to train? (E-068, E-069, E-070)

    python -m experiments run network_size --dataset mnist --data-dir DIR --preset full

The nets of D4's table 2 at batch size 100, as shipped and with its faults mended (S-116, A-22): 500 has 398,000
parameters, 300-150 282,600, 100-30 81,960 and 100 79,600 (P-14). E-066, the second of them, is `reference_net`'s. D4's
seconds include its validation (S-101); here a net's updates are timed alone.
"""

from experiments.d4 import AS_SHIPPED, CORRECTED, HYPER, d4_spec
from experiments.lab.base import Experiment, Preset, reported_by
from experiments.lab.timed import reported_seconds, seconds_of, times_of
from jaxmlp.data import Dataset
from jaxmlp.evidence import Claim, CompareArms, EveryRun, Ordering, Value, final
from jaxmlp.study import Arm

NETS = {"500": (500,), "300-150": (300, 150), "100-30": (100, 30), "100": (100,)}
"""Hidden widths, most parameters first; on the digits, of 64 inputs, 300-150 has more than 500."""
PROGRAMS = {"shipped": AS_SHIPPED, "mended": CORRECTED}
ARMS = tuple(f"{program}_{net}" for program in PROGRAMS for net in NETS)


def arms(dataset: Dataset, preset: Preset) -> list[Arm]:
    """D4's four nets under both programs."""
    return [
        Arm(f"{name}_{net}", d4_spec(dataset, preset, program, hidden), HYPER)
        for name, program in PROGRAMS.items()
        for net, hidden in NETS.items()
    ]


CLAIMS = (
    # "In proportion to": accuracy falls with every step down in parameters, and so do the seconds of an epoch. A rank
    # correlation over so few nets has few values; this is the largest of them, each step by its own interval.
    Claim(
        "C-424",
        tuple(
            part
            for level, program in {"as shipped": "shipped", "faults mended": "mended"}.items()
            for part in (
                Ordering(tuple(Value(f"{program}_{net}", final("test_accuracy")) for net in NETS), level=level),
                Ordering(tuple(seconds_of(f"{program}_{net}") for net in NETS), unit="s", level=level),
            )
        ),
        planned_n=20,
        factor="program",
    ),
)

AS_IN_TABLE_2 = {f"{net},batch_size=100": f"shipped_{net}" for net in NETS}
REPORTED = tuple(
    one
    for row in ("E-068", "E-069", "E-070")
    for one in (*reported_by(row, AS_IN_TABLE_2), *reported_seconds(row, AS_IN_TABLE_2))
)

NETWORK_SIZE = Experiment(
    name="network_size",
    question="Do more parameters make D4's nets more accurate, and slower to train?",
    ledger=("E-068", "E-069", "E-070"),
    presets={
        "quick": Preset(seeds=5, epochs=10, batch_size=24),  # as in `reference_net`
        "full": Preset(seeds=20, epochs=10, batch_size=100),
    },
    arms=arms,
    claims=CLAIMS,
    figures=(
        EveryRun("test_accuracy", ARMS, reported=REPORTED, document="D4"),
        CompareArms(
            ARMS, "val_accuracy", note="As shipped, it is measured with batch statistics, mended with running ones."
        ),
    ),
    reported=REPORTED,
    measured=times_of(*ARMS),
)
