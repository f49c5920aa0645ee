"""The manifest: how a study's numbers came to be, enough to run them again."""

import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax

from jaxmlp.data import Dataset
from jaxmlp.errors import InputError
from jaxmlp.schema import TABLES, Table, table_named
from jaxmlp.study.arms import Arm, describe_arm, flat_settings, spec_id
from jaxmlp.study.blocks import Layout
from jaxmlp.study.plan import Wish, Work, kept_layouts
from jaxmlp.study.processor import describe_processor
from jaxmlp.training import RunSpec
from jaxmlp.training.state import EPOCHS
from jaxmlp.training.step_log import STEPS

VERSION = 2
"""Of the files of a study. Manifests of version 1 do not say it, nor which tables there are."""
EMPTY = "empty"
"""Of a table in the manifest, the runs that are in it without having a row."""
VERSION_1 = {table.name: table.keys for table in (EPOCHS, STEPS)}
"""The tables of a study of version 1; "steps" where its file is there."""
PACKAGES = ("jaxmlp", "jax", "jaxlib", "optax", "flax", "numpy")


def make_manifest(
    name: str, arms: Sequence[Arm], seeds: Sequence[int], dataset: Dataset, programs: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """Everything but the end: `finished` and `seconds` are set when the study is done."""
    return {
        "version": VERSION,
        "experiment": name,
        "finished": False,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "dataset": {
            "name": dataset.name,
            "num_train": int(dataset.train_inputs.shape[0]),
            "num_test": int(dataset.test_inputs.shape[0]),
            "digest": dataset.digest,
        },
        "device": describe_device(),
        "processor": describe_processor(),
        "num_devices": jax.device_count(),
        "num_processes": jax.process_count(),
        "seeds": list(seeds),
        "arms": {arm.name: describe_arm(arm) for arm in arms},
        "programs": list(programs),
        "versions": {"python": platform.python_version()} | {name: version(name) for name in PACKAGES},
        "ambient": ambient_state(),
    }


def check_version(manifest: Mapping[str, Any], folder: Path) -> None:
    """Raise `InputError` where a newer version than this one wrote the study in `folder`."""
    written = manifest.get("version", 1)
    if type(written) is not int or written > VERSION:
        raise InputError(
            f"{folder} was written by a newer jaxmlp (its files have version {written}, this one reads up to "
            f"{VERSION}): update jaxmlp, or give another folder"
        )


def table_keys(manifest: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """The keys of every table that a study has or may have, by name."""
    if "tables" not in manifest:
        return dict(VERSION_1)
    return {EPOCHS.name: EPOCHS.keys} | {
        name: (about["keys"][0], *about["keys"][1:]) for name, about in manifest["tables"].items()
    }


def describe_tables(names: Iterable[str], manifest: Mapping[str, Any]) -> dict[str, Any]:
    """What a manifest says of its tables: keys, and columns with what they mean; those it has said before stay.

    Raises:
        InputError: a table that nobody declared.
    """
    known = manifest.get("tables", {})
    told = [name for name in names if name in TABLES or name not in known]
    return known | {name: known.get(name, {}) | _described(table_named(name)) for name in told}


def _described(table: Table) -> dict[str, Any]:
    meaning = ("title", "unit", "higher_is_better")
    columns = {column.name: {name: getattr(column, name) for name in meaning} for column in table.columns}
    return {"keys": list(table.keys), "columns": columns}


SITTING = ("started", "command", "commit")
"""Of the manifest, what each call has of its own."""


def continued(known: Mapping[str, Any], manifest: dict[str, Any]) -> dict[str, Any]:
    """The manifest of a call, which keeps what earlier ones trained; `known` is the one that they left."""
    programs = manifest["programs"]
    kept = {
        "programs": [p for p in known.get("programs", []) if p["spec_id"] not in {q["spec_id"] for q in programs}]
        + programs,
        "arms": known.get("arms", {}) | manifest["arms"],
        "seeds": sorted({*manifest["seeds"], *known.get("seeds", [])}),
        "sittings": list(known.get("sittings", [])),
        "taken_over": manifest.get("taken_over", {}),
        "tables": manifest["tables"],
        "version": VERSION,
    }
    if programs:
        kept["sittings"].append({name: manifest[name] for name in SITTING if name in manifest})
    elif known:
        # Who trains nothing has nothing to say about how the numbers came to be.
        manifest = manifest | dict(known) | {"finished": False}
    return manifest | kept


def with_narrowed(manifest: dict[str, Any], narrowed: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The manifest of a study whose groups went on with narrower programs than it says."""
    programs = list(manifest["programs"])
    for program in narrowed:
        others = [p for p in programs if p["spec_id"] != program["spec_id"]]
        (known,) = [p for p in programs if p["spec_id"] == program["spec_id"]]
        programs = [*others, min(known, program, key=lambda p: p["lanes"])]
    return manifest | {"programs": programs}


def check_same_settings(manifest: Mapping[str, Any], arms: Iterable[Arm], dataset: Dataset, out: Path | None) -> None:
    """Raise `InputError` where the study in `out` has other data, or another setting under an arm's name."""
    data = manifest.get("dataset", {"digest": dataset.digest, "name": dataset.name})
    if data["digest"] != dataset.digest:
        raise InputError(f"{out} is a study of {data['name']} with other data: give another folder")
    kept = manifest.get("arms", {})
    for arm in arms:
        asked = describe_arm(arm)
        before = kept.get(arm.name, asked)
        if before != asked:
            now, then = flat_settings(asked), flat_settings(before)
            other = [f"{name} {then.get(name)} instead of {now[name]}" for name in now if now[name] != then.get(name)]
            raise InputError(
                f"{out} holds arm {arm.name!r} with other settings ({', '.join(other)}): "
                "give another folder, delete this one, or give the settings of before"
            )


def layouts_of(
    manifest: Mapping[str, Any], specs: Iterable[RunSpec], wish: Wish, out: Path | None
) -> dict[str, Layout]:
    """By spec id, the layouts that an earlier call of the study in `out` fixed.

    Raises:
        InputError: the wish is another one.
    """
    ids = {spec_id(spec) for spec in specs}
    kept = {key: layout for key, layout in kept_layouts(manifest.get("programs", [])).items() if key in ids}
    for layout in kept.values():
        if wish.lanes not in (None, layout.lanes) or wish.strategy not in (None, layout.strategy):
            raise InputError(
                f"{out} was begun with {layout.lanes} lanes and strategy {layout.strategy}: "
                f"leave lanes and strategy out when resuming"
            )
    return kept


AMBIENT = {
    "jax_enable_x64": False,
    "jax_default_matmul_precision": None,
    "jax_default_prng_impl": "threefry2x32",
    "jax_random_seed_offset": 0,
    "jax_threefry_partitionable": True,
}
"""What changes numbers without being a setting, as it was for manifests that do not say it."""


def ambient_state() -> dict[str, Any]:
    """How JAX is set up here, of what changes numbers: 64 bits, precision of products, random numbers."""
    return {name: jax.config.values[name] for name in AMBIENT}


def ambient_of(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The same of a study's manifest; of version 1 it says only whether threefry is partitionable."""
    before = {name: manifest[name] for name in AMBIENT if name in manifest}
    return AMBIENT | before | manifest.get("ambient", {})


def check_ambient(manifest: Mapping[str, Any]) -> None:
    """Raise `InputError` where JAX is not set up as it was for this study; an empty manifest says nothing."""
    then, now = ambient_of(manifest), ambient_state()
    other = [f"{name} is {now[name]}, it was {then[name]}" for name in AMBIENT if now[name] != then[name]]
    if manifest and other:
        raise InputError(
            f"the study was begun under another setting of jax ({', '.join(other)}), which gives other numbers: "
            "set it as it was, or give another folder"
        )


def describe_program(work: Work) -> dict[str, Any]:
    """One compiled program: whose it is, how it is executed, and what was measured before its first step."""
    cost = work.program.cost
    return {
        "spec_id": spec_id(work.group.spec),
        "arms": sorted({run.arm.name for run in work.group.runs}),
        "lanes": work.layout.lanes,
        "strategy": work.layout.strategy,
        "chosen_by": work.chosen_by,
        "memory_bytes": work.program.memory_bytes,
        "compile_seconds": work.program.compile_seconds,
        "step_seconds": cost.step_seconds,
        "piece_seconds": cost.piece_seconds,
        "evaluation_seconds": cost.evaluation_seconds,
    }


def describe_device() -> str:
    """The device studies run on, in words: its kind; for a CPU its architecture and number of cores."""
    device = jax.devices()[0]
    if device.platform == "cpu":
        return f"CPU ({platform.machine()}, {os.cpu_count()} cores)"
    return f"{device.device_kind} ({device.platform})"
