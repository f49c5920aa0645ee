"""Trained trials: a number for every run, and whether it succeeded.

The score of a run is its *last* model's on the test part: whoever asks why a net does not train must see a collapse,
which the selection of the best epoch would hide. So trials are trained with `selection="last"` and tested every epoch.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from jaxmlp import study
from jaxmlp.data import Dataset
from jaxmlp.diagnosis.setting import Setting
from jaxmlp.study.arms import check_arms
from jaxmlp.study.progress import Display
from jaxmlp.study.sizes import check_sizes
from jaxmlp.study.tables import last_rows, score_column_in

LANES = 8
"""Runs that share a block. Fixed, so that few seeds and many run through the same compiled program."""


@dataclass(frozen=True)
class Trials:
    """Runs of some settings, by name."""

    rows: pd.DataFrame
    """As a study's table `epochs`."""
    seconds: float
    """All of it."""
    compile_seconds: tuple[float, ...] = ()
    """Of every program."""

    def scores(self, name: str) -> pd.Series:
        """Test score of every run's last model, by seed; a diverged run has that of guessing."""
        last = last_rows(self.rows.loc[self.rows["arm"] == name]).sort_values("seed")
        return pd.Series(
            last[score_column_in(self.rows, "test")].to_numpy(float), index=last["seed"].to_numpy(), name=name
        )

    def only(self, seeds: Sequence[int]) -> "Trials":
        """The runs with these seeds."""
        return replace(self, rows=self.rows.loc[self.rows["seed"].isin(list(seeds))])

    def until(self, epoch: int) -> "Trials":
        """What they would have been, had training ended after this epoch: so where the rate is constant."""
        return replace(self, rows=self.rows.loc[self.rows["epoch"] <= epoch])


def as_trained(setting: Setting) -> Setting:
    """The setting as trials train it: the last model is the one that counts."""
    evaluation = replace(setting.spec.evaluation, selection="last", test_every_epoch=True)
    return setting.with_spec(evaluation=evaluation)


def check_setting(setting: Setting, dataset: Dataset) -> None:
    """Raise `InputError` where a setting cannot be trained on these data, in the words of a study."""
    arm = study.Arm("as given", setting.spec, setting.hyper)
    check_arms([arm], dataset)
    check_sizes([arm], {arm.name: 1}, len(dataset.train_inputs), None)


def train_trials(
    settings: Mapping[str, Setting], dataset: Dataset, seeds: Sequence[int], *, display: Display | None = None
) -> Trials:
    """Train every setting with every seed, in memory.

    Args:
        settings: by name; those that train the same runs are trained once.
        dataset: on the host.
        seeds: shared by all settings, so that comparisons are paired.
        display: where progress goes.

    Returns:
        Their rows.

    Raises:
        InputError: a setting that cannot run on these data.
    """
    trained = {name: as_trained(setting) for name, setting in settings.items()}
    first: dict[Setting, str] = {}
    for name, setting in trained.items():
        first.setdefault(setting, name)
    of_arm: dict[str, pd.DataFrame] = {}
    seconds, compiling = 0.0, []
    for scaled in (False, True):
        arms = [study.Arm(name, one.spec, one.hyper) for one, name in first.items() if one.scaled_targets == scaled]
        if not arms:
            continue
        data = with_scaled_targets(dataset) if scaled else dataset
        results = study.run(arms, data, seeds=list(seeds), lanes=LANES, strategy="vmap", display=display)
        of_arm |= {str(name): rows for name, rows in results.rows.groupby("arm", sort=False)}
        seconds += float(results.manifest["seconds"])
        compiling += [float(program["compile_seconds"]) for program in results.manifest["programs"]]
    rows = [of_arm[first[setting]].assign(arm=name) for name, setting in trained.items()]
    return Trials(pd.concat(rows, ignore_index=True), seconds, tuple(compiling))


def with_scaled_targets(dataset: Dataset) -> Dataset:
    """The same with numbers to predict of mean 0 and variance 1 over the training part; classes stay."""
    if dataset.task == "classes":
        return dataset
    trained = np.asarray(dataset.train_targets, np.float64)
    mean, std = trained.mean(0), trained.std(0)
    std = np.where(std > 0, std, 1.0)

    def scaled(targets: object) -> np.ndarray:
        return ((np.asarray(targets, np.float64) - mean) / std).astype(np.float32)

    return dataset.replace(train_targets=scaled(dataset.train_targets), test_targets=scaled(dataset.test_targets))
