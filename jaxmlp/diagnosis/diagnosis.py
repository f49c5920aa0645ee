"""What `why` answers: whether a net trains, what is wrong with it, and which change repairs it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from jaxmlp.diagnosis.bar import Bar
from jaxmlp.diagnosis.changes import CHANGES
from jaxmlp.diagnosis.setting import Setting, as_options, as_python
from jaxmlp.diagnosis.symptoms import Symptom
from jaxmlp.diagnosis.verdict import REPAIRED_SHARE, Effect, runs_to_decide, share_in_words
from jaxmlp.files import write_json

HEALTHY = "trains"
REPAIRED = "repaired"
NOT_LEARNABLE = "nothing learnable"
UNDECIDED = "undecided"
AS_GIVEN, REFERENCE_NAME = "as given", "reference"
FILE = "diagnosis.json"


class Tried(NamedTuple):
    """What the screening runs of a change did."""

    successes: int
    n: int
    median: float
    """Of the scores."""


@dataclass(frozen=True)
class Repair:
    """A set of changes that was judged with fresh seeds.

    >>> from jaxmlp import nn, training
    >>> given = Setting(training.RunSpec(nn.MLPSpec((4, 8, 3))))
    >>> effect = Effect(successes=24, before=0, n=24, low=0.8, high=1.0, p_value=1e-6)
    >>> Repair(("relu",), effect, given).sentence
    'use ReLU'
    """

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
        return frozenset(CHANGES[name].touches for name in self.changes if name in CHANGES)


@dataclass(frozen=True)
class Diagnosis:
    """The answer to why a net does not train, established by training other nets.

    >>> from jaxmlp import nn, training
    >>> given = Setting(training.RunSpec(nn.MLPSpec((4, 8, 3))))
    >>> found = Diagnosis(given, "iris", Bar(0.33, 0.97, 0.01), before=(24, 24), median=0.97, learnable=True)
    >>> found.status, found.trains
    ('trains', True)
    """

    given: Setting
    dataset: str
    """Its name."""
    bar: Bar
    before: tuple[int, int]
    """(successes, runs) of the net as given, on the seeds that judge."""
    median: float
    """Score of the net as given, in the middle of its screening runs."""
    learnable: bool
    """Whether any net beat a constant answer on these data."""
    symptoms: tuple[Symptom, ...] = ()
    repairs: tuple[Repair, ...] = ()
    """Minimal sets that repair, the cheapest first."""
    confirmed: tuple[Repair, ...] = ()
    """All sets that were judged with fresh seeds, whatever they did."""
    unconfirmed: tuple[str, ...] = ()
    """Changes that screened well and were not judged."""
    tried: Mapping[str, Tried] = field(default_factory=dict)
    """Of every set of changes that was screened."""
    not_tried: tuple[str, ...] = ()
    """Changes that did not fit into the budget."""
    scores: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """Of the runs that judge, by what was trained: `as given`, `reference`, and every confirmed set."""
    seconds: float = 0.0
    seconds_more: float = 0.0
    """About what trying the rest would take."""
    runs: int = 0
    """Nets trained, all stages together."""
    interrupted: bool = False

    @property
    def status(self) -> str:
        """`trains`, `repaired` (it does not, and something repairs it), `nothing learnable` or `undecided`."""
        if not self.learnable:
            return NOT_LEARNABLE
        if self.before[0] >= REPAIRED_SHARE * self.before[1]:
            return HEALTHY
        return REPAIRED if self.repairs else UNDECIDED

    @property
    def trains(self) -> bool:
        """Whether the net trains as given."""
        return self.status == HEALTHY

    @property
    def minimal_sets(self) -> list[list[str]]:
        """The changes of each repair, by name."""
        return [list(repair.changes) for repair in self.repairs]

    @property
    def helps(self) -> tuple[Repair, ...]:
        """Confirmed sets that help and do not repair."""
        return tuple(one for one in self.confirmed if one.effect.helps and not one.effect.repairs)

    @property
    def cause(self) -> str | None:
        """What every repair alters, where there is such a thing; None where the repairs share nothing.

        A change that screened well and was not judged may be one more repair, so it must share it too.
        """
        if not self.repairs:
            return None
        touched = [repair.touches for repair in self.repairs]
        touched += [frozenset({CHANGES[name].touches}) for name in self.unconfirmed if name in CHANGES]
        shared = frozenset.intersection(*touched)
        return " and ".join(sorted(shared)) or None

    @property
    def gain(self) -> tuple[str, float] | None:
        """(change, difference of median scores) of the best change that was screened."""
        if not self.tried:
            return None
        best = max(self.tried, key=lambda name: self.tried[name].median)
        return best, self.tried[best].median - self.median

    @property
    def would_decide(self) -> str | None:
        """What would decide an undecided question: more seeds, or a larger budget; else None."""
        if self.status != UNDECIDED:
            return None
        near = [one for one in self.confirmed if one.effect.successes >= REPAIRED_SHARE * one.effect.n]
        needed = [runs_to_decide(one.effect, len(self.confirmed)) for one in near]
        if seeds := [count for count in needed if count is not None and count > self.before[1]]:
            return f"about {min(seeds)} seeds would tell whether to {near[0].sentence} makes the difference"
        if self.not_tried:
            more = 10 * round((self.seconds + 1.5 * self.seconds_more) / 10 + 1)
            return f"a budget of about {more} s would try the {len(self.not_tried)} changes that are left"
        return None

    def to_json(self) -> dict[str, Any]:
        """What `diagnosis.json` holds."""
        from jaxmlp.diagnosis.telling import answer

        return {
            "status": self.status,
            "trains": self.trains,
            "learnable": self.learnable,
            "answer": answer(self),
            "cause": self.cause,
            "dataset": self.dataset,
            "task": self.bar.task,
            "before": {"successes": self.before[0], "n": self.before[1]},
            "bar": asdict(self.bar) | {"value": self.bar.value},
            "symptoms": [{"name": one.name, "sentence": one.sentence} for one in self.symptoms],
            "minimal_sets": self.minimal_sets,
            "repairs": [self._repair_json(repair) for repair in self.repairs],
            "confirmed": [self._repair_json(repair) for repair in self.confirmed],
            "unconfirmed": list(self.unconfirmed),
            "tried": {name: found._asdict() for name, found in self.tried.items()},
            "not_tried": list(self.not_tried),
            "would_decide": self.would_decide,
            "scores": {name: list(scores) for name, scores in self.scores.items()},
            "n": self.before[1],
            "runs": self.runs,
            "seconds": round(self.seconds, 1),
            "interrupted": self.interrupted,
        }

    def save(self, folder: Path) -> None:
        """Write `diagnosis.json` and the page `diagnosis.html` into a folder, which is made."""
        from jaxmlp.diagnosis.page import write_page

        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / FILE, self.to_json())
        write_page(self, folder)

    def _repr_html_(self) -> str:
        """The page's body, for a notebook."""
        from jaxmlp.diagnosis.page import page_body

        return page_body(self)

    def __str__(self) -> str:
        from jaxmlp.diagnosis.telling import sentences

        return "\n".join(sentences(self))

    def _repair_json(self, repair: Repair) -> dict[str, Any]:
        effect = repair.effect
        return {
            "changes": list(repair.changes),
            "sentence": repair.sentence,
            "successes": effect.successes,
            "before": effect.before,
            "n": effect.n,
            "share": share_in_words(effect.successes, effect.n),
            "effect": effect.estimate,
            "low": effect.low,
            "high": effect.high,
            "p_value": effect.p_value,
            "repairs": effect.repairs,
            "python": as_python(self.given, repair.setting),
            "options": as_options(self.given, repair.setting),
            "but_for": None if repair.but_for is None else {"failures": repair.but_for[0], "n": repair.but_for[1]},
        }
