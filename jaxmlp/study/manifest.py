"""The manifest: how a study's numbers came to be, enough to run them again."""

import os
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import jax

from jaxmlp.data import Dataset
from jaxmlp.errors import InputError
from jaxmlp.study.arms import Arm, describe_arm, spec_id
from jaxmlp.study.plan import Work

PACKAGES = ("jaxmlp", "jax", "jaxlib", "optax", "flax", "numpy")


def make_manifest(
    name: str, arms: Sequence[Arm], seeds: Sequence[int], dataset: Dataset, programs: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """Everything but the end: `finished` and `seconds` are set when the study is done."""
    return {
        "experiment": name,
        "finished": False,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "dataset": {
            "name": dataset.name,
            "num_train": int(dataset.train_images.shape[0]),
            "num_test": int(dataset.test_images.shape[0]),
            "digest": dataset.digest,
        },
        "device": describe_device(),
        "num_devices": jax.device_count(),
        "num_processes": jax.process_count(),
        "seeds": list(seeds),
        "arms": {arm.name: describe_arm(arm) for arm in arms},
        "programs": list(programs),
        "versions": {"python": platform.python_version()} | {name: version(name) for name in PACKAGES},
        "ambient": ambient_state(),
    }


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
