"""One question why a net does not train, stage by stage; what is known so far is kept, and makes the diagnosis."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np
import pandas as pd

from jaxmlp.data import Dataset
from jaxmlp.diagnosis.bar import Bar, bar_of, constant_score, is_constant
from jaxmlp.diagnosis.budget import Budget, work
from jaxmlp.diagnosis.changes import CHANGES, applicable, changed_by
from jaxmlp.diagnosis.diagnosis import AS_GIVEN, REFERENCE_NAME, Diagnosis, Repair, Tried
from jaxmlp.diagnosis.outcomes import Trials, train_trials
from jaxmlp.diagnosis.reference import LONGER, reference_settings
from jaxmlp.diagnosis.setting import Setting, differences, transplanted
from jaxmlp.diagnosis.symptoms import Symptom, symptoms_of
from jaxmlp.diagnosis.verdict import REPAIRED_SHARE, Effect, effects
from jaxmlp.errors import InputError
from jaxmlp.study.progress import Display

SCREENING_SEEDS = range(8)
"""Screen the changes; the net as given is trained with them too."""
FIRST_JUDGING_SEED = 1000
"""Judging seeds are fresh: no screening has seen them."""
JUDGING_RUNS = 24
"""Runs that judge every confirmed change, fixed before. With 24, a change of which nine runs in ten succeed is told
from one of which half do in more than 99 cases of 100."""
REFERENCE_RUNS = 12
"""Fresh runs of the reference, and of every fault put into it."""
CONFIRMED = 5
"""At most so many changes are confirmed: the best of the screening."""
PAIRED = 6
"""Where no change repairs alone, the best so many are tried in pairs."""
TOGETHER = 4
"""Changes whose programs are compiled in one go; the budget is looked at in between."""
LEAST_TRIED = 3
"""So many changes are tried whatever the budget is."""
CHEAP = 1e8
"""Operations that a second of the budget may hold for the judging runs to be trained with the first ones: compiling
again, or reading a program back, would then cost more."""

Tell = Callable[[str], None]
ChangeNames = tuple[str, ...]
"""A set of changes that are made together."""


class Inquiry:
    """What is asked, what is known, and what is left of the budget."""

    def __init__(
        self,
        given: Setting,
        dataset: Dataset,
        seeds: int,
        clock: Budget,
        changes: Sequence[str],
        say: Tell,
        display: Display | None,
    ) -> None:
        self._given, self._dataset, self._clock, self._say, self._display = given, dataset, clock, say, display
        self._names = changes
        self._judging = range(FIRST_JUDGING_SEED, FIRST_JUDGING_SEED + seeds)
        self._runs, self._interrupted = 0, False
        self._bar: Bar | None = None
        self._symptoms: list[Symptom] = []
        self._first = self._before = pd.Series(dtype=float)
        self._reference: Setting | None = None
        self._tried: dict[ChangeNames, Tried] = {}
        self._settings: dict[ChangeNames, Setting] = {}
        self._left_out: list[str] = []
        self._scores: dict[str, tuple[float, ...]] = {}
        self._reached: dict[ChangeNames, list[bool]] = {}
        self._but_for: dict[ChangeNames, tuple[int, int]] = {}

    def answer(self) -> Diagnosis:
        """The diagnosis; Ctrl-C ends the question with what is known."""
        try:
            self._ask()
        except KeyboardInterrupt:
            if self._bar is None or not len(self._before):
                raise
            self._interrupted = True
        return self._diagnosis()

    def _ask(self) -> None:
        if is_constant(self._dataset):
            constant, _ = constant_score(self._dataset)
            self._bar = Bar(constant, constant, 0.0, task=self._dataset.task)
            return
        self._look_at_given()
        if not self._is_learnable():
            return
        if self._is_healthy():
            self._say("The net trains. Trying other numbers for it: is there anything to gain?")
            self._screen({name: one for name, one in self._changes().items() if one.spec == self._given.spec}, 0.2)
            return
        changes = self._changes()
        self._screen(changes, 0.6)
        self._judge(self._candidates(1))
        if not self._repairs() and self._left_out:
            self._screen({name: changes[name] for name in self._left_out}, 0.5)
            self._judge({names: one for names, one in self._candidates(1).items() if names not in self._reached})
        if not self._repairs():
            self._screen_pairs()
            self._judge(self._candidates(2))
        self._blame()

    def _look_at_given(self) -> None:
        seeds = [*SCREENING_SEEDS, *self._judging]
        at_once = len(seeds) * work(self._given, self._dataset) < CHEAP * self._clock.budget
        self._say(f"Training the net as given, {len(seeds) if at_once else len(SCREENING_SEEDS)} times.")
        trials = self._train({AS_GIVEN: self._given}, seeds if at_once else SCREENING_SEEDS)
        self._say("Training reference nets: is there anything to learn?")
        bar = self._reference_bar()
        if not at_once:
            self._say(f"Training the net as given with {len(self._judging)} fresh seeds.")
            fresh = self._train({AS_GIVEN: self._given}, self._judging)
            trials = replace(trials, rows=pd.concat([trials.rows, fresh.rows], ignore_index=True))
        self._first = trials.only(SCREENING_SEEDS).scores(AS_GIVEN)
        self._before = trials.only(self._judging).scores(AS_GIVEN)
        self._bar = self._raised(bar)
        self._scores[AS_GIVEN] = tuple(self._before)
        self._symptoms = symptoms_of(trials.only(SCREENING_SEEDS).rows, self._given, self._dataset, self._bar)

    def _raised(self, bar: Bar) -> Bar:
        """Where no reference learns and the net itself does, it is its own reference."""
        if bar.is_learnable or float(np.median(self._first)) <= bar.constant + bar.margin:
            return bar
        return bar_of(self._first, self._dataset)

    def _reference_bar(self) -> Bar:
        """The best recipe, chosen on screening seeds, measured on fresh ones."""
        times, runs = LONGER, 3 * len(SCREENING_SEEDS) + REFERENCE_RUNS
        settings = reference_settings(self._given, self._dataset)
        dear = runs * work(next(iter(settings.values())), self._dataset) * self._clock.seconds_per_work
        if dear > 0.35 * self._clock.budget:
            times, settings = 1, reference_settings(self._given, self._dataset, times=1)
        trials = self._train(settings, SCREENING_SEEDS)
        epochs = self._given.spec.epochs
        medians = {
            (name, end): float(np.median(trials.until(end).scores(name)))
            for name in settings
            for end in dict.fromkeys((epochs, times * epochs))
        }
        name, end = max(medians, key=medians.__getitem__)
        fresh = self._train({name: settings[name]}, list(self._judging)[:REFERENCE_RUNS]).until(end)
        self._reference = settings[name].with_spec(epochs=end)
        self._scores[REFERENCE_NAME] = tuple(fresh.scores(name))
        return bar_of(fresh.scores(name), self._dataset)

    def _is_learnable(self) -> bool:
        return self._bar is not None and self._bar.is_learnable

    def _is_healthy(self) -> bool:
        assert self._bar is not None
        return bool(self._bar.reached(self._before).mean() >= REPAIRED_SHARE)

    def _changes(self) -> dict[str, Setting]:
        """What applies: numbers alone first, as the program is there; then as the symptoms suggest; then the rest."""
        changed = applicable(self._given, self._dataset, self._names)
        suggested = [name for symptom in self._symptoms for name in symptom.suggests if name in changed]
        ordered = dict.fromkeys([*suggested, *changed])
        numbers = [name for name in ordered if changed[name].spec == self._given.spec]
        return {name: changed[name] for name in dict.fromkeys([*numbers, *ordered])}

    def _screen(self, settings: Mapping[str, Setting], share: float) -> None:
        """Try changes one at a time until this share of what is left is spent."""
        end, waiting = self._clock.left * (1 - share), dict(settings)
        while waiting:
            self._left_out = list(waiting)
            fitting = self._clock.fitting(waiting, self._dataset, len(SCREENING_SEEDS), self._clock.left - end)
            free = sum(one.spec == self._given.spec for one in waiting.values())
            taken = fitting[: max(free, TOGETHER)]
            if not taken and not self._tried and share >= 0.5:
                taken = list(waiting)[: max(free, LEAST_TRIED)]
            if not taken:
                return
            self._say(f"Trying one at a time: {', '.join(taken)}.")
            self._try({(name,): waiting.pop(name) for name in taken})
        self._left_out = []

    def _try(self, settings: Mapping[ChangeNames, Setting]) -> None:
        """Screening runs of these sets of changes."""
        assert self._bar is not None
        trials = self._train({_label(names): one for names, one in settings.items()}, SCREENING_SEEDS)
        for names, setting in settings.items():
            scores = trials.scores(_label(names))
            reached = int(self._bar.reached(scores).sum())
            self._tried[names] = Tried(reached, len(scores), float(np.median(scores)))
            self._settings[names] = setting

    def _candidates(self, size: int) -> dict[ChangeNames, Setting]:
        """Sets of so many changes that look good: the best of each thing that is touched first."""
        assert self._bar is not None
        before = int(self._bar.reached(self._first).sum())
        least = max(len(SCREENING_SEEDS) // 2, before + 1)
        good = [names for names in self._best_first(size) if self._tried[names].successes >= least]
        touched: set[frozenset[str]] = set()
        first, others = [], []
        for names in good:
            what = frozenset(CHANGES[name].touches for name in names)
            (others if what in touched else first).append(names)
            touched.add(what)
        chosen = [*first, *others][:CONFIRMED]
        return {names: self._settings[names] for names in chosen}

    def _best_first(self, size: int) -> list[ChangeNames]:
        tried = [names for names in self._tried if len(names) == size]
        return sorted(tried, key=lambda names: (self._tried[names].successes, self._tried[names].median), reverse=True)

    def _screen_pairs(self) -> None:
        """Try the best changes two at a time; those first of which both are good."""
        ranked = [name for (name,) in self._best_first(1)[:PAIRED]]
        pairs: dict[str, Setting] = {}
        of_label: dict[str, ChangeNames] = {}
        for first, second in sorted(combinations(ranked, 2), key=lambda pair: sum(map(ranked.index, pair))):
            if CHANGES[first].touches == CHANGES[second].touches:
                continue
            both = changed_by(second, self._settings[first,], self._dataset)
            if both is not None and both not in (self._settings[second,], self._given):
                pairs[_label((first, second))] = both
                of_label[_label((first, second))] = first, second
        kept = self._clock.fitting(pairs, self._dataset, len(SCREENING_SEEDS), 0.6 * self._clock.left)
        self._left_out += [label for label in pairs if label not in kept]
        if kept:
            self._say(f"No change repairs it alone. Trying pairs: {', '.join(kept)}.")
            self._try({of_label[label]: pairs[label] for label in kept})

    def _judge(self, candidates: Mapping[ChangeNames, Setting]) -> None:
        """Train what looks good with the fresh seeds that the net as given was trained with."""
        assert self._bar is not None
        if not candidates:
            return
        self._say(f"Judging with {len(self._judging)} fresh seeds: {', '.join(map(_label, candidates))}.")
        trials = self._train({_label(names): one for names, one in candidates.items()}, self._judging)
        for names in candidates:
            scores = trials.scores(_label(names))
            self._scores[_label(names)] = tuple(scores)
            self._reached[names] = [bool(one) for one in self._bar.reached(scores)]

    def _effects(self) -> dict[ChangeNames, Effect]:
        assert self._bar is not None
        before = [bool(one) for one in self._bar.reached(self._before)]
        found = effects({_label(names): runs for names, runs in self._reached.items()}, before)
        return {names: found[_label(names)] for names in self._reached}

    def _confirmed(self) -> list[Repair]:
        return [
            Repair(names, effect, self._settings[names], self._but_for.get(names))
            for names, effect in self._effects().items()
        ]

    def _repairs(self) -> tuple[Repair, ...]:
        """Those of which no part repairs, the cheapest first: changes, their cost, then most successes."""
        found = [one for one in self._confirmed() if one.effect.repairs]
        minimal = [one for one in found if not any(set(other.changes) < set(one.changes) for other in found)]
        return tuple(sorted(minimal, key=lambda one: (len(one.changes), _cost(one), -one.effect.successes)))

    def _blame(self) -> None:
        """Put what each repair replaces into the reference net: there too it must do harm, if it is the fault."""
        assert self._bar is not None
        faulty: dict[ChangeNames, Setting] = {}
        for repair in self._repairs():
            setting = self._faulty(repair)
            dear = [*faulty.values(), *([] if setting is None else [setting])]
            if setting is not None and self._clock.cost(dear, self._dataset, REFERENCE_RUNS) < self._clock.left:
                faulty[repair.changes] = setting
        if not faulty:
            return
        self._say("Putting the suspected faults into the reference net.")
        seeds = list(self._judging)[:REFERENCE_RUNS]
        trials = self._train({_label(names): one for names, one in faulty.items()}, seeds)
        for names in faulty:
            failed = ~self._bar.reached(trials.scores(_label(names)))
            self._but_for[names] = int(failed.sum()), len(failed)

    def _faulty(self, repair: Repair) -> Setting | None:
        """The reference with the fault; None where it needs what the reference does not have, such as more layers."""
        if self._reference is None:
            return None
        try:
            setting = transplanted(self._reference, self._given, differences(self._given, repair.setting))
        except InputError:
            return None
        return None if setting == self._reference else setting

    def _train(self, settings: Mapping[str, Setting], seeds: Sequence[int]) -> Trials:
        trials = train_trials(settings, self._dataset, list(seeds), display=self._display)
        self._clock.note(trials, settings.values(), self._dataset, len(seeds))
        self._runs += len(settings) * len(seeds)
        return trials

    def _diagnosis(self) -> Diagnosis:
        assert self._bar is not None
        learnable = self._is_learnable()
        healthy = learnable and self._is_healthy()
        repairs = self._repairs() if learnable and not healthy else ()
        confirmed = self._confirmed() if learnable and not healthy else []
        good = self._candidates(1) if learnable and not healthy else {}
        return Diagnosis(
            given=self._given,
            dataset=self._dataset.name,
            bar=self._bar,
            before=(int(self._bar.reached(self._before).sum()), len(self._before)),
            median=float(np.median(self._first)) if len(self._first) else self._bar.constant,
            learnable=learnable,
            symptoms=tuple(self._symptoms),
            repairs=repairs,
            confirmed=tuple(confirmed),
            unconfirmed=tuple(_label(names) for names in good if names not in self._reached),
            tried={_label(names): found for names, found in self._tried.items()},
            not_tried=tuple(self._left_out) if not healthy else (),
            scores=dict(self._scores),
            seconds=self._clock.spent,
            runs=self._runs,
            seconds_more=self._clock.seconds_per_program * len(self._left_out),
            interrupted=self._interrupted,
        )


def _label(names: ChangeNames) -> str:
    return " + ".join(names)


_COSTS = ("learning rate", "start", "gradient norm", "scale of the inputs", "order of the data", "loss", "optimizer")
"""What is cheap to change, the cheapest first: none of these makes a step dearer or the net another one."""


def _cost(repair: Repair) -> int:
    return sum(_COSTS.index(one) if one in _COSTS else len(_COSTS) for one in repair.touches)
