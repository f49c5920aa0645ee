"""jaxmlp: why an MLP trains or does not, with evidence.

The rooms; imports only point downwards in this list:

    cli        the command jaxmlp: check, train, why, test, predict
    diagnosis  why a net does not train: a look before training, and counterfactuals, trained and judged
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
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jaxmlp import baselines as baselines
    from jaxmlp import data as data
    from jaxmlp import diagnosis as diagnosis
    from jaxmlp import evidence as evidence
    from jaxmlp import nn as nn
    from jaxmlp import probes as probes
    from jaxmlp import study as study
    from jaxmlp import training as training
    from jaxmlp.diagnosis import check as check

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """The room of this name, or `check`: they wait for JAX, which takes a second to load, and the version need not.

    >>> import jaxmlp
    >>> jaxmlp.nn.count_parameters(jaxmlp.nn.MLPSpec((2, 3, 1)))
    13
    """
    if name == "check":
        return import_module(f"{__name__}.diagnosis").check
    if name.startswith("_") or find_spec(f"{__name__}.{name}") is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module(f"{__name__}.{name}")


def __dir__() -> list[str]:
    rooms = {found.name for found in iter_modules(__path__) if found.ispkg}
    return sorted(rooms | globals().keys() | {"check"})
