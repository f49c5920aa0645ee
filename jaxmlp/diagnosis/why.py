"""`why`: train counterfactuals until the question why a net does not train has an answer.

The six steps: look, train as given, train a reference, try changes one at a time, confirm on fresh seeds, report. Few
seeds screen, others judge: what is said about a change stands on runs that had no part in choosing it, so intervals
stay valid however many changes were screened.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from jaxmlp.data import Dataset
from jaxmlp.diagnosis.changes import CHANGES, applicable
from jaxmlp.diagnosis.diagnosis import HEALTHY, NOT_LEARNABLE, REPAIRED, UNDECIDED, Diagnosis, Repair
from jaxmlp.diagnosis.bar import Bar, bar_of
from jaxmlp.diagnosis.outcomes import Trials, train
from jaxmlp.diagnosis.reference import reference_settings
from jaxmlp.diagnosis.setting import Setting, differences, transplanted
from jaxmlp.diagnosis.symptoms import Symptom, symptoms_of
from jaxmlp.diagnosis.verdict import REPAIRED_SHARE, effects
from jaxmlp.errors import InputError, check_count
from jaxmlp.study.progress import Display
from jaxmlp.training import Hyper, RunSpec

SCREENING_SEEDS = range(8)
"""Screen the changes; the net as given is trained with them too."""
FIRST_JUDGING_SEED = 1000
"""Judging seeds are fresh: no screening has seen them."""
JUDGING_RUNS = 24
"""Runs that judge every confirmed change, fixed before. With 24, a change of which nine runs in ten succeed is told
from one of which half do in more than 99 cases of 100."""
CONFIRMED = 5
"""At most so many changes are confirmed: the best of the screening."""
PAIRED = 5
"""Where no change repairs alone, the best so many are tried in pairs."""


@dataclass
class _Clock:
    """What is left of the budget."""

    budget: float
    began: float
    seconds_per_setting: float = 0.0
    """Of one setting with the screening seeds, compiled and trained, by the dearest stage so far."""

    @property
    def left(self) -> float:
        return self.budget - (time.monotonic() - self.began)

    def note(self, seconds: float, settings: int) -> None:
        self.seconds_per_setting = max(self.seconds_per_setting, seconds / settings)

    def affordable(self, share: float = 1.0) -> int:
        """How many settings fit into this share of what is left."""
        return int(max(0.0, share * self.left) / max(self.seconds_per_setting, 1e-3))


Say = Callable[[str], None]


def why(
    spec: RunSpec,
    hyper: Hyper,
    dataset: Dataset,
    *,
    seeds: int = JUDGING_RUNS,
    budget: float = 60.0,
    say: Say = lambda line: None,
    display: Display | None = None,
) -> Diagnosis:
    """Say why a net does not train, by training counterfactuals with many seeds.

    Args:
        spec: the net and how it is trained.
        hyper: its numbers.
        dataset: from `data.load` or `data.from_arrays`.
        seeds: fresh runs that judge the net as given and every confirmed change, at least 12.
        budget: seconds that the whole answer may take, about; what does not fit is listed in `not_tried`.
        say: takes a line about every stage.
        display: where the progress of each stage goes; by default as `study.run` chooses.

    Returns:
        The diagnosis.

    Raises:
        InputError: a net that cannot run on these data, fewer than 12 seeds, or a budget that is not positive.
    """
    check_count("seeds", seeds)
    if seeds < 12:
        raise InputError(f"seeds is {seeds}: give at least 12, since a share of fewer runs decides nothing")
    if not budget > 0:
        raise InputError(f"budget is {budget:g}: give seconds, such as 60")
    return _Inquiry(Setting(spec, hyper), dataset, seeds, _Clock(budget, time.monotonic()), say, display).answer()


class _Inquiry:
    """One question, stage by stage."""

    def __init__(
        self, given: Setting, dataset: Dataset, seeds: int, clock: _Clock, say: Say, display: Display | None
    ) -> None:
        self._given, self._dataset, self._clock, self._say, self._display = given, dataset, clock, say, display
        self._judging = range(FIRST_JUDGING_SEED, FIRST_JUDGING_SEED + seeds)
        self._runs = 0
        self._tried: dict[str, tuple[int, int, float]] = {}
        self._gains: dict[str, float] = {}

    def answer(self) -> Diagnosis:
        """The diagnosis; every stage may end it."""
        self._say("Training the net as given.")
        as_given = self._train({"as given": self._given}, SCREENING_SEEDS)
        self._say("Training reference nets: is there anything to learn?")
        bar = self._bar()
        symptoms = symptoms_of(as_given.rows, self._given, self._dataset, bar)
        scores = as_given.scores("as given")
        self._before_score = float(np.median(scores))
        if not bar.is_learnable and not bar.reached(scores).any():
            return self._diagnosis(NOT_LEARNABLE, bar, symptoms, as_given.scores("as given"))
        looks_healthy = bool(bar.reached(scores).mean() >= REPAIRED_SHARE)
        changed = applicable(self._given, self._dataset)
        ordered = _ordered(changed, symptoms)
        share = 0.2 if looks_healthy else 0.6
        screened = self._screen(bar, {name: changed[name] for name in ordered}, share)
        return self._judge(bar, symptoms, changed, screened, looks_healthy)

    def _bar(self) -> Bar:
        settings = reference_settings(self._given, self._dataset)
        trials = self._train(settings, SCREENING_SEEDS)
        best = max(settings, key=lambda name: float(np.median(trials.scores(name))))
        self._reference = settings[best]
        fresh = self._train({best: self._reference}, list(self._judging)[:12])
        return bar_of(fresh.scores(best), self._dataset)

    def _screen(self, bar: Bar, settings: Mapping[str, Setting], share: float) -> list[str]:
        """Names of the changes that fit into the budget, by their screening: the best first."""
        same, others = _by_program(self._given, settings)
        names = [*same, *others]
        count = len(same) + self._clock.affordable(share)
        kept = names[: max(count, 3)]
        self._not_tried = tuple(name for name in names if name not in kept)
        self._say(f"Trying {len(kept)} changes, one at a time.")
        trials = self._train({name: settings[name] for name in kept}, SCREENING_SEEDS)
        for name in kept:
            scores = trials.scores(name)
            self._tried[name] = (int(bar.reached(scores).sum()), len(scores), float(np.median(scores)))
        return sorted(kept, key=lambda name: self._tried[name][::2], reverse=True)

    def _judge(
        self, bar: Bar, symptoms: list[Symptom], changed: Mapping[str, Setting], screened: list[str], healthy: bool
    ) -> Diagnosis:
        candidates = {(name,): changed[name] for name in screened if self._tried[name][0] >= len(SCREENING_SEEDS) // 2}
        candidates = dict(list(candidates.items())[:CONFIRMED])
        if not candidates and not healthy:
            candidates = self._pairs(bar, changed, screened)
        if healthy:
            candidates = {}
        self._say(f"Judging on {len(self._judging)} fresh seeds.")
        settings = {"as given": self._given} | {" + ".join(names): one for names, one in candidates.items()}
        trials = self._train(settings, self._judging)
        reached = {name: [bool(one) for one in bar.reached(trials.scores(name))] for name in trials.names}
        before = reached.pop("as given")
        found = effects(reached, before) if reached else {}
        confirmed = [Repair(names, found[" + ".join(names)], one) for names, one in candidates.items()]
        repairs = self._minimal([repair for repair in confirmed if repair.effect.repairs])
        helps = tuple(repair for repair in confirmed if repair.effect.helps and not repair.effect.repairs)
        status = HEALTHY if np.mean(before) >= REPAIRED_SHARE else REPAIRED if repairs else UNDECIDED
        if status == HEALTHY:
            repairs, helps = (), ()
        repairs = self._but_for(bar, repairs)
        return self._diagnosis(status, bar, symptoms, trials.scores("as given"), repairs, helps)

    def _pairs(
        self, bar: Bar, changed: Mapping[str, Setting], screened: Sequence[str]
    ) -> dict[tuple[str, ...], Setting]:
        """Pairs of the best changes, screened; those of which half of the runs succeed."""
        pairs: dict[tuple[str, ...], Setting] = {}
        for first, second in combinations(screened[:PAIRED], 2):
            if CHANGES[first].touches == CHANGES[second].touches:
                continue
            both = _together(changed[first], self._given, changed[second], self._dataset, second)
            if both is not None:
                pairs[first, second] = both
        kept = dict(list(pairs.items())[: max(self._clock.affordable(0.6), 3)])
        if not kept:
            return {}
        self._say(f"No change repairs it alone: trying {len(kept)} pairs.")
        trials = self._train({" + ".join(names): one for names, one in kept.items()}, SCREENING_SEEDS)
        for names in kept:
            scores = trials.scores(" + ".join(names))
            self._tried[" + ".join(names)] = (int(bar.reached(scores).sum()), len(scores), float(np.median(scores)))
        good = [names for names in kept if self._tried[" + ".join(names)][0] >= len(SCREENING_SEEDS) // 2]
        good.sort(key=lambda names: self._tried[" + ".join(names)][::2], reverse=True)
        return {names: kept[names] for names in good[:CONFIRMED]}

    def _minimal(self, repairs: Sequence[Repair]) -> tuple[Repair, ...]:
        """Those of which no part repairs, the cheapest first: fewest changes, then the most successes."""
        sets = [set(repair.changes) for repair in repairs]
        minimal = [one for one in repairs if not any(other < set(one.changes) for other in sets)]
        return tuple(sorted(minimal, key=lambda one: (len(one.changes), _cost(one), -one.effect.successes)))

    def _but_for(self, bar: Bar, repairs: tuple[Repair, ...]) -> tuple[Repair, ...]:
        """Put what each repair replaces into the reference net: there too it must do harm, if it is the fault."""
        faulty: dict[str, Setting] = {}
        for repair in repairs:
            names = differences(self._given, repair.setting)
            try:
                setting = transplanted(self._reference, self._given, names)
            except InputError:  # the fault needs what the reference does not have, such as more layers
                continue
            if setting != self._reference:
                faulty[" + ".join(repair.changes)] = setting
        if not faulty or self._clock.left < len(faulty) * self._clock.seconds_per_setting:
            return repairs
        self._say("Putting the suspected faults into the reference net.")
        trials = self._train(faulty, list(self._judging)[:12])
        found = []
        for repair in repairs:
            name = " + ".join(repair.changes)
            reached = bar.reached(trials.scores(name)) if name in faulty else None
            counts = None if reached is None else (int((~reached).sum()), len(reached))
            found.append(Repair(repair.changes, repair.effect, repair.setting, counts))
        return tuple(found)

    def _train(self, settings: Mapping[str, Setting], seeds: Sequence[int]) -> Trials:
        begin = time.monotonic()
        trials = train(settings, self._dataset, list(seeds), display=self._display)
        programs = len({setting.spec for setting in settings.values()})
        self._clock.note(time.monotonic() - begin, programs)
        self._runs += len(settings) * len(seeds)
        return trials

    def _diagnosis(self, status, bar, symptoms, before, repairs=(), helps=()) -> Diagnosis:
        gains = {name: 100 * (median - self._before_score) for name, (_, _, median) in self._tried.items()}
        best = max(gains, key=gains.__getitem__, default=None)
        return Diagnosis(
            given=self._given,
            status=status,
            before=(int(bar.reached(before).sum()), len(before)),
            bar=bar,
            symptoms=tuple(symptoms),
            repairs=tuple(repairs),
            helps=tuple(helps),
            tried=dict(self._tried),
            not_tried=getattr(self, "_not_tried", ()),
            seconds=time.monotonic() - self._clock.began,
            runs=self._runs,
            more={} if best is None else {"gain": (CHANGES[best].sentence, gains[best])} if best in CHANGES else {},
        )


def _ordered(changed: Mapping[str, Setting], symptoms: Sequence[Symptom]) -> list[str]:
    """What the symptoms suggest first, in their order, then all others."""
    suggested = dict.fromkeys(name for symptom in symptoms for name in symptom.suggests if name in changed)
    return [*suggested, *(name for name in changed if name not in suggested)]


def _by_program(given: Setting, settings: Mapping[str, Setting]) -> tuple[list[str], list[str]]:
    """Names of the changes of numbers alone, which share the compiled program of the net as given, and the others."""
    same = [name for name, setting in settings.items() if setting.spec == given.spec]
    return same, [name for name in settings if name not in same]


def _together(first: Setting, given: Setting, second: Setting, dataset: Dataset, name: str) -> Setting | None:
    """The second change made to the first one's setting."""
    try:
        both = CHANGES[name].apply(first, dataset)
    except InputError:
        return None
    return None if both in (None, first, second, given) else both


_COSTS = ("learning rate", "start", "gradient norm", "scale of the inputs", "order of the data", "loss", "optimizer")
"""What is cheap to change, the cheapest first: none of these makes a step dearer or the net another one."""


def _cost(repair: Repair) -> int:
    return sum(_COSTS.index(one) if one in _COSTS else len(_COSTS) for one in repair.touches)
