"""The store trusts nothing: not the files it finds, nor that it is alone."""

import json
import os
import random
import re
import shutil
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from jaxmlp import data, study
from jaxmlp.errors import InputError
from jaxmlp.files import DamagedFileError, check_seal, is_temporary, read_rows, read_sealed_json
from jaxmlp.study.arms import make_run
from jaxmlp.study.blocks import Layout
from jaxmlp.study.checkpoint import find_blocks, save_block
from jaxmlp.study.lock import LOCK_FILE
from jaxmlp.study.store import Store
from jaxmlp.training import EvalSpec
from jaxmlp.training.state import EPOCHS
from jaxmlp.training.step_log import STEPS
from tests.study.small import Silent, make_spec, run

XOR = Path(__file__).parents[2] / "experiments" / "published" / "xor"
FILES = {"results.parquet", "runs.parquet", "steps.parquet", "manifest.json"}
"""Of a finished study whose spec logs."""
FLIPS = 50
STATES = {"weights": np.arange(600.0).reshape(20, 30), "clock": np.array(7)}
LOGGING = EvalSpec(batch_size=128, log_every=2)


@pytest.fixture(scope="module")
def digits():
    return data.load("digits")


@pytest.fixture(scope="module")
def arms():
    return [study.Arm("a", make_spec(evaluation=LOGGING))]


class Stopping(Silent):
    """Stops the study when it is told the first time of a block that is done, or before training with `at_once`."""

    def __init__(self, *, at_once=False):
        super().__init__()
        self.at_once = at_once

    def say(self, message):
        super().say(message)
        if self.at_once:
            raise KeyboardInterrupt

    def show(self, status):
        super().show(status)
        if status.epoch >= 3:
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def whole(digits, arms, tmp_path_factory):
    """The folder of a study of two blocks that nothing happened to."""
    out = tmp_path_factory.mktemp("whole") / "s"
    run(arms, digits, seeds=4, lanes=2, out=out)
    return out


@pytest.fixture(scope="module")
def half(digits, arms, tmp_path_factory):
    """One that was stopped when its first block was done."""
    out = tmp_path_factory.mktemp("half") / "s"
    with pytest.raises(KeyboardInterrupt):
        run(arms, digits, seeds=4, lanes=2, out=out, display=Stopping())
    assert list((out / "blocks").glob("*.parquet"))
    return out


@pytest.fixture(scope="module")
def checkpoints(arms, digits, tmp_path_factory):
    """A folder with one checkpoint, of arrays that stand for states."""
    folder = tmp_path_factory.mktemp("checkpoints")
    block = [make_run(arms[0], seed, digits.digest) for seed in (0, 1)]
    save_block(folder, block, Layout(2, "vmap"), 7, STATES)  # type: ignore[arg-type]
    return folder


def flipped(path):
    """The file with one byte of it changed, at seeded random places."""
    whole, places = path.read_bytes(), random.Random(0)
    for _ in range(FLIPS):
        content = bytearray(whole)
        content[places.randrange(len(content))] ^= 1 << places.randrange(8)
        path.write_bytes(content)
        yield
    path.write_bytes(whole)


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("results.parquet", lambda path: read_rows(path, EPOCHS.required)),
        ("steps.parquet", lambda path: read_rows(path, STEPS.required)),
        ("manifest.json", read_sealed_json),
    ],
)
def test_a_changed_byte_of_a_finished_study_never_gives_other_content(whole, tmp_path, name, read):
    path = shutil.copy(whole / name, tmp_path / name)
    assert check_seal(path)
    before, messages = read(path), []
    for _ in flipped(path):
        try:
            after = read(path)
        except DamagedFileError as error:
            messages.append(str(error))
        else:
            assert before.equals(after) if isinstance(before, pd.DataFrame) else before == after
    assert all(str(path) in message and "\n" not in message for message in messages)
    assert len(messages) > FLIPS * 0.8  # not where the byte is one of the seal's own name


