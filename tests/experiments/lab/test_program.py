"""The command line as a process: what it leaves and returns where a signal or a mistake ends it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from experiments.lab.registry import EXPERIMENTS
from jaxmlp.cli.jax_settings import cpu_devices

# As a person's shell starts it: a shell without one starts programs in the background with SIGINT ignored.
WITH_CTRL_C = (
    "import runpy, signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "runpy.run_module('experiments', run_name='__main__', alter_sys=True)"
)


@pytest.mark.parametrize(
    ("number", "code", "chosen"),
    [
        (signal.SIGINT, 130, {}),
        pytest.param(signal.SIGTERM, 143, {"JAX_NUM_CPU_DEVICES": "3"}, marks=pytest.mark.long),
    ],
)
def test_a_signal_leaves_cleanly_and_resume_finishes(tmp_path, number, code, chosen):
    """Interrupted in training: the shell's exit code, one line, no crash; --resume completes the study.

    The devices are as many as the user has chosen, or as the cores that are left to this process.
    """
    folder = tmp_path / "out" / "preprocessing"
    environment = os.environ | {"JAXMLP_CACHE": str(tmp_path / "cache"), "JAX_PLATFORMS": "cpu"} | chosen
    place = {"cwd": Path(__file__).parents[3], "env": environment}
    command = [sys.executable, "-c", WITH_CTRL_C, "run", "preprocessing", "--seeds", "1", "--epochs", "800"]
    command += ["--arms", "unit", "--out", str(tmp_path / "out")]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes, **place) as process:
        for _ in range(1200):  # the manifest is written when training begins
            if (folder / "manifest.json").exists() or process.poll() is not None:
                break
            time.sleep(0.05)
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == code, errors
    assert errors == "interrupted: what was finished is kept; the same command with --resume goes on\n"
    done = subprocess.run([*command, "--resume"], check=False, **pipes, **place)
    assert done.returncode == 0, done.stderr
    assert len(pd.read_parquet(folder / "results.parquet")) == 801
    devices = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["num_devices"]
    assert devices == int(chosen.get("JAX_NUM_CPU_DEVICES", cpu_devices()))


def test_as_a_program_a_mistake_exits_with_2(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "experiments", "run", "nothing"],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"error: unknown experiment 'nothing': choose one of {', '.join(sorted(EXPERIMENTS))}\n"
