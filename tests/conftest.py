"""Strictness for every test: no silent rank or dtype promotion, and a warning is an error."""

import jax
import pytest

jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_numpy_dtype_promotion", "strict")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("filterwarnings", "error")


@pytest.fixture
def x64():
    """Float64 for the length of one test: derivative checks and 1e-9 agreements need it."""
    with jax.enable_x64(True):
        yield
