"""The suite is collected without any of the package's extras, and no public name of the source means two things."""

import ast
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
OPTIONAL = PROJECT["optional-dependencies"]
IMPORTERS = {"import_module", "importorskip", "__import__"}


@pytest.fixture(scope="module")
def trees() -> dict[str, ast.Module]:
    """Every module of the tests but this one, by its path."""
    paths = sorted(set((ROOT / "tests").rglob("*.py")) - {Path(__file__)})
    return {str(path.relative_to(ROOT)): ast.parse(path.read_text(encoding="utf-8")) for path in paths}


def brought_by(*extras: str) -> set[str]:
    """Packages that these extras install and the README's commands do not, as they are imported."""
    always = {name_of(line) for line in (PROJECT["name"], *PROJECT["dependencies"], *OPTIONAL["test"])}
    return {name_of(line) for extra in extras for line in OPTIONAL[extra]} - always


def name_of(requirement: str) -> str:
    """Of a package, from its line in pyproject.toml."""
    (name,) = re.findall(r"^[\w.-]+", requirement)
    return name.replace("-", "_")


def imported_at_once(tree: ast.Module) -> Iterator[str]:
    """Top-level packages that importing the module imports; the bodies of functions are left out."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            waiting += [*node.decorator_list, node.args]
        elif not isinstance(node, ast.Lambda):
            yield from packages(node)
            waiting += ast.iter_child_nodes(node)


def packages(node: ast.AST) -> list[str]:
    """The packages that this statement or call imports."""
    match node:
        case ast.Import(names=names):
            modules = [name.name for name in names]
        case ast.ImportFrom(module=str(module), level=0):
            modules = [module]
        case ast.Call(
            func=ast.Name(id=called) | ast.Attribute(attr=called), args=[ast.Constant(value=str(module)), *_]
        ) if called in IMPORTERS:
            modules = [module]
        case _:
            modules = []
    return [module.split(".")[0] for module in modules]


def test_the_extras_are_those_that_the_test_command_does_not_install():
    assert {"torch", "equinox", "keras"} <= brought_by("bench") <= brought_by(*OPTIONAL)
    assert brought_by(*OPTIONAL).isdisjoint({"jax", "jaxmlp", "pytest", "tensorboardX"})


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import numpy, torch.nn as nn", True),
        ("from torch.nn import functional", True),
        ("try:\n    import torch\nexcept ImportError:\n    torch = None", True),
        ("class Test:\n    import torch", True),
        ("torch = pytest.importorskip('torch')", True),
        ("@pytest.mark.skipif(not importlib.import_module('torch.nn'))\ndef test(): ...", True),
        ("def test():\n    import torch\n    pytest.importorskip('torch')", False),
        ("from .torch import start", False),
        ("import torchless", False),
    ],
)
def test_what_importing_a_module_imports(source, found):
    assert ("torch" in imported_at_once(ast.parse(source))) == found


def test_extras_are_imported_only_inside_the_tests_that_need_them(trees):
    """One such import at the top fails the README's test command, which installs no extra but `test`."""
    found = {path: brought_by(*OPTIONAL) & set(imported_at_once(tree)) for path, tree in trees.items()}
    assert {path: packages for path, packages in found.items() if packages} == {}


def unmarked(tree: ast.Module) -> list[str]:
    """Tests that need the extra `bench`, in their own body or in a function they name, without the mark `parity`."""
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    needing, found = {name for name, node in functions.items() if needs_bench(node)}, []
    for name, node in functions.items():
        used = {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)} | {name}
        marks = [ast.unparse(decorator) for decorator in node.decorator_list]
        if name.startswith("test") and used & needing and "pytest.mark.parity" not in marks:
            found.append(name)
    return found


def needs_bench(function: ast.FunctionDef) -> bool:
    """Whether it imports a package of the extra, or gives the extra as a reason to skip."""
    imported = {package for node in ast.walk(function) for package in packages(node)}
    return bool(imported & brought_by("bench")) or "extra bench" in ast.unparse(function)


@pytest.mark.parametrize("need", ["import torch", "pytest.importorskip('a.b', reason='a.b needs the extra bench')"])
def test_a_test_without_its_mark_is_found(need):
    source = f"def peer():\n    {need}\ndef test():\n    peer()\n@pytest.mark.parity\ndef test_marked():\n    peer()\n"
    assert unmarked(ast.parse(source)) == ["test"]


def test_tests_that_need_a_peer_are_marked_parity(trees):
    """By this mark CI finds the tests to run once the peers are installed."""
    found = {path: unmarked(tree) for path, tree in trees.items()}
    assert {path: names for path, names in found.items() if names} == {}


def defined(tree: ast.Module) -> set[str]:
    """The public names that a module gives to its own functions, classes and values; imports are not its own."""
    names = set()
    for node in tree.body:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                names.add(name)
            case ast.Assign(targets=targets):
                names |= {inner.id for target in targets for inner in ast.walk(target) if isinstance(inner, ast.Name)}
            case ast.AnnAssign(target=ast.Name(id=name)):
                names.add(name)
    return {name for name in names if not name.startswith("_")}


def test_what_a_module_defines():
    source = "import a\nfrom b import c\nd: int = 1\n(e, f), _g = h()\ndef i(): j = 1\nclass K:\n    l = 1\n"
    assert defined(ast.parse(source)) == {"d", "e", "f", "i", "K"}


@pytest.fixture(scope="module")
def definitions() -> dict[str, list[str]]:
    """By public name, the modules of the library and of the experiments that define it."""
    found = defaultdict(list)
    for path in sorted(path for room in ("jaxmlp", "experiments") for path in (ROOT / room).rglob("*.py")):
        for name in defined(ast.parse(path.read_text(encoding="utf-8"))):
            found[name].append(path.relative_to(ROOT).with_suffix("").as_posix())
    return found


def test_no_public_name_means_two_things(definitions):
    assert {name: modules for name, modules in definitions.items() if len(modules) > 1} == {}


def test_no_function_hides_a_module(definitions):
    """A package that imports the function `evaluate` would have no module `evaluate` any more."""
    homes = {name: {module.rpartition("/")[0] for module in modules} for name, modules in definitions.items()}
    hiding = {name for name, folders in homes.items() for folder in folders if (ROOT / folder / f"{name}.py").exists()}
    assert hiding == set()


def test_what_is_listed_as_slow_exists(trees):
    listed = (ROOT / "tests" / "slow.txt").read_text(encoding="utf-8").splitlines()
    functions = {
        f"{path}::{node.name}"
        for path, tree in trees.items()
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
    }
    assert listed
    assert not [line for line in listed if line.split("[")[0] not in functions]
