"""What does D2's whole report give with many seeds instead of one? (E-020 to E-022)

    python -m experiments run d2_grid --dataset mnist --data-dir DIR --preset full

All 51 settings of D2's report (S-098), one of which it has twice: 50 arms, and nothing else, so that the manifest's
`seconds` are the time of D2's grid. Run it first: the experiments on single questions in the same `--out` take over
what it has trained.
"""

from experiments.d2 import (
    CELL_NAMES,
    CELLS,
    D2_ACTIVATIONS,
    D2_LOSSES,
    FULL,
    GRID,
    NO_HIDDEN,
    QUICK,
    arms_of,
    d2_reported,
    names_of,
    tested,
)
from experiments.lab.base import Experiment
from jaxmlp.evidence import Claim, CompareArms, Difference, EveryRun

CLAIMS = (
    # "Cannot reach the expected accuracy": with each loss a hidden layer is better by a point. D2's figures: 3.8, -0.2
    # and 3.4 points with the sigmoid, 9.9, 3.5 and 5.6 with ReLU, 8.6, 3.3 and 5.6 with GELU.
    Claim(
        "C-201",
        tuple(
            Difference(tested(CELLS[1, activation, loss]), tested(NO_HIDDEN[loss]), margin=0.01, level=activation)
            for activation in D2_ACTIVATIONS
            for loss in D2_LOSSES
        ),
        planned_n=20,
        factor="activation",
    ),
)

REPORTED = (*d2_reported("E-021", CELL_NAMES), *d2_reported("E-022", CELL_NAMES))


def _of(hidden: int, loss: str | None = None) -> tuple[str, ...]:
    return names_of([one for one in GRID[:21] if one.hidden == hidden and loss in (None, one.loss)])


D2_GRID = Experiment(
    name="d2_grid",
    question="What does D2's whole report give with many seeds instead of one?",
    ledger=("E-020", "E-021", "E-022"),
    presets={"quick": QUICK, "full": FULL},
    arms=lambda dataset, preset: arms_of(GRID, dataset, preset),
    claims=CLAIMS,
    figures=(
        EveryRun("test_accuracy", _of(0) + _of(1) + _of(2), reported=REPORTED, document="D2"),
        CompareArms(_of(0), "test_accuracy", part="0_hidden"),
        *(
            CompareArms(_of(hidden, loss), "test_accuracy", part=f"{hidden}_hidden_{loss}")
            for hidden in (1, 2)
            for loss in D2_LOSSES
        ),
    ),
    reported=REPORTED,
)
