"""What is known by its name: the standard library, installed packages and jaxmlp; the rest is the user's own code."""

import importlib.util
import os
import site
import sys
import sysconfig
from pathlib import Path
from typing import Any

_INSTALLED = tuple(
    {
        os.path.join(form(path), "")
        for path in (
            *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")),
            *site.getsitepackages(),
            site.getusersitepackages(),
            str(Path(__file__).parent),
        )
        for form in (os.path.abspath, os.path.realpath)
    }
)


def is_installed_file(path: str) -> bool:
    """Whether code from this file is known by its name."""
    return path.startswith("<frozen ") or path.startswith(_INSTALLED)


def is_installed_module(name: str) -> bool:
    """Whether a module is of the standard library, of an installed package or of jaxmlp, and known by its name."""
    top = name.partition(".")[0]
    if not top:  # an import relative to the user's own package
        return False
    if top in sys.builtin_module_names:
        return True
    try:
        spec = None if top == "__main__" else importlib.util.find_spec(top)
    except ValueError:  # a module that was made by hand
        return False
    if spec is None:
        return False
    places = [spec.origin or "", *(spec.submodule_search_locations or ())]
    return spec.origin in ("built-in", "frozen") or any(is_installed_file(os.path.join(p, "")) for p in places)


def is_named_in_its_package(value: Any) -> bool:
    """Whether this is what the package of its type calls by its name, as NumPy's and JAX's ufuncs are."""
    package = type(value).__module__
    name = getattr(value, "__name__", None)
    if not isinstance(name, str) or not is_installed_module(package):
        return False
    return getattr(sys.modules.get(package), name, None) is value
