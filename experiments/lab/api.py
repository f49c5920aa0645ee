"""The public names of the library as Markdown tables: what each is, in the first line of its docstring."""

import inspect
from importlib import import_module
from types import ModuleType
from typing import Any

from experiments.lab.drawings import rooms


def api_tables() -> str:
    """A heading and a table for every room that has public names, from the top down."""
    modules = [import_module(f"jaxmlp.{name}") for name, _ in rooms()]
    return "\n\n".join(_table(module) for module in modules if getattr(module, "__all__", ()))


def _table(module: ModuleType) -> str:
    named = {name: getattr(module, name) for name in module.__all__}
    explained = {name: one for name, one in named.items() if inspect.isclass(one) or inspect.isroutine(one)}
    lines = [f"### `{module.__name__}`", "", _first_line(module), "", "| name | what it is |", "|---|---|"]
    lines += [f"| `{_call(name, one)}` | {_first_line(one)} |" for name, one in explained.items()]
    tables = [f"`{name}`" for name in named if name not in explained]
    return "\n".join([*lines, *(["", f"Tables and constants: {', '.join(tables)}."] if tables else [])])


def _first_line(documented: Any) -> str:
    words = (inspect.getdoc(documented) or "").split("\n\n")[0].split()
    return " ".join(words).replace("|", "\\|")


def _call(name: str, one: Any) -> str:
    """A function as it is called: `linear(x, weight, bias)`, what must be named after a star."""
    if inspect.isclass(one):
        return name
    given: list[str] = []
    for parameter in inspect.signature(one).parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and "*" not in given:
            given.append("*")
        stars = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
        given.append(f"{stars}{parameter.name}")
    return f"{name}({', '.join(given)})"
