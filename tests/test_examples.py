"""Every example in a docstring of the library does what it says."""

import doctest
import importlib
from pathlib import Path

import pytest

import jaxmlp
from tests.user_rows import user_rows

__all__ = ["user_rows"]

ROOT = Path(jaxmlp.__file__).parent
EXAMPLES = sorted(path for path in ROOT.rglob("*.py") if ">>> " in path.read_text(encoding="utf-8"))


def module_of(path: Path) -> str:
    """The name by which a file of the library is imported."""
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@pytest.mark.usefixtures("user_rows")
@pytest.mark.parametrize("module", [*map(module_of, EXAMPLES)])
def test_the_examples_do_what_they_say(module):
    result = doctest.testmod(importlib.import_module(module))
    assert result.attempted
    assert result.failed == 0
