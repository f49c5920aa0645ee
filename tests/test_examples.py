"""Every public name of the library has an example in its docstring, and every example does what it says."""

import doctest
import importlib
import inspect
import types
from pathlib import Path

import pytest

import jaxmlp
from tests.user_rows import user_rows

__all__ = ["user_rows"]

ROOT = Path(jaxmlp.__file__).parent
EXAMPLES = sorted(path for path in ROOT.rglob("*.py") if ">>> " in path.read_text(encoding="utf-8"))

PACKAGES = sorted(path.parent for path in ROOT.rglob("__init__.py"))


def module_of(path: Path) -> str:
    """The name by which a file or a folder of the library is imported."""
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@pytest.mark.slow
@pytest.mark.usefixtures("user_rows")
@pytest.mark.parametrize("module", [*map(module_of, EXAMPLES)])
def test_the_examples_do_what_they_say(module):
    result = doctest.testmod(importlib.import_module(module))
    assert result.attempted
    assert result.failed == 0


def without_example(package) -> list[str]:
    """The functions and classes that a package hands on, and whose docstring has no example of its own."""
    objects = {name: getattr(package, name) for name in getattr(package, "__all__", ())}
    named = {name: of for name, of in objects.items() if inspect.isfunction(of) or inspect.isclass(of)}
    return [name for name, of in named.items() if ">>> " not in (vars(of).get("__doc__", of.__doc__) or "")]


def test_a_name_without_example_is_found():
    told = type("Told", (), {"__doc__": ">>> 1"})
    package = types.SimpleNamespace(__all__=["told", "silent"], told=told, silent=without_example)
    assert without_example(package) == ["silent"]


@pytest.mark.parametrize("package", [*map(module_of, PACKAGES)])
def test_every_public_name_has_an_example(package):
    assert without_example(importlib.import_module(package)) == []
