"""What a budget in seconds leaves: how dear programs and runs are here, and how many settings still fit."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from jaxmlp.data import Dataset
from jaxmlp.diagnosis.outcomes import Trials
from jaxmlp.diagnosis.setting import Setting
from jaxmlp.nn import count_parameters
from jaxmlp.study.plan import COMPILERS

OPERATIONS = 6
"""Of a parameter and an example: two forward, four back."""
STEP_FLOOR = 2000.0
"""Parameters times rows below which a step costs what it costs to start it."""


def work(setting: Setting, dataset: Dataset) -> float:
    """Operations of one run, about; for comparisons of settings."""
    data = setting.spec.data
    rows, parameters = data.num_train(len(dataset.train_images)), count_parameters(setting.spec.mlp)
    steps = setting.spec.epochs * max(1, rows // data.batch_size)
    return OPERATIONS * steps * max(STEP_FLOOR, parameters * data.batch_size)


@dataclass
class Clock:
    """A budget that began with it; learns from every stage what the next ones cost."""

    budget: float
    began: float = field(default_factory=time.monotonic)
    seconds_per_program: float = 0.0
    """Of compiling, as several share the cores."""
    seconds_per_work: float = 0.0
    """Of one operation, as `work` counts them."""

    @property
    def spent(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.began

    @property
    def left(self) -> float:
        """Seconds; below 0 where more was spent."""
        return self.budget - self.spent

    def note(self, trials: Trials, operations: float) -> None:
        """Learn from trials of so many operations, all runs together."""
        compiling = sum(trials.compile_seconds) / min(COMPILERS, max(1, len(trials.compile_seconds)))
        if trials.compile_seconds:
            self.seconds_per_program = max(self.seconds_per_program, compiling / len(trials.compile_seconds))
        self.seconds_per_work = max(trials.seconds - compiling, 0.0) / operations

    def cost(self, settings: Iterable[Setting], dataset: Dataset, runs: int) -> float:
        """Estimated seconds of settings with so many runs each, compiled anew."""
        listed = list(settings)
        programs = len({setting.spec for setting in listed})
        operations = runs * sum(work(setting, dataset) for setting in listed)
        return programs * self.seconds_per_program + operations * self.seconds_per_work

    def fitting(self, settings: dict[str, Setting], dataset: Dataset, runs: int, seconds: float) -> list[str]:
        """The first names whose trials fit into so many seconds together."""
        kept: dict[str, Setting] = {}
        for name, setting in settings.items():
            if self.cost([*kept.values(), setting], dataset, runs) > seconds:
                break
            kept[name] = setting
        return list(kept)
