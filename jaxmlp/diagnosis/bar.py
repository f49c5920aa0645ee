"""What a run must reach to count as a success, and what a constant answer gets, of classes and of numbers."""

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
import pandas as pd

from jaxmlp.data import Dataset
from jaxmlp.training import LossSpec, r2_score

BAR_SHARE = 0.95
"""Of the way from the constant answer to the reference, which a success has gone."""
LEAST_WAY = 0.01
"""A point of accuracy, or a hundredth of the variance: less is not worth a question."""


@dataclass(frozen=True)
class Bar:
    """The score a run must reach to count as a success: accuracy or R².

    It lies between the score of a constant answer and that of the reference net.

    >>> bar = Bar(constant=0.10, reference=0.98, noise=0.006)
    >>> round(bar.value, 3), bar.is_learnable, bar.reached(pd.Series([0.5, 0.95])).tolist()
    (0.93, True, [False, True])
    """

    constant: float
    """Test score of the best constant answer: the most frequent class, or the mean, of the training part."""
    reference: float
    """Median of the reference's runs."""
    noise: float
    """Standard deviation of the reference's runs."""
    sampling: float = 0.0
    """Standard error of the constant answer's score, over test parts of this size."""
    task: str = "classes"

    @property
    def margin(self) -> float:
        """How far above the constant answer a score must be before anything was learned.

        Two standard deviations of what runs, and the drawing of the test part, do to a score.
        """
        return max(LEAST_WAY, 2 * self.noise, 2 * self.sampling)

    @property
    def value(self) -> float:
        """95 % of the way from the constant answer to the reference, less its noise, but at least half of the way.

        Where there is no way to go, the constant answer and the margin.
        """
        way = self.reference - self.constant
        if not self.is_learnable:
            return self.constant + self.margin
        return self.constant + max(BAR_SHARE * way - self.noise, 0.5 * way)

    @property
    def is_learnable(self) -> bool:
        """Whether the reference beats the constant answer by more than chance could."""
        return self.reference - self.constant > self.margin

    def reached(self, scores: pd.Series) -> np.ndarray:
        """Whether each run succeeded, in the order of the seeds."""
        return scores.to_numpy(float) >= self.value

    def shown(self, score: float) -> str:
        """A score in words: "93.1 %", or "R² 0.931"."""
        return f"R² {score:.3f}" if self.task == "numbers" else f"{100 * score:.1f} %"

    def gain_shown(self, gain: float) -> str:
        """A difference of scores in words: "+0.3 points", or "+0.003 of R²"."""
        return f"{gain:+.3f} of R²" if self.task == "numbers" else f"{100 * gain:+.1f} points"


def bar_of(reference: pd.Series, dataset: Dataset) -> Bar:
    """The bar that a reference's scores, two or more, set on these data."""
    values = reference.to_numpy(float)
    constant, sampling = constant_score(dataset)
    return Bar(constant, float(np.median(values)), float(values.std(ddof=1)), sampling, dataset.task)


def constant_score(dataset: Dataset) -> tuple[float, float]:
    """(test score of the training part's most frequent class or mean, its standard error).

    Of classes √(p(1 − p)/N), of numbers 1/√N: about what R² of an answer that has nothing to do with the targets
    scatters by.
    """
    tested = np.asarray(dataset.test_targets)
    if dataset.task == "classes":
        counts = np.bincount(np.asarray(dataset.train_targets), minlength=dataset.num_classes)
        share = float(np.mean(tested == counts.argmax()))
        return share, float(np.sqrt(share * (1 - share) / len(tested)))
    mean = np.asarray(dataset.train_targets, np.float64).mean(0)
    answers = np.broadcast_to(mean, tested.shape).reshape(len(tested), -1)
    return float(r2_score(jnp.asarray(answers, float), jnp.asarray(tested))), float(1 / np.sqrt(len(tested)))


def constant_loss(loss: LossSpec, dataset: Dataset) -> float | None:
    """Training loss of the best constant answer; None of a loss that is not listed here, weighted or penalized.

    Of the cross-entropy it is the entropy of the training part's classes, ln K where all K are equally frequent; of the
    squared error the variance of the targets.
    """
    if loss.penalty != "none" or loss.class_weights != "none" or loss.name not in _CONSTANT:
        return None
    return _CONSTANT[loss.name](dataset)


def is_constant(dataset: Dataset) -> bool:
    """Whether the training part has one class, or one number, alone: there is nothing to tell apart."""
    targets = np.asarray(dataset.train_targets)
    return bool((targets == targets[:1]).all())


def class_shares(dataset: Dataset) -> np.ndarray:
    """Of the training part, [K]."""
    return np.bincount(np.asarray(dataset.train_targets), minlength=dataset.num_classes) / len(dataset.train_targets)


def _entropy(dataset: Dataset) -> float:
    shares = class_shares(dataset)
    shares = shares[shares > 0]
    return float(-(shares * np.log(shares)).sum())


def _binary_entropy(dataset: Dataset) -> float:
    p = class_shares(dataset)
    inner = p[(p > 0) & (p < 1)]
    return float(-(inner * np.log(inner) + (1 - inner) * np.log(1 - inner)).sum() / len(p))


def _half_variance(dataset: Dataset) -> float:
    p = class_shares(dataset)
    return float(0.5 * (p * (1 - p)).sum())


def _variance(dataset: Dataset) -> float:
    return float(np.var(np.asarray(dataset.train_targets, np.float64), axis=0).mean())


def _deviation(dataset: Dataset) -> float:
    targets = np.asarray(dataset.train_targets, np.float64)
    return float(np.abs(targets - np.median(targets, axis=0)).mean())


_CONSTANT = {
    "cross_entropy": _entropy,
    "binary_cross_entropy": _binary_entropy,
    "euclidean": _half_variance,
    "squared_error": _variance,
    "absolute_error": _deviation,
}
