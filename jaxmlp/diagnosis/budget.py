"""What a budget in seconds leaves: how dear programs and runs are here, and how many settings still fit."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from jaxmlp.data import Dataset
from jaxmlp.diagnosis.outcomes import Trials
from jaxmlp.diagnosis.setting import Setting
from jaxmlp.nn import count_parameters
from jaxmlp.study.plan import COMPILERS
from jaxmlp.training import RunSpec

OPERATIONS = 6
"""Of a parameter and an example: two forward, four back."""
STEP_FLOOR = 2000.0
"""Parameters times rows below which a step costs what it costs to start it."""

READ_AGAIN = 0.25
"""Of what compiling takes, to trace a program anew and read it from the folder of compiled ones."""


def work(setting: Setting, dataset: Dataset) -> float:
    """Operations of one run, about; for comparisons of settings."""
    data = setting.spec.data
    rows, parameters = data.num_train(len(dataset.train_inputs)), count_parameters(setting.spec.mlp)
    steps = setting.spec.epochs * max(1, rows // data.batch_size)
    return OPERATIONS * steps * max(STEP_FLOOR, parameters * data.batch_size)


@dataclass
class Budget:
    """A budget that began with it; learns from every stage what the next ones cost."""

    budget: float
    began: float = field(default_factory=time.monotonic)
    seconds_per_work: float = 0.0
    """Of one operation, as `work` counts them."""
    compiled: set[RunSpec] = field(default_factory=set)
    """Specs whose programs were compiled, and can be read again."""
    _compiling: float = 0.0
    _programs: int = 0

    @property
    def spent(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.began

    @property
    def left(self) -> float:
        """Seconds; below 0 where more was spent."""
        return self.budget - self.spent

    @property
    def seconds_per_program(self) -> float:
        """Of compiling a new one, as several share the cores; 0 before the first."""
        return self._compiling / max(1, self._programs)

    def note(self, trials: Trials, settings: Iterable[Setting], dataset: Dataset, runs: int) -> None:
        """Learn from trials of these settings, with so many runs each."""
        listed = list(settings)
        compiling = sum(trials.compile_seconds) / min(COMPILERS, max(1, len(trials.compile_seconds)))
        new = {setting.spec for setting in listed} - self.compiled
        if new:
            self._compiling += compiling
            self._programs += len(new)
            self.compiled |= new
        operations = runs * sum(work(setting, dataset) for setting in listed)
        self.seconds_per_work = max(trials.seconds - compiling, 0.0) / operations

    def cost(self, settings: Iterable[Setting], dataset: Dataset, runs: int) -> float:
        """Estimated seconds of settings with so many runs each."""
        listed = list(settings)
        specs = {setting.spec for setting in listed}
        again = len(specs & self.compiled)
        programs = (len(specs) - again + READ_AGAIN * again) * self.seconds_per_program
        return programs + runs * sum(work(setting, dataset) for setting in listed) * self.seconds_per_work

    def fitting(self, settings: Mapping[str, Setting], dataset: Dataset, runs: int, seconds: float) -> list[str]:
        """The first names whose trials fit into so many seconds together."""
        kept: dict[str, Setting] = {}
        for name, setting in settings.items():
            if self.cost([*kept.values(), setting], dataset, runs) > seconds:
                break
            kept[name] = setting
        return list(kept)
