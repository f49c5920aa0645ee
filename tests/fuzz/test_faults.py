"""Tries from a fixed seed: wrong input of every kind ends in a result or in one line, and nothing wrong is believed.

`python -m experiments benchmark faults` makes more of the same.
"""

import numpy as np
import pytest

from experiments.benchmarks.faults.flips import FLIPS
from experiments.benchmarks.faults.lines import PROGRAM_LINES
from experiments.benchmarks.faults.report import FUZZERS, faults_markdown
from experiments.benchmarks.faults.trying import Fuzzer, Try, damaged, run_tries
from jaxmlp.errors import InputError

COUNTS = {"command lines": 150, "Python calls": 600, "data files": 400, "damaged nets": 400, "study folders": 60}
SEED = 20


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("JAXMLP_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize("fuzzer", FUZZERS, ids=lambda fuzzer: fuzzer.name)
@pytest.mark.filterwarnings("default")  # what damaged input makes a library warn of is not what is tested
def test_nothing_wrong_gets_through(fuzzer, tmp_path):
    folder = tmp_path / "tries"
    folder.mkdir()
    outcome = run_tries(fuzzer, folder, seed=SEED, count=COUNTS[fuzzer.name])
    assert outcome.faults == []
    assert outcome.tries == COUNTS[fuzzer.name]
    assert outcome.refused > 0.2 * outcome.tries, "tries that are not wrong try nothing"


@pytest.mark.long
@pytest.mark.parametrize("fuzzer", FUZZERS, ids=lambda fuzzer: fuzzer.name)
@pytest.mark.filterwarnings("default")
def test_nothing_wrong_gets_through_at_length(fuzzer, tmp_path):
    outcome = run_tries(fuzzer, tmp_path, seed=SEED + 1, count=8 * COUNTS[fuzzer.name])
    assert outcome.faults == []


@pytest.mark.long
@pytest.mark.parametrize(
    ("fuzzer", "count"), [pytest.param(one, 30 if one in FLIPS else 10, id=one.name) for one in (PROGRAM_LINES, *FLIPS)]
)
@pytest.mark.filterwarnings("default")
def test_nothing_wrong_gets_through_where_a_try_takes_long(fuzzer, count, tmp_path):
    outcome = run_tries(fuzzer, tmp_path, seed=SEED, count=count)
    assert outcome.faults == []
    assert outcome.refused > 0.1 * outcome.tries


def drawn(numbers, _):
    """Refused, a raw error, a wrong result or a right one, by turns of chance."""
    kind = int(numbers.integers(4))

    def act():
        if kind < 2:
            raise (InputError, TypeError)[kind]("no")
        return kind

    return Try(str(kind), act, lambda returned: "wrong" if returned == 2 else "")


def test_faults_are_found_counted_and_found_again(tmp_path):
    fuzzer = Fuzzer("made up", lambda folder: None, drawn)
    first, again = (run_tries(fuzzer, tmp_path, seed=1, count=200) for _ in range(2))
    assert first == again
    assert 30 < first.refused < 70
    assert 70 < first.num_faults < 130
    assert first.faults[0].startswith("made up 1/")
    assert {fault.rpartition(": ")[2] for fault in first.faults} == {"no", "wrong"}
    told = {"made up": {name: getattr(first, name) for name in ("tries", "refused", "num_faults", "faults")}}
    assert f"| made up | 200 | {first.refused} | {first.num_faults} |" in faults_markdown(told)


def test_damage_is_damage():
    changed = [damaged(np.random.default_rng(i), b"0123456789" * 9)[1] for i in range(100)]
    assert sum(content == b"0123456789" * 9 for content in changed) == 0
    assert len(set(changed)) > 60
