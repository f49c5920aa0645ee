"""Strictness for every test: no silent rank or dtype promotion, and a warning is an error."""

import gc
import os
import shutil
import tempfile
from pathlib import Path

import chex
import jax
import pytest

jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_numpy_dtype_promotion", "strict")
# Compiling is most of the tests' time: do without what only makes programs faster, and share programs, even small ones,
# between tests and workers. Tests that start the command line in a process of its own have all optimizations, as users
# do.
jax.config.update("jax_disable_most_optimizations", True)
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)

COMPILED = "JAXMLP_TEST_COMPILED"
SLOW = Path(__file__).with_name("slow.txt")
"""What took a second or more when the whole suite was timed on two cores, and is not the one case of its kind that is
kept among the quick tests: run by `-m slow`. What takes minutes is marked `long` where it stands."""

MADE_HERE = pytest.StashKey[str]()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("filterwarnings", "error")
    if COMPILED not in os.environ:  # a folder that is given stays: the next run of the tests starts with its programs
        config.stash[MADE_HERE] = tempfile.mkdtemp(prefix="jaxmlp-compiled-")
        os.environ[COMPILED] = config.stash[MADE_HERE]  # xdist's workers inherit it
    jax.config.update("jax_compilation_cache_dir", os.environ[COMPILED])


def pytest_unconfigure(config: pytest.Config) -> None:
    if MADE_HERE in config.stash:
        shutil.rmtree(os.environ.pop(COMPILED), ignore_errors=True)


LEFT_OUT = {"makes_nan": "jax_debug_nans", "float32": "jax_enable_x64"}
"""By marker, the setting of jax under which its tests mean nothing."""


@pytest.hookimpl(tryfirst=True)  # before -m chooses
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    slow = set(SLOW.read_text().splitlines())
    meaningless = {marker: setting for marker, setting in LEFT_OUT.items() if jax.config.values[setting]}
    for item in items:
        if item.nodeid in slow:
            item.add_marker(pytest.mark.slow)
        for marker in meaningless.keys() & item.keywords.keys():
            item.add_marker(pytest.mark.skip(reason=f"{marker}: not under {meaningless[marker]}"))


@pytest.fixture(autouse=True, scope="module")
def forget_programs():
    """Programs of one file serve no other: kept, a worker grows by gigabytes, and slows down."""
    yield
    jax.clear_caches()
    gc.collect()


@pytest.fixture
def x64():
    """Float64 for the length of one test: derivative checks and 1e-9 agreements need it."""
    with jax.enable_x64(True):
        yield


@pytest.fixture(autouse=True)
def _own_traces():
    """`chex.assert_max_traces` counts by a function's code: every test counts anew."""
    chex.clear_trace_counter()
