"""The manifest: how a study's numbers came to be, enough to run them again."""

import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import jax

from jaxmlp.data import Dataset
from jaxmlp.study.arms import Arm, describe_arm, spec_id
from jaxmlp.study.blocks import Group
from jaxmlp.study.program import Program

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
        "seeds": list(seeds),
        "arms": {arm.name: describe_arm(arm) for arm in arms},
        "programs": list(programs),
        "versions": {"python": platform.python_version()} | {name: version(name) for name in PACKAGES},
        "jax_threefry_partitionable": bool(jax.config.values["jax_threefry_partitionable"]),
    }


def describe_program(group: Group, program: Program) -> dict[str, Any]:
    """One compiled program: whose it is, W, and what was measured before its first step."""
    return {
        "spec_id": spec_id(group.spec),
        "arms": sorted({run.arm.name for run in group.runs}),
        "lanes": group.lanes,
        "memory_bytes": program.cost.memory_bytes,
        "step_seconds": program.cost.step_seconds,
        "piece_seconds": program.cost.piece_seconds,
        "evaluation_seconds": program.cost.evaluation_seconds,
    }


def describe_device() -> str:
    """The device studies run on, in words: its kind; for a CPU its architecture and number of cores."""
    device = jax.devices()[0]
    if device.platform == "cpu":
        return f"CPU ({platform.machine()}, {os.cpu_count()} cores)"
    return f"{device.device_kind} ({device.platform})"
