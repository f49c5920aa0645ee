"""What is killed, raced and starved: a small study, a report and a publishing, each with what must come of it."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pandas as pd
from rich.console import Console

from experiments.lab import published
from experiments.lab.registry import EXPERIMENTS
from experiments.lab.session import write_pages
from jaxmlp import data, nn, probes, study, training
from jaxmlp.files import write_rows
from jaxmlp.study.nets import NETS_FOLDER
from jaxmlp.study.plan import Machine
from jaxmlp.study.program import Program
from jaxmlp.study.results import MANIFEST_FILE, ROWS_FILE

REPORTED = "xor"
"""The published study that is reported and published again."""


class StepByStep(Program):
    """A chunk is one step, and each has its checkpoint."""

    chunk_seconds = 1e-9


@dataclass(frozen=True)
class Undertaking:
    """Something that a person does in a folder, and does again where it was stopped."""

    name: str
    prepare: Callable[[Path], None]
    """Makes what it begins with, in a folder that is not there."""
    act: Callable[[Path], Any]
    """Does it, or goes on with it."""
    content: Callable[[Path], Any]
    """All that it leaves, comparable; times and the like left out."""


def job_arms() -> list[study.Arm]:
    """Two arms that share an epoch: batch norm, Adam, a log of steps, and an intervention."""
    spec = training.RunSpec(
        nn.MLPSpec((64, 3, 10), norm="batch_norm"),
        data=training.DataSpec(batch_size=30, train_size=60),
        evaluation=training.EvalSpec(batch_size=128, log_every=1),
        epochs=2,
    )
    forked = replace(spec, interventions=(training.ScaleRate(1, 0.5),))
    return [study.Arm("plain", spec), study.Arm("forked", forked)]


def train_job(out: Path, *, lanes: int = 2, program: Callable[..., Program] = StepByStep) -> study.Results:
    """Train them, or go on: two seeds, a probe, all nets kept."""
    return study.run(
        job_arms(),
        data.load("digits"),
        seeds=2,
        lanes=lanes,
        out=out / "s",
        resume=True,
        checkpoint_minutes=0,
        keep_params="best",
        probes=(probes.GradientNorms(),),
        display=study.make_display("job", Console(quiet=True)),
        machine=Machine(program=program),
    )


def studied(out: Path) -> dict[str, Any]:
    """Every file of the study: tables by their rows, nets by their numbers, the manifest by what it promises."""
    results = study.Results.load(out / "s")
    found: dict[str, Any] = dict.fromkeys(listing(out))
    found |= {name: rows.to_json(double_precision=15) for name, rows in results.tables.items()}
    for path in sorted(out.rglob(f"{NETS_FOLDER}/*")):
        net = results.nets.get(path.stem)
        found[str(path.relative_to(out))] = [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(net)], net.spec
    promised = ("arms", "seeds", "finished", "tables", "dataset")
    return found | {MANIFEST_FILE: [results.manifest[name] for name in promised]}


def written(out: Path) -> dict[str, bytes]:
    """Every file by its bytes: the same results give the same pages."""
    return {name: (out / name).read_bytes() for name in listing(out) if (out / name).is_file()}


def listing(out: Path) -> list[str]:
    """All that lies in a folder."""
    return sorted(str(path.relative_to(out)) for path in out.rglob("*"))


def _saved(out: Path) -> None:
    folder = out / REPORTED
    folder.mkdir(parents=True)
    for name in (ROWS_FILE, MANIFEST_FILE):
        shutil.copyfile(published.PUBLISHED / REPORTED / name, folder / name)


def _report(out: Path) -> None:
    write_pages(EXPERIMENTS[REPORTED], out / REPORTED)


def _unpublished(out: Path) -> None:
    """A study, and a place where an earlier one of fewer seeds is published."""
    _saved(out / "out")
    earlier = out / "published" / REPORTED
    shutil.copytree(published.PUBLISHED / REPORTED, earlier)
    rows = pd.read_parquet(earlier / ROWS_FILE)
    write_rows(earlier / ROWS_FILE, rows.loc[rows["seed"] < rows["seed"].max()])


@contextmanager
def published_in(folder: Path) -> Iterator[None]:
    """What is published lies in this folder."""
    home, published.PUBLISHED = published.PUBLISHED, folder
    try:
        yield
    finally:
        published.PUBLISHED = home


def _publish(out: Path) -> None:
    with published_in(out / "published"):
        published.publish_studies(out / "out")


STUDY = Undertaking("study", Path.mkdir, train_job, studied)
REPORT = Undertaking("report", _saved, _report, written)
PUBLISH = Undertaking("publish", _unpublished, _publish, written)
