"""A setting that is diagnosed, and how two settings differ: as fields, as Python and as command-line options."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any

from jaxmlp.identity import number_text
from jaxmlp.training import Hyper, RunSpec


@dataclass(frozen=True)
class Setting:
    """A net and how it is trained: what is static, and the numbers.

    >>> from jaxmlp.nn import MLPSpec
    >>> Setting(RunSpec(MLPSpec((4, 8, 3))), Hyper(learning_rate=0.1)).learning_rate
    0.1
    """

    spec: RunSpec
    hyper: Hyper = field(default_factory=Hyper)
    scaled_targets: bool = False
    """Numbers to predict are trained on with mean 0 and variance 1; R² does not depend on it."""

    @property
    def learning_rate(self) -> float:
        """The rate η."""
        return float(self.hyper.learning_rate)

    def with_part(self, part: str, **values: Any) -> "Setting":
        """The setting with other values of one part of its spec, such as `mlp` or `data`."""
        return replace(self, spec=replace(self.spec, **{part: replace(getattr(self.spec, part), **values)}))

    def with_spec(self, **values: Any) -> "Setting":
        """The setting with other values of its spec's own fields, such as `epochs`."""
        return replace(self, spec=replace(self.spec, **values))

    def with_numbers(self, **numbers: float) -> "Setting":
        """The setting with other numbers."""
        return replace(self, hyper=self.hyper.replace(**numbers))


SCALED_TARGETS = "scaled_targets"


def flat(setting: Setting) -> dict[str, Any]:
    """Every field of a setting by its dotted name: `mlp.norm`, `epochs`, `hyper.learning_rate`."""
    numbers = {f"hyper.{one.name}": getattr(setting.hyper, one.name) for one in fields(setting.hyper)}
    return _flat_spec(setting.spec) | numbers | {SCALED_TARGETS: setting.scaled_targets}


def _flat_spec(part: Any, prefix: str = "") -> dict[str, Any]:
    values: dict[str, Any] = {}
    for one in fields(part):
        value = getattr(part, one.name)
        values |= _flat_spec(value, f"{prefix}{one.name}.") if is_dataclass(value) else {f"{prefix}{one.name}": value}
    return values


def differences(before: Setting, after: Setting) -> dict[str, tuple[Any, Any]]:
    """(before, after) of every field that differs, by its dotted name.

    >>> from jaxmlp.nn import MLPSpec
    >>> given = Setting(RunSpec(MLPSpec((4, 8, 3))))
    >>> differences(given, given.with_numbers(learning_rate=0.1))
    {'hyper.learning_rate': (0.001, 0.1)}
    """
    old, new = flat(before), flat(after)
    return {name: (old[name], new[name]) for name in new if old[name] != new[name]}


def transplanted(receiver: Setting, donor: Setting, names: Mapping[str, Any]) -> Setting:
    """`receiver` with the donor's values of these fields: a suspected fault put into a net that trains."""
    values = flat(donor)
    for name in names:
        head, _, rest = name.partition(".")
        if name == SCALED_TARGETS:
            receiver = replace(receiver, scaled_targets=values[name])
        elif head == "hyper":
            receiver = receiver.with_numbers(**{rest: values[name]})
        elif rest:
            receiver = receiver.with_part(head, **{rest: values[name]})
        else:
            receiver = receiver.with_spec(**{head: values[name]})
    return receiver


def as_python(before: Setting, after: Setting) -> str:
    """The arguments to change, in Python: `MLPSpec(norm="batch_norm"), Hyper(learning_rate=0.1)`."""
    calls: dict[str, list[str]] = {}
    for name, (_, value) in differences(before, after).items():
        head, _, rest = name.partition(".")
        if name != SCALED_TARGETS:
            calls.setdefault(_CLASSES.get(head, "RunSpec"), []).append(f"{rest or head}={_literal(value)}")
    told = [f"{name}({', '.join(arguments)})" for name, arguments in calls.items()]
    if after.scaled_targets and not before.scaled_targets:
        told.append("targets = (targets - targets.mean(0)) / targets.std(0)")
    return ", ".join(told)


def as_options(before: Setting, after: Setting) -> str:
    """The same as options of the command line: `--norm batch_norm --learning-rate 0.1`; what has none is left out."""
    changed = {name: value for name, (_, value) in differences(before, after).items()}
    if "data.batch_size" in changed:
        changed.setdefault("epochs", after.spec.epochs)  # where they are not given, they depend on the batch size
    told = [_option(name, value, after) for name, value in changed.items()]
    return " ".join(dict.fromkeys(word for word in told if word))


_CLASSES = {
    "mlp": "MLPSpec",
    "data": "DataSpec",
    "loss": "LossSpec",
    "optimizer": "OptimizerSpec",
    "schedule": "ScheduleSpec",
    "evaluation": "EvalSpec",
    "hyper": "Hyper",
}
"""The class that holds a part of a setting."""
_OTHER_WORDS = {"evaluation.batch_size": "evaluation-batch-size", "hyper.penalty": "penalty-strength"}
_BY_NUMBER = {"optimizer.clip": "clip_norm", "optimizer.weight_decay": "weight_decay"}
"""Switches that the command line turns on by a number, and off by leaving it out, as it does what is None."""
_IN_PYTHON = (SCALED_TARGETS, "interventions", "hyper.user", "optimizer.hold_second_moment")


def _literal(value: Any) -> str:
    if isinstance(value, str):
        return f'"{value}"'
    return number_text(value) if isinstance(value, float) else str(value)


def _option(name: str, value: Any, after: Setting) -> str:
    head, _, rest = name.partition(".")
    if name in _IN_PYTHON or value is None or (name in _BY_NUMBER and not value):
        return ""
    if name in _BY_NUMBER:
        rest, value = _BY_NUMBER[name], float(getattr(after.hyper, _BY_NUMBER[name]))
    # The name of a table's row goes by the table: `--loss`, `--optimizer`, `--schedule`.
    word = _OTHER_WORDS.get(name, (head if rest == "name" else rest or head).replace("_", "-"))
    if isinstance(value, bool):
        return f"--{word}" if value else f"--no-{word}"
    if isinstance(value, tuple):
        return f"--{word} {','.join(map(str, value))}"
    return f"--{word} {number_text(value) if isinstance(value, float) else value}"
