"""Whatever happens to a study's process, its results are those of a study that nothing happened to."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter

import pandas as pd
import pytest

from jaxmlp import data, study
from jaxmlp.errors import InputError
from jaxmlp.study.checkpoint import find_blocks
from jaxmlp.study.store import Store
from tests.study.trial import EPOCHS, STEPS, make_arms

THREE = ("--groups", 3, "--seeds", 3)


def trial(out, *options, flags="", wait=True, **environment):
    """Run the trial program, with a compile cache of its own kind of process."""
    cache = os.environ["JAXMLP_TEST_COMPILED"]
    command = [sys.executable, "-m", "tests.study.trial", out, out.with_suffix(".log"), "--cache", cache, *options]
    # As in conftest: what only makes programs faster is compiled for nothing here.
    environment = os.environ | {"XLA_FLAGS": flags, "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"} | environment
    process = subprocess.Popen(
        [str(word) for word in command], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if wait:
        output, _ = process.communicate(timeout=500)
        assert process.returncode == 0, output
    return process


def chunks(out):
    """How often each (group, first seed of a block, clock) was executed, by every process."""
    return Counter(out.with_suffix(".log").read_text(encoding="utf-8").splitlines())


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    out = tmp_path_factory.mktemp("undisturbed") / "study"
    trial(out, "--checkpoint-minutes", 5)
    return out


@pytest.fixture(scope="module")
def three_groups(tmp_path_factory):
    out = tmp_path_factory.mktemp("three_groups") / "study"
    trial(out, "--checkpoint-minutes", 5, *THREE)
    return out


def assert_same(out, wanted):
    for name in ("results", "steps"):
        tables = [pd.read_parquet(folder / f"{name}.parquet") for folder in (out, wanted)]
        pd.testing.assert_frame_equal(*tables)


def rows(out):
    return pd.read_parquet(out / "results.parquet")


def test_the_trial_has_what_an_interruption_could_lose(undisturbed):
    trained = rows(undisturbed)
    assert trained["learning_rate"].nunique() > 1, "plateaus must cut the rate"
    ends = trained.groupby("run_id")["epoch"].max()
    assert ends.min() < EPOCHS == ends.max(), "some runs must stop early"
    assert max(chunks(undisturbed).values()) == 1


@pytest.mark.parametrize("kills", [3, pytest.param(20, marks=pytest.mark.long)])
def test_killed_at_random_moments_nothing_is_lost_or_changed(undisturbed, tmp_path, kills):
    killed = tmp_path / "study"
    trial(killed, "--kills", kills, "--pause")
    assert_same(killed, undisturbed)
    done, wanted = chunks(killed), chunks(undisturbed)
    assert done.keys() == wanted.keys()
    repeated = sum(done.values()) - sum(wanted.values())
    assert 0 < repeated <= kills  # a checkpoint interval, here one chunk, per kill at most
    assert not list((killed).glob("checkpoints"))
    assert not list((killed).glob("blocks"))


@pytest.mark.parametrize("devices", [2, pytest.param(4, marks=pytest.mark.long)])
def test_any_number_of_devices_gives_the_same_bits(undisturbed, tmp_path, devices):
    out = tmp_path / "study"
    trial(out, "--checkpoint-minutes", 5, flags=f"--xla_force_host_platform_device_count={devices}")
    assert '"num_devices": ' + str(devices) in (out / "manifest.json").read_text(encoding="utf-8")
    assert_same(out, undisturbed)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def by_hand(port, index):
    return ["--coordinator", f"127.0.0.1:{port}", "--processes", 2, "--process-id", index], {}


def by_slurm(port, index):
    """As the scheduler tells its tasks; jax makes the port of the job's number."""
    task = {"SLURM_PROCID": index, "SLURM_LOCALID": 0, "SLURM_NTASKS": 2, "SLURM_STEP_NODELIST": "localhost"}
    task |= {"SLURM_JOB_ID": port % 2**12}
    return ["--coordinator", "auto"], {name: str(value) for name, value in task.items()}


