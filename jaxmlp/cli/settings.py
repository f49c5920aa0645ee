"""What was asked for: the options of a command line, and of a spec file behind them. Nothing here waits for JAX."""

import argparse
import tomllib
from pathlib import Path
from typing import Any

from jaxmlp.cli.options import BY_NAME, close_name, known_names, parse_widths, type_of
from jaxmlp.errors import InputError

Settings = dict[str, Any]
"""Values by option name; what was not given is not there."""


def given_settings(arguments: argparse.Namespace) -> Settings:
    """What the spec file says, and what the command line says instead.

    Raises:
        InputError: a spec file that cannot be read, or an option that does not exist or has another type.
    """
    settings = {} if arguments.spec is None else read_spec(arguments.spec)
    for name in known_names():
        if (value := getattr(arguments, name, None)) is not None:
            settings[name] = value
    if arguments.data is not None and arguments.dataset is not None:
        raise InputError(f"DATA {arguments.data!r} and --dataset {arguments.dataset!r}: give one of them")
    if arguments.dataset is not None:
        settings["data"] = arguments.dataset
    if isinstance(settings.get("widths"), str):
        settings["widths"] = list(parse_widths(settings["widths"]))
    return settings


def read_spec(path: Path) -> Settings:
    """The options in a TOML file; raises `InputError` as `given_settings` does."""
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise InputError(
            f"{path} is no TOML ({' '.join(str(error).split())[:100]}): give OPTION = VALUE lines"
        ) from None
    return {name: _checked(path, name, value) for name, value in found.items()}


def _checked(path: Path, name: str, value: Any) -> Any:
    known = known_names()
    if name not in known:
        raise InputError(f"{path} has option {name!r}, which there is not{close_name(name, known)}")
    kinds = _kinds_of(name)
    fits = isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))
    if fits and isinstance(value, list):
        fits = all(type(one) is (int if name == "widths" else str) for one in value)
    if not fits:
        raise InputError(f"{path}: {name} is {value!r}: give {' or '.join(_WORDS[kind] for kind in kinds)}")
    return float(value) if isinstance(value, int) and float in kinds else value


_WORDS = {str: "a text", int: "a whole number", float: "a number", bool: "true or false", list: "a list"}


def _kinds_of(name: str) -> tuple[type, ...]:
    if name in BY_NAME:
        kind = type_of(BY_NAME[name])
        return (int, float) if kind is float else (kind,)
    if name == "test":
        return (str, float)
    return {"seeds": (int,), "lanes": (int,), "widths": (list,), "drop": (list,), "classes": (list,)}.get(name, (str,))