def test_a_changed_byte_of_a_checkpoint_makes_it_none(checkpoints):
    (saved,) = find_blocks(checkpoints)
    assert check_seal(saved.path)
    assert saved.restore(STATES) is not None  # type: ignore[arg-type]
    damaged = 0
    for _ in flipped(saved.path):
        assert find_blocks(checkpoints) in ([], [saved])  # a byte of the seal's name: the rest is as it was
        restored = saved.restore(STATES)  # type: ignore[arg-type]
        assert restored is None or all(np.array_equal(restored[name], STATES[name]) for name in STATES)  # type: ignore[index]
        damaged += restored is None
    assert damaged > FLIPS * 0.8


@pytest.mark.parametrize("kind", ["blocks", "blocks/steps"])
def test_a_changed_byte_of_a_block_has_its_runs_trained_again(half, tmp_path, kind):
    out = shutil.copytree(half, tmp_path / "s")
    (path,) = (out / kind).glob("*.parquet")
    undisturbed = Store(half, resume=True)
    undisturbed.close()
    for _ in flipped(path):
        store = Store(out, resume=True)
        store.close()
        assert store.finished in (frozenset(), undisturbed.finished)
        assert bool(store.finished) != bool(store.damaged)
        assert all(path.name in line for line in store.damaged)


@pytest.mark.parametrize(
    "kind", ["blocks/*.parquet", "blocks/steps/*.parquet", "blocks/runs/*.parquet", "checkpoints/*.safetensors"]
)
def test_damage_of_what_is_unfinished_changes_no_number(digits, arms, whole, half, tmp_path, kind):
    out = shutil.copytree(half, tmp_path / "s")
    (out / "checkpoints").mkdir(exist_ok=True)
    (out / "checkpoints" / "none.safetensors").write_bytes(b"damaged")
    for path in out.glob(kind):
        path.write_bytes(path.read_bytes()[:-40] + bytes(40))
    run(arms, digits, seeds=4, lanes=None, out=out, resume=True)
    for name in FILES - {"manifest.json"}:
        pd.testing.assert_frame_equal(pd.read_parquet(out / name), pd.read_parquet(whole / name))
    assert {path.name for path in out.iterdir()} == FILES


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_damaged_finished_study_is_refused_and_stays_as_it_is(digits, arms, whole, tmp_path, name):
    out = shutil.copytree(whole, tmp_path / "s")
    content = bytearray((out / name).read_bytes())
    content[50] ^= 1
    (out / name).write_bytes(content)
    with pytest.raises(DamagedFileError, match=re.escape(f"{out / name} is damaged")):
        run(arms, digits, seeds=5, lanes=None, out=out, resume=True)
    assert (out / name).read_bytes() == content
    assert {path.name for path in out.iterdir()} == {path.name for path in whole.iterdir()}
    with pytest.raises(DamagedFileError):
        study.Results.load(out)


@pytest.mark.parametrize(
    "content", ["[]", "{", '{"dataset": 3}', '{"dataset": {"digest": "a", "name": "b"}, "arms": 1}']
)
def test_a_manifest_of_other_types_is_one_line(tmp_path, content):
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(DamagedFileError, match=r"manifest\.json is damaged"):
        Store(tmp_path, resume=True)
    assert [path.name for path in tmp_path.iterdir()] == ["manifest.json"]


def test_a_damaged_study_beside_is_not_taken_over(digits, arms, whole, tmp_path):
    beside = shutil.copytree(whole, tmp_path / "beside")
    (beside / "steps.parquet").write_bytes(b"PAR1")
    display = Silent()
    results = run(arms, digits, seeds=4, lanes=2, beside=[beside], display=display)
    assert results.manifest["taken_over"] == {}
    assert any(f"nothing is taken over from {beside}" in line for line in display.lines)
    pd.testing.assert_frame_equal(results.rows, pd.read_parquet(whole / "results.parquet"))


