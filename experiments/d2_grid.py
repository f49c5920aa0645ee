"""What does D2's whole report give with many seeds instead of one? (E-020 to E-022)

    python -m experiments run d2_grid --dataset mnist --data-dir DIR --preset full

All 51 settings of D2's report (S-098), one of which it has twice: 50 arms, and nothing else, so that the manifest's
`seconds` are the time of D2's grid. Run it first: the experiments on single questions in the same `--out` take over
what it has trained.
"""

from experiments.lab.base import Experiment
from experiments.lab.documents.d2 import (
    CELL_NAMES,
    D2_LOSSES,
    D2_SETTINGS,
    FULL,
    QUICK,
    arms_of,
    d2_reported,
    names_of,
)
from jaxmlp.evidence import CompareArms, EveryRun

_REPORTED = (*d2_reported("E-021", CELL_NAMES), *d2_reported("E-022", CELL_NAMES))


def _of(hidden: int, loss: str | None = None) -> tuple[str, ...]:
    return names_of([one for one in D2_SETTINGS[:21] if one.hidden == hidden and loss in (None, one.loss)])


D2_GRID_EXPERIMENT = Experiment(
    name="d2_grid",
    question="What does D2's whole report give with many seeds instead of one?",
    ledger=("E-020", "E-021", "E-022"),
    presets={"quick": QUICK, "full": FULL},
    arms=lambda dataset, preset: arms_of(D2_SETTINGS, dataset, preset),
    figures=(
        EveryRun("test_accuracy", _of(0) + _of(1) + _of(2), reported=_REPORTED, document="D2"),
        CompareArms(_of(0), "test_accuracy", part="0_hidden"),
        *(
            CompareArms(_of(hidden, loss), "test_accuracy", part=f"{hidden}_hidden_{loss}")
            for hidden in (1, 2)
            for loss in D2_LOSSES
        ),
    ),
    reported=_REPORTED,
)
