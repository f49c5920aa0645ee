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
from jaxmlp.study.progress import Display
from jaxmlp.study.tables import last_rows

LANES = 8
"""Runs that share a block. Fixed, so that few seeds and many run through the same compiled program."""


@dataclass(frozen=True)
class Trials:
    """Runs of some settings, by name."""

    rows: pd.DataFrame
    """As a study's table `epochs`."""
    seconds: float

    @property
    def names(self) -> list[str]:
        """Of the settings, in the order in which they were given."""
        return list(self.rows["arm"].unique())

    def scores(self, name: str) -> pd.Series:
        """Test accuracy of every run's last model, by seed; a diverged run has chance."""
        last = last_rows(self.rows[self.rows["arm"] == name])
        return last.set_index("seed")["test_accuracy"].sort_index()

    def joined(self, other: "Trials") -> "Trials":
        """Both, one after the other."""
        return Trials(pd.concat([self.rows, other.rows], ignore_index=True), self.seconds + other.seconds)


def as_trained(setting: Setting) -> Setting:
    """The setting as trials train it: the last model is the one that counts."""
    evaluation = replace(setting.spec.evaluation, selection="last", test_every_epoch=True)
    return setting.with_spec(evaluation=evaluation)


def train(
    settings: Mapping[str, Setting], dataset: Dataset, seeds: Sequence[int], *, display: Display | None = None
) -> Trials:
    """Train every setting with every seed, in one study in memory.

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
    arms = [study.Arm(name, setting.spec, setting.hyper) for setting, name in first.items()]
    results = study.run(arms, dataset, seeds=list(seeds), lanes=LANES, strategy="vmap", display=display)
    of_arm = dict(iter(results.rows.groupby("arm", sort=False)))
    rows = [of_arm[first[setting]].assign(arm=name) for name, setting in trained.items()]
    return Trials(pd.concat(rows, ignore_index=True), float(results.manifest["seconds"]))


@dataclass(frozen=True)
class Bar:
    """What a run must reach to count as a success."""

    constant: float
    """Test accuracy of the best constant answer: the most frequent class of the training part."""
    reference: float
    """Median of the reference's runs."""
    noise: float
    """Standard deviation of the reference's runs."""

    SHARE = 0.95
    """Of the way from the constant answer to the reference."""

    @property
    def value(self) -> float:
        """The least score of a success: 95 % of the way to the reference, less its noise; always above constant."""
        way = self.reference - self.constant
        return self.constant + max(self.SHARE * way - self.noise, 0.5 * way)

    @property
    def is_learnable(self) -> bool:
        """Whether the reference beats the constant answer by more than its runs' own noise, and by a point."""
        return self.reference - self.constant > max(0.01, 2 * self.noise)

    def reached(self, scores: pd.Series) -> np.ndarray:
        """Whether each run succeeded, in the order of the seeds."""
        return scores.to_numpy(float) >= self.value


def bar_of(reference: pd.Series, dataset: Dataset) -> Bar:
    """The bar that a reference's scores set on these data."""
    values = reference.to_numpy(float)
    return Bar(constant_score(dataset), float(np.median(values)), float(values.std(ddof=1)))


def constant_score(dataset: Dataset) -> float:
    """Test accuracy of the class that is most frequent in the training part."""
    counts = np.bincount(np.asarray(dataset.train_labels), minlength=dataset.num_classes)
    return float(np.mean(np.asarray(dataset.test_labels) == counts.argmax()))


def constant_loss(dataset: Dataset) -> float:
    """Cross-entropy of the best constant answer, in nats: the entropy of the training part's classes.

    It is ln K where all K classes are equally frequent.
    """
    shares = np.bincount(np.asarray(dataset.train_labels), minlength=dataset.num_classes)
    shares = shares[shares > 0] / shares.sum()
    return float(-(shares * np.log(shares)).sum())
