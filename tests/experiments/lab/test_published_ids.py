"""The ids of all published runs stand: no field, no default and no rewriting may move one."""

import json
from dataclasses import field, fields, make_dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from experiments.lab.base import Experiment
from experiments.lab.published import PUBLISHED
from experiments.lab.registry import EXPERIMENTS
from jaxmlp.data import Dataset
from jaxmlp.identity import NEUTRAL, added
from jaxmlp.study.arms import make_run
from jaxmlp.training import Hyper, RunSpec

IDS = frozenset((Path(__file__).parent / "published_ids.txt").read_text(encoding="ascii").split())
"""Of the runs that were published with version 1."""
DIGITS_OF_MNIST = 10


def of_mnist_s_shape() -> Dataset:
    """What an experiment's arms look at; its digest is not used."""
    images, labels = np.broadcast_to(np.uint8(0), (60_000, 784)), np.broadcast_to(np.int32(0), (60_000,))
    return Dataset(images, labels, images[:10_000], labels[:10_000], "mnist", DIGITS_OF_MNIST, (28, 28))  # pyright: ignore[reportArgumentType]


def published_runs(experiment: Experiment) -> pd.DataFrame:
    """Arm, run_id and seed of the runs that are published."""
    rows = pd.read_parquet(PUBLISHED / experiment.name / "results.parquet", columns=["arm", "run_id", "seed"])
    return rows.drop_duplicates()


def recomputed(experiment: Experiment, grown: Any = lambda spec: spec) -> dict[tuple[str, int], str]:
    """By arm and seed, the ids that this version gives to the published runs; `grown` changes each spec before."""
    digest = json.loads((PUBLISHED / experiment.name / "manifest.json").read_text(encoding="utf-8"))["dataset"][
        "digest"
    ]
    dataset = experiment.dataset() if experiment.dataset is not None else of_mnist_s_shape()
    arms = {arm.name: arm for arm in experiment.arms(dataset, experiment.presets["full"])}
    arms = {name: replace(arm, spec=grown(arm.spec)) for name, arm in arms.items()}
    runs = published_runs(experiment)
    return {
        (arm, seed): make_run(arms[arm], int(seed), digest).run_id
        for arm, seed in zip(runs["arm"], runs["seed"], strict=True)
    }


PUBLISHED_EXPERIMENTS = [one for one in EXPERIMENTS.values() if (PUBLISHED / one.name).is_dir()]


@pytest.mark.parametrize("experiment", PUBLISHED_EXPERIMENTS, ids=lambda one: one.name)
def test_the_experiment_gives_its_published_runs_the_ids_they_have(experiment: Experiment):
    runs = published_runs(experiment)
    ids = recomputed(experiment)
    assert [ids[key] for key in zip(runs["arm"], runs["seed"], strict=True)] == list(runs["run_id"])


def test_every_id_of_version_1_is_still_published():
    assert len(IDS) == 5994
    assert set().union(*(published_runs(one)["run_id"] for one in PUBLISHED_EXPERIMENTS)) >= IDS


def with_a_new_field(value: Any, new: Any) -> Any:
    """The same frozen dataclass with one more field."""
    kind = type(value)
    grown = make_dataclass(kind.__name__, [("new", Any, new)], bases=(kind,), frozen=True)
    return grown(**{one.name: getattr(value, one.name) for one in fields(value)})


@pytest.mark.parametrize("part", ["mlp", "data", "loss", "optimizer", "schedule", "evaluation", ""])
def test_a_new_neutral_field_of_any_spec_moves_no_id(part: str):
    experiment = EXPERIMENTS["norms"]

    def grown(spec: RunSpec, new: Any) -> RunSpec:
        return (
            replace(spec, **{part: with_a_new_field(getattr(spec, part), new)}) if part else with_a_new_field(spec, new)
        )

    assert recomputed(experiment, lambda spec: grown(spec, added("off"))) == recomputed(experiment)
    # One without a neutral value, and one that holds another, are part of the id.
    for other in (field(default="off"), field(default="on", metadata={NEUTRAL: "off"})):
        moved = recomputed(experiment, lambda spec, other=other: grown(spec, other))
        assert not set(moved.values()) & set(recomputed(experiment).values())


def test_a_new_neutral_number_moves_no_id():
    arm = EXPERIMENTS["norms"].arms(of_mnist_s_shape(), EXPERIMENTS["norms"].presets["full"])[0]

    class Grown(Hyper):
        new: Any = added(1.0)

    def grown(**numbers: float) -> str:
        return make_run(replace(arm, hyper=Grown(**arm.hyper.__dict__, **numbers)), 0, "data").run_id

    assert grown() == make_run(arm, 0, "data").run_id
    assert grown(new=2.0) != grown()
