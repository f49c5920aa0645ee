"""jaxmlp: why an MLP trains or does not, with evidence.

The rooms; imports only point downwards in this list:

    cli        the command jaxmlp: train, test, predict
    evidence   statistics, claims and verdicts, figures, the HTML report
    study      grid -> groups -> blocks of lanes; progress, tidy results
    probes     what is watched while runs train, each into a table of its own
    training   RunSpec and Hyper, optimizers, schedules, one step, one epoch, evaluation
    baselines  what networks are compared with: nearest neighbours, linear classifiers, searches, folds
    data       where images come from, preprocessing, splits
    nn         layers, activations, initializers, losses, networks: pure functions

A room is loaded when it is first used: `import jaxmlp` is quick, and `jaxmlp.nn` needs no further import.

One legend of axis letters holds for every docstring: B batch, I inputs, O outputs, C features,
K classes, N examples, E epochs, S seeds, W lanes (runs that share one compiled program).
"""

from importlib import import_module
from importlib.util import find_spec
from pkgutil import iter_modules
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jaxmlp import baselines as baselines
    from jaxmlp import data as data
    from jaxmlp import evidence as evidence
    from jaxmlp import nn as nn
    from jaxmlp import probes as probes
    from jaxmlp import study as study
    from jaxmlp import training as training

__version__ = "0.1.0"


def __getattr__(name: str) -> ModuleType:
    """The room of this name.

    >>> import jaxmlp
    >>> jaxmlp.nn.count_parameters(jaxmlp.nn.MLPSpec((2, 3, 1)))
    13
    """
    if name.startswith("_") or find_spec(f"{__name__}.{name}") is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module(f"{__name__}.{name}")


def __dir__() -> list[str]:
    rooms = {found.name for found in iter_modules(__path__) if found.ispkg}
    return sorted(rooms | globals().keys())