def two_processes(told, out, *options):
    """Start them; two devices each."""
    port, flags = free_port(), "--xla_force_host_platform_device_count=2"
    both = []
    for index in (0, 1):
        coordinator, environment = told(port, index)
        both.append(trial(out, *options, *coordinator, flags=flags, wait=False, **environment))
    return both


def finish(processes):
    for process in processes:
        output, _ = process.communicate(timeout=300)
        assert process.returncode == 0, output


@pytest.mark.long
def test_two_processes_of_two_devices_give_the_same_bits(undisturbed, tmp_path):
    out = tmp_path / "study"
    finish(two_processes(by_hand, out, "--checkpoint-minutes", 5))
    assert '"num_processes": 2' in (out / "manifest.json").read_text(encoding="utf-8")
    assert_same(out, undisturbed)
    assert chunks(out) == chunks(undisturbed)  # disjoint, and together all


@pytest.mark.long
def test_two_processes_that_die_and_are_started_again_lose_nothing(three_groups, tmp_path):
    """Three groups, so that what is whose must be agreed; a checkpoint after every chunk; found by Slurm's words."""
    out = tmp_path / "study"
    both = two_processes(by_slurm, out, *THREE, "--pause")
    wanted = sum(chunks(three_groups).values())
    while (
        not (log := out.with_suffix(".log")).exists() or len(log.read_text(encoding="utf-8").split("\n")) < wanted / 2
    ):
        assert [process.poll() for process in both] == [None, None]
        time.sleep(0.05)
    for process in both:
        process.kill()
        process.communicate()
    assert find_blocks(out / "checkpoints")
    finish(two_processes(by_slurm, out, *THREE))
    assert_same(out, three_groups)
    done = chunks(out)
    assert done.keys() == chunks(three_groups).keys()
    assert sum(done.values()) <= wanted + 4  # one chunk per device


@pytest.mark.long
def test_two_processes_that_are_stopped_leave_checkpoints(three_groups, tmp_path):
    out = tmp_path / "study"
    both = two_processes(by_hand, out, *THREE, "--checkpoint-minutes", 5, "--pause")
    while not out.with_suffix(".log").exists():
        assert [process.poll() for process in both] == [None, None]
        time.sleep(0.05)
    for process in both:
        process.terminate()
    for process in both:
        output, _ = process.communicate(timeout=100)
        assert process.returncode == -signal.SIGINT, output  # as Python ends; the command line makes 143 of it
        assert "KeyboardInterrupt" in output
    assert find_blocks(out / "checkpoints")
    trial(out, *THREE, "--checkpoint-minutes", 5)
    assert_same(out, three_groups)


def test_a_second_process_on_the_same_folder_is_refused(tmp_path):
    digits, out = data.load("digits"), tmp_path / "study"
    study.run(make_arms(), digits, seeds=1, out=out)
    working = Store(out, resume=True)
    with pytest.raises(InputError, match="another process is working in") as caught:
        study.run(make_arms(), digits, seeds=2, out=out, resume=True)
    assert "\n" not in str(caught.value)
    working.close()
    assert len(study.run(make_arms(), digits, seeds=2, out=out, resume=True).final()) == 2


def test_a_checkpoint_of_another_version_is_not_used(tmp_path, undisturbed):
    """Its arrays do not fit: the block is trained from its beginning."""
    out = tmp_path / "study"
    process = trial(out, wait=False)
    while not find_blocks(out / "checkpoints"):
        assert process.poll() is None
    process.kill()
    process.communicate()
    (saved,) = find_blocks(out / "checkpoints")
    shapes = {"another": pd.Series([1.0]).to_numpy()}
    assert saved.restore(shapes) is None  # type: ignore[arg-type]
    assert saved.clock % (EPOCHS * STEPS)
