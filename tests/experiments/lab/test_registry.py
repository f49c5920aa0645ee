"""What holds for every experiment: its rows, claims, arms, figures and numbers fit together, and it trains."""

from collections import Counter
from dataclasses import fields, is_dataclass
from io import StringIO

import numpy as np
import pytest
from rich.console import Console

from experiments.depth import D0_22, D0_41
from experiments.lab.base import resize
from experiments.lab.ledger import load_ledger
from experiments.lab.not_run import NOT_RUN
from experiments.lab.registry import EXPERIMENTS
from experiments.lab.session import run_experiment
from jaxmlp import data
from jaxmlp.study.arms import check_arms

EVERY = pytest.mark.parametrize("experiment", EXPERIMENTS.values(), ids=EXPERIMENTS)


@pytest.fixture(scope="module")
def digits():
    return data.load("digits")


@pytest.fixture(scope="module")
def mnist(digits):
    """MNIST's shapes, which is all that arms are made of."""
    parts = {"train": 60_000, "test": 10_000}
    images = {f"{part}_inputs": np.zeros((count, 784), np.uint8) for part, count in parts.items()}
    labels = {f"{part}_targets": np.zeros(count, np.int32) for part, count in parts.items()}
    return digits.replace(**images, **labels, name="mnist", image_shape=(28, 28))


def own(experiment, dataset):
    return dataset if experiment.dataset is None else experiment.dataset()


def arm_names(experiment, digits):
    trained = [arm.name for arm in experiment.arms(own(experiment, digits), experiment.presets["quick"])]
    names = [*trained, *experiment.tuned, *experiment.averaged]
    assert len(names) == len(set(names))
    return set(names)


def subjects(experiment):
    """(table, what its rows may be of) of everything that it measures."""
    measured = {} if experiment.measured is None else experiment.measured.subjects
    return {(table, one) for table, of in measured.items() for one in of}


def values_in(declared):
    """Every (table, subject) that claims and numbers of documents read, however deep."""
    if isinstance(declared, tuple | list):
        return set().union(*map(values_in, declared))
    if not is_dataclass(declared):
        return set()
    arms = (declared.arm, getattr(declared, "baseline", None)) if hasattr(declared, "table") else ()
    own = {(declared.table, arm) for arm in arms if arm is not None}
    return own.union(*(values_in(getattr(declared, field.name)) for field in fields(declared)))


@pytest.mark.parametrize("document", ["D0", "D1", "D2", "D3", "D4"])
def test_every_row_is_rerun_by_one_experiment_or_says_why_not(document):
    rows = [row.id for row in load_ledger().experiments.values() if row.document == document]
    named = Counter([row for experiment in EXPERIMENTS.values() for row in experiment.ledger] + list(NOT_RUN))
    assert {row: named[row] for row in rows} == dict.fromkeys(rows, 1)


def test_only_rows_of_the_ledger_are_named():
    named = {row for experiment in EXPERIMENTS.values() for row in experiment.ledger} | set(NOT_RUN)
    assert sorted(named - load_ledger().experiments.keys()) == []


def test_no_claim_is_judged_by_two_experiments():
    judged = Counter(claim.id for experiment in EXPERIMENTS.values() for claim in experiment.claims)
    assert [claim for claim, times in judged.items() if times > 1] == []


@EVERY
def test_its_arms_fit_its_data_in_both_presets(experiment, digits, mnist):
    assert set(experiment.presets) == {"quick", "full"}
    for preset, dataset in (("quick", digits), ("full", mnist)):
        dataset = own(experiment, dataset)
        check_arms(experiment.arms(dataset, experiment.presets[preset]), dataset)


@EVERY
def test_what_it_shows_and_judges_has_arms(experiment, digits):
    tables = {"epochs", *(probe.table.name for probe in experiment.probes)}
    there = {(table, name) for name in arm_names(experiment, digits) for table in tables} | subjects(experiment)
    assert sorted(values_in((experiment.claims, experiment.reported, experiment.predicted)) - there) == []
    for figure in experiment.figures:
        assert sorted(set(figure.arms) - {name for table, name in there if table in figure.tables}) == []
    further = {arm for of in (experiment.tuned, experiment.averaged) for arms in of.values() for arm in arms}
    further |= set() if experiment.demo_arm is None else {experiment.demo_arm}
    assert sorted({("epochs", arm) for arm in further} - there) == []


def trained_for(experiment, arms):
    """These arms, or of one that is chosen or averaged from others those others."""
    made_of = {**experiment.tuned, **experiment.averaged}
    return set().union(*(trained_for(experiment, made_of[arm]) if arm in made_of else {arm} for arm in arms))


FEWER = {*D0_22, *D0_41}
"""On two cores 22 and 41 layers have fewer seeds than planned: the verdict says how many are missing."""


@EVERY
def test_a_full_run_has_the_seeds_that_its_claims_plan_and_the_ledger_asks_for(experiment, mnist):
    full = experiment.presets["full"]
    seeds = full.seeds_of(experiment.arms(own(experiment, mnist), full))
    for claim in experiment.claims:
        # A rule that was declared anew plans by its power.
        assert claim.first_seed or claim.planned_n >= (load_ledger().claims[claim.id].seeds or 1)
        read = {arm for table, arm in values_in(claim.parts) if table == "epochs"}
        few = {arm for arm in trained_for(experiment, read) if seeds[arm] < claim.planned_n}
        assert not few or (claim.first_seed and few & FEWER)


@EVERY
def test_its_numbers_are_those_of_its_own_rows(experiment):
    assert {one.ledger_id for one in experiment.reported} <= set(experiment.ledger)
    for row in experiment.ledger:
        printed = {value.value for value in load_ledger().experiments[row].values}
        assert {one.value for one in experiment.reported if one.ledger_id == row} <= printed


@EVERY
def test_its_figures_have_names_of_their_own(experiment):
    names = [figure.name for figure in experiment.figures]
    assert len(set(names)) == len(names)


# One of each kind: deep nets, own data, D2's many arms, times, a demonstration, nets in the wrong mode.
KINDS = ("depth", "xor", "learning_rate", "network_size", "digits_demo", "prediction_mode")
SLOW = ("depth", "prediction_mode")


@pytest.mark.parametrize(
    "experiment",
    [pytest.param(EXPERIMENTS[name], id=name, marks=[pytest.mark.long] * (name in SLOW)) for name in KINDS],
)
def test_it_trains_and_reports(experiment, digits, tmp_path):
    """The last arm, one epoch, two seeds, of the quick preset: data, program, verdicts, figures, report."""
    preset = resize(experiment.presets["quick"], seeds=2, epochs=1)
    dataset = own(experiment, digits)
    arm = experiment.arms(dataset, preset)[-1].name
    report = run_experiment(
        experiment,
        dataset,
        preset_name="quick",
        preset=preset,
        out=tmp_path,
        console=Console(file=StringIO()),
        command="-",
        arms=(arm,),
    )
    assert report is not None
    assert set(report.rows["arm"]) == {arm}
    assert [verdict["claim"] for verdict in report.verdicts] == [claim.id for claim in experiment.claims]
    assert (tmp_path / experiment.name / "report.html").is_file()
    known = {("epochs", arm)} | subjects(experiment)
    drawn = [{(table, one) for table in figure.tables for one in figure.arms} & known for figure in experiment.figures]
    shown = sum(map(bool, drawn)) + (experiment.demo_arm == arm)
    assert len(report.figures) == shown