def test_a_new_folder_is_locked_before_anything_is_trained(digits, arms, tmp_path):
    """A second study comes while the first is planned."""
    out, refused = tmp_path / "deep" / "s", []

    class Meeting(Silent):
        def say(self, message):
            super().say(message)
            if not refused:
                thread = threading.Thread(target=second)
                thread.start()
                thread.join()

    def second():
        for resume in (False, True):
            display = Silent()
            with pytest.raises(InputError, match="another process is working in") as caught:
                run(arms, digits, out=out, resume=resume, display=display)
            refused.append((str(caught.value), display.lines))

    display = Meeting()
    run(arms, digits, out=out, display=display)
    assert [lines for _, lines in refused] == [[], []]
    assert display.lines[0].startswith("compiling")
    assert not (out / LOCK_FILE).exists()


def test_who_comes_when_another_has_ended_is_refused(digits, arms, whole, tmp_path):
    late = Store(tmp_path / "s", resume=False)
    shutil.copytree(whole, tmp_path / "s")
    with pytest.raises(InputError, match="exists already"):
        late.claim()
    assert {path.name for path in (tmp_path / "s").iterdir()} == {path.name for path in whole.iterdir()}


def test_a_lock_on_a_file_that_lost_its_name_is_none(tmp_path, monkeypatch):
    """The first process removes its lock file between the second one's opening of it and its lock."""
    out = tmp_path / "s"
    second, third = Store(out, resume=False), Store(out, resume=False)
    original, removed = os.path.samestat, []

    def late(a, b):
        removed.append(original(a, b))
        return original(a, b) and len(removed) > 1

    monkeypatch.setattr(os.path, "samestat", late)
    second.claim()
    assert removed == [True, True]
    with pytest.raises(InputError, match="another process is working in"):
        third.claim()
    second.close()
    assert not out.exists()


@pytest.mark.parametrize("resume", [False, True])
def test_a_study_that_is_refused_or_stopped_before_it_begins_leaves_nothing(digits, arms, tmp_path, resume):
    with pytest.raises(KeyboardInterrupt):
        run(arms, digits, out=tmp_path / "deep" / "s", resume=resume, display=Stopping(at_once=True))
    with pytest.raises(InputError):
        run(arms, digits, out=tmp_path / "deep" / "s", resume=resume, lanes=0)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("resume", [False, True])
def test_a_folder_in_which_a_study_could_not_begin_is_new(digits, arms, tmp_path, resume):
    out = tmp_path / "s"
    (out / "blocks" / "steps").mkdir(parents=True)
    (out / LOCK_FILE).touch()
    (out / ".manifest.json.a8_bcdef").write_text("{")
    run(arms, digits, out=out, resume=resume)
    assert {path.name for path in out.iterdir()} == FILES


@pytest.mark.parametrize("name", ["notes.txt", "blocks/0.parquet", ".gitignore", "data/x.parquet"])
def test_a_folder_that_holds_anything_else_is_not_new(tmp_path, name):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).touch()
    for resume in (False, True):
        with pytest.raises(InputError, match=r"exists already|no study's folder"):
            Store(tmp_path, resume=resume)
    assert (tmp_path / name).exists()


def test_temporary_files_of_a_killed_process_are_swept(whole, tmp_path):
    out = shutil.copytree(whole, tmp_path / "s")
    left = [out / name for name in ("", "blocks", "blocks/steps", "checkpoints", "nets")]
    for folder in left:
        folder.mkdir(exist_ok=True)
        (folder / ".abc.parquet.x1_yz234").touch()
    (out / ".gitignore").touch()
    assert not is_temporary(out / ".gitignore")
    Store(out, resume=True).close()
    assert [path for path in out.rglob(".*") if path.name != ".gitignore"] == []
    assert (out / ".gitignore").exists()


def test_files_of_the_first_version_are_read_as_they_are(tmp_path):
    out = shutil.copytree(XOR, tmp_path / "xor")
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    manifest.pop("checksum", None)
    pd.read_parquet(out / "results.parquet").to_parquet(out / "results.parquet", index=False)
    (out / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    assert not check_seal(out / "results.parquet")
    assert not check_seal(out / "manifest.json")
    results = study.Results.load(out)
    assert results.manifest == manifest
    pd.testing.assert_frame_equal(results.rows, pd.read_parquet(out / "results.parquet"))
    store = Store(out, resume=True)
    store.close()
    assert store.finished == set(results.rows["run_id"])
