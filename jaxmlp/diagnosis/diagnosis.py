"""What `why` answers: whether a net trains, what is wrong with it, and which change repairs it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from jaxmlp.diagnosis.changes import CHANGES
from jaxmlp.diagnosis.bar import Bar
from jaxmlp.diagnosis.setting import Setting, as_options, as_python
from jaxmlp.diagnosis.symptoms import Symptom
from jaxmlp.diagnosis.verdict import Effect, share_in_words
from jaxmlp.files import write_json

HEALTHY = "trains"
REPAIRED = "repaired"
NOT_LEARNABLE = "nothing learnable"
UNDECIDED = "undecided"


@dataclass(frozen=True)
class Repair:
    """A set of changes that was confirmed on fresh seeds."""

    changes: tuple[str, ...]
    """Names of changes, made together."""
    effect: Effect
    setting: Setting
    """The net after them."""
    but_for: tuple[int, int] | None = None
    """(failures, runs) of the reference net with what the changes replace put back in."""

    @property
    def sentence(self) -> str:
        """What to do: "use ReLU and raise the learning rate tenfold"."""
        return " and ".join(CHANGES[name].sentence if name in CHANGES else name for name in self.changes)

    @property
    def touches(self) -> frozenset[str]:
        """What it alters."""
        return frozenset(CHANGES[name].touches for name in self.changes)


@dataclass(frozen=True)
class Diagnosis:
    """The answer to why a net does not train, established by training other nets."""

    given: Setting
    status: str
    """`trains`, `repaired` (it does not, and something repairs it), `nothing learnable` or `undecided`."""
    before: tuple[int, int]
    """(successes, runs) of the net as given, on the seeds that judge."""
    bar: Bar
    symptoms: tuple[Symptom, ...]
    repairs: tuple[Repair, ...]
    """Confirmed minimal sets that repair, the cheapest first."""
    helps: tuple[Repair, ...]
    """Confirmed sets that help and do not repair."""
    tried: Mapping[str, tuple[int, int, float]]
    """Of every change that was screened: successes, runs, median score."""
    not_tried: tuple[str, ...] = ()
    """Changes that did not fit into the budget."""
    seconds: float = 0.0
    runs: int = 0
    """Nets trained, all stages together."""
    more: Mapping[str, Any] = field(default_factory=dict)

    @property
    def trains(self) -> bool:
        """Whether the net trains as given."""
        return self.status == HEALTHY

    @property
    def learnable(self) -> bool:
        """Whether any net beat a constant answer on these data."""
        return self.status != NOT_LEARNABLE

    @property
    def minimal_sets(self) -> list[list[str]]:
        """The changes of each repair, by name."""
        return [list(repair.changes) for repair in self.repairs]

    @property
    def cause(self) -> str | None:
        """What all repairs alter, where they alter one thing alone; else no single cause is named."""
        touched = {repair.touches for repair in self.repairs}
        if len(touched) != 1:
            return None
        (one,) = touched
        return " and ".join(sorted(one))

    @property
    def answer(self) -> str:
        """The answer in one or two sentences."""
        return _ANSWERS[self.status](self)

    @property
    def sentences(self) -> list[str]:
        """The whole answer: the answer, symptoms, what was tried, and what repairs."""
        lines = [self.answer]
        if self.status != HEALTHY:
            lines += [symptom.sentence for symptom in self.symptoms]
        lines += [_repair_sentence(self, repair) for repair in self.repairs]
        lines += [f"It helps, and does not repair, to {repair.sentence}." for repair in self.helps]
        if self.repairs and self.cause is None:
            lines.append("These changes do not share what they alter, so no single cause is named.")
        if self.cause is not None:
            lines.append(f"All that repairs it alters one thing: the {self.cause}.")
        if self.not_tried:
            lines.append(f"Not tried, for lack of time: {', '.join(self.not_tried)}.")
        return lines

    def to_json(self) -> dict[str, Any]:
        """What `diagnosis.json` holds."""
        return {
            "status": self.status,
            "trains": self.trains,
            "learnable": self.learnable,
            "answer": self.answer,
            "cause": self.cause,
            "before": {"successes": self.before[0], "n": self.before[1]},
            "bar": asdict(self.bar) | {"value": self.bar.value},
            "symptoms": [{"name": one.name, "sentence": one.sentence} for one in self.symptoms],
            "minimal_sets": self.minimal_sets,
            "repairs": [_repair_json(self, repair) for repair in self.repairs],
            "helps": [_repair_json(self, repair) for repair in self.helps],
            "tried": {name: {"successes": s, "n": n, "median": m} for name, (s, n, m) in self.tried.items()},
            "not_tried": list(self.not_tried),
            "n": self.before[1],
            "runs": self.runs,
            "seconds": round(self.seconds, 1),
        }

    def save(self, folder: Path) -> None:
        """Write `diagnosis.json` into a folder."""
        write_json(folder / "diagnosis.json", json.loads(json.dumps(self.to_json())))


def _repair_json(diagnosis: Diagnosis, repair: Repair) -> dict[str, Any]:
    effect = repair.effect
    return {
        "changes": list(repair.changes),
        "sentence": repair.sentence,
        "successes": effect.successes,
        "n": effect.n,
        "effect": effect.estimate,
        "low": effect.low,
        "high": effect.high,
        "p_value": effect.p_value,
        "python": as_python(diagnosis.given, repair.setting),
        "options": as_options(diagnosis.given, repair.setting),
        "but_for": None if repair.but_for is None else {"failures": repair.but_for[0], "n": repair.but_for[1]},
    }


def _repair_sentence(diagnosis: Diagnosis, repair: Repair) -> str:
    effect = repair.effect
    done = share_in_words(effect.successes, effect.n)
    python = as_python(diagnosis.given, repair.setting)
    sentence = f"What repairs it: {repair.sentence}: {done} reach {diagnosis.bar.value:.0%} then; in Python {python}."
    if repair.but_for is not None:
        failures, n = repair.but_for
        sentence += f" Put back into a net that trains, what was there before makes {failures} of {n} runs fail."
    return sentence


def _trains(diagnosis: Diagnosis) -> str:
    successes, n = diagnosis.before
    gain = diagnosis.more.get("gain")
    largest = "" if gain is None else f" The largest gain found is {gain[1]:+.1f} points ({gain[0]})."
    return (
        f"The net trains: {share_in_words(successes, n)} reach {diagnosis.bar.value:.0%}. Nothing to repair.{largest}"
    )


def _repaired(diagnosis: Diagnosis) -> str:
    successes, n = diagnosis.before
    count = len(diagnosis.repairs)
    ways = "One repair was" if count == 1 else f"{count} repairs were"
    return (
        f"The net does not train: {share_in_words(successes, n)} reach {diagnosis.bar.value:.0%}. "
        f"{ways} confirmed among {len(diagnosis.tried)} changes tried; the first is to {diagnosis.repairs[0].sentence}."
    )


def _not_learnable(diagnosis: Diagnosis) -> str:
    return (
        f"Nothing learnable was found in these data: the best of the reference nets reaches "
        f"{diagnosis.bar.reference:.1%}, and a constant answer {diagnosis.bar.constant:.1%}."
    )


def _undecided(diagnosis: Diagnosis) -> str:
    successes, n = diagnosis.before
    return (
        f"Undecided: {share_in_words(successes, n)} of the net as given reach {diagnosis.bar.value:.0%}, and none of "
        f"{len(diagnosis.tried)} changes tried repairs it. Give a larger budget to try more changes and pairs of them."
    )


_ANSWERS = {HEALTHY: _trains, REPAIRED: _repaired, NOT_LEARNABLE: _not_learnable, UNDECIDED: _undecided}
