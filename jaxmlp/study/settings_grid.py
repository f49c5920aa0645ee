"""`grid`: every combination of some settings, as arms with names."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from numbers import Real
from typing import Any

import numpy as np

from jaxmlp.errors import InputError, check_type, shown
from jaxmlp.identity import number_text
from jaxmlp.nn.hyper import is_user_number
from jaxmlp.study.arms import Arm, describe_arm, flat_settings
from jaxmlp.training import Hyper, RunSpec, check_hyper, hyper_of, hyper_values
from jaxmlp.training.spec import COMPONENT_TABLES


def grid(
    spec: RunSpec,
    hyper: Hyper,
    axes: Mapping[str, Sequence[Any]],
    *,
    name: Callable[[RunSpec, Hyper], str] | None = None,
) -> list[Arm]:
    """The full product of `axes` over a base setting, the last axis fastest (S-098).

    Args:
        spec: the base's structure.
        hyper: the base's numbers.
        axes: by dotted name, as in the columns of results, the values to take: `{"loss.name": ["hinge", "euclidean"],
            "mlp.widths": [(784, 100, 10)], "hyper.learning_rate": [1e-3, 1e-2]}`. Axes of `hyper` cost no compiling;
            `hyper.user.NAME` is one of the user's numbers. Where a spec takes a component's name, an axis may give the
            component itself, as a spec may.
        name: an arm's name from its spec and hyper; by default every axis and its value, such as
            `loss=hinge widths=784-100-10 learning_rate=0.001`, which stays as it is when an axis gets more values.

    Returns:
        The arms, for `study.run`.

    Raises:
        InputError: no axis, an unknown setting, an axis that is empty or gives a value twice, a combination that
            cannot be, or a name given twice.

    >>> from jaxmlp import nn, training
    >>> base = training.RunSpec(nn.MLPSpec((4, 8, 3))), training.Hyper()
    >>> [arm.name for arm in grid(*base, {"mlp.activation": ["relu", "tanh"]})]
    ['activation=relu', 'activation=tanh']
    """
    check_type("the spec", spec, RunSpec, "a RunSpec")
    check_type("the hyper", hyper, Hyper, "a Hyper")
    check_type("axes", axes, Mapping, "a dict of lists by setting, such as {'hyper.learning_rate': [1e-3, 1e-2]}")
    for path in axes:
        check_type("the name of an axis", path, str, "a setting such as 'hyper.learning_rate'")
    users = [path for path in axes if path.startswith("hyper.") and is_user_number(path.removeprefix("hyper."))]
    known = list(dict.fromkeys([*flat_settings(describe_arm(Arm("base", spec, hyper))), *users]))
    _check_axes(axes, known)
    axes = {
        path: list(map(COMPONENT_TABLES[path].name_of, axes[path])) if path in COMPONENT_TABLES else axes[path]
        for path in axes
    }
    labels = {path: _label(path, known) for path in axes}
    arms: dict[str, Arm] = {}
    for values in itertools.product(*axes.values()):
        changes = dict(zip(axes, values, strict=True))
        point = " ".join(f"{labels[path]}={_text(value)}" for path, value in changes.items())
        arm = _arm_at(Arm(point, spec, hyper), changes)
        if name is not None:
            arm = replace(arm, name=name(arm.spec, arm.hyper))
        if arm.name in arms:
            raise InputError(f"name gives two arms {arm.name!r}, the second at {point}: let it show every axis")
        arms[arm.name] = arm
    return list(arms.values())


def _arm_at(base: Arm, changes: Mapping[str, Any]) -> Arm:
    """The base with these settings; it already has the point's name."""
    numbers = {path.removeprefix("hyper."): value for path, value in changes.items() if path.startswith("hyper.")}
    static = {path: value for path, value in changes.items() if not path.startswith("hyper.")}
    try:
        hyper = hyper_of(hyper_values(base.hyper) | {name: float(value) for name, value in numbers.items()})
        check_hyper(hyper)
        return Arm(base.name, _replaced(base.spec, static), hyper)
    except InputError as error:
        raise InputError(f"at {base.name}: {error}") from None


def _replaced(node: Any, changes: Mapping[str, Any]) -> Any:
    """A spec with values at dotted paths, all at once: a combination that only exists half way is never checked."""
    inner: dict[str, dict[str, Any]] = {}
    for path, value in changes.items():
        field, _, rest = path.partition(".")
        inner.setdefault(field, {})[rest] = value
    return replace(
        node, **{field: at[""] if "" in at else _replaced(getattr(node, field), at) for field, at in inner.items()}
    )


def _check_axes(axes: Mapping[str, Sequence[Any]], known: Sequence[str]) -> None:
    if not axes:
        raise InputError("a grid without axes: give at least one, such as {'hyper.learning_rate': [1e-3, 1e-2]}")
    for path, values in axes.items():
        _check_path(path, known)
        if isinstance(values, str | bytes | Mapping) or not isinstance(values, Sequence | np.ndarray):
            raise InputError(f"axis {path} is {shown(values)}: give a list of values")
        if not len(values):
            raise InputError(f"axis {path} is empty: give at least one value, or leave it out")
        texts = [_text(value) for value in values]
        twice = [text for i, text in enumerate(texts) if text in texts[:i]]
        if twice:
            raise InputError(f"axis {path} gives {twice[0]} twice: give each value once")
        if path.startswith("hyper.") and not all(isinstance(value, Real) for value in values):
            raise InputError(f"axis {path} has {', '.join(texts)}: give numbers")


def _check_path(path: str, known: Sequence[str]) -> None:
    if path in known:
        return
    inside = path  # the longest part of the path that settings lie in
    while inside and not any(other.startswith(f"{inside}.") for other in known):
        inside = inside.rpartition(".")[0]
    start = f"{inside}." if inside else ""
    there = dict.fromkeys(other[len(start) :].partition(".")[0] for other in known if other.startswith(start))
    raise InputError(f"unknown setting {path!r}: {f'in {inside}' if inside else 'there'} are {', '.join(there)}")


def _label(path: str, known: Sequence[str]) -> str:
    """The shortest that no other setting has: `learning_rate`, `loss` for `loss.name`, but `data.batch_size`."""
    labels = [_last_word(other) for other in known]
    return path if labels.count(_last_word(path)) > 1 else _last_word(path)


def _last_word(path: str) -> str:
    return path.removesuffix(".name").rpartition(".")[2]


def _text(value: Any) -> str:
    """As in the results' columns: `784-100-10`; a number as `0.001`, `1e-05`, and 1.0 as `1`."""
    if isinstance(value, (list, tuple)):
        return "-".join(map(str, value))
    return number_text(float(value)) if isinstance(value, Real) and not isinstance(value, bool) else str(value)
