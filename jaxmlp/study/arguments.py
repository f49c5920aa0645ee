"""What `study.run` takes: types and values of its arguments, checked before anything runs or is written."""

import math
from numbers import Real
from pathlib import Path
from typing import Any

from jaxmlp.errors import InputError, check_choice, check_count, check_type, shown
from jaxmlp.files import check_writable
from jaxmlp.study import processes
from jaxmlp.study.arms import Arm
from jaxmlp.study.blocks import STRATEGIES
from jaxmlp.study.finished import KEEP_PARAMS
from jaxmlp.study.tensorboard import check_tensorboard


def check_given(arms: Any, name: Any, about: Any, beside: Any, probes: Any) -> None:
    """Raise `InputError` where an argument is of another type than `run` takes."""
    for what, given in (("arms", arms), ("beside", beside), ("probes", probes)):
        check_type(what, given, (list, tuple), "a list")
    for arm in arms:
        check_type("an arm", arm, Arm, "a list of study.Arm")
    check_type("about", about, (dict, type(None)), "a dict, or leave it out")
    check_type("the name", name, str, "a text")
    if not name.strip() or not name.isprintable():
        raise InputError(f"the name is {shown(name)}: give one of printable characters")


def check_options(
    out: Path | None,
    lanes: int | None,
    strategy: str | None,
    checkpoint_minutes: float,
    keep_params: str,
    log_dir: Path | None,
) -> None:
    """Raise `InputError` where an option of `run` has a value that it cannot have; nothing is written."""
    check_choice("keep_params", keep_params, KEEP_PARAMS)
    if lanes is not None:
        check_count("lanes", lanes)
    if strategy is not None:
        check_choice("strategy", strategy, STRATEGIES)
    is_number = isinstance(checkpoint_minutes, Real) and not isinstance(checkpoint_minutes, bool)
    told = f"{checkpoint_minutes:g}" if is_number else shown(checkpoint_minutes)
    if not is_number or math.isnan(checkpoint_minutes) or checkpoint_minutes < 0.0:
        raise InputError(f"checkpoint minutes are {told}: give 0 (after every chunk) or more")
    if out is None and processes.several():
        raise InputError("several processes need a folder that all of them see: give out")
    if log_dir is not None:
        check_tensorboard()
        check_writable(log_dir)
