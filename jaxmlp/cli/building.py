"""From what was asked for to what is trained on, and back to a file that says all of it."""

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from operator import attrgetter
from pathlib import Path
from typing import Any

from jaxmlp.cli.options import (
    BY_NAME,
    DATA_OPTIONS,
    IMPLIED,
    LAYOUT_OPTIONS,
    OPTIONS,
    Option,
    close_name,
    parse_value,
    parse_widths,
    split_comparison,
)
from jaxmlp.cli.settings import Settings
from jaxmlp.data import DATASETS, Dataset, load
from jaxmlp.data.plain import reads_as_number
from jaxmlp.data.prepared import PREFIX
from jaxmlp.errors import InputError
from jaxmlp.nn import MLPSpec
from jaxmlp.training import Hyper, RunSpec

DEFAULT_DATA = "digits"
HIDDEN, _EPOCHS = 100, 10
FEW_STEPS, MOST_EPOCHS, _BATCHES = 1000, 100, 10
"""A table with few steps an epoch is trained for so many steps, or epochs; an epoch has at least so many batches."""
_PARTS = ("mlp", "data", "loss", "optimizer", "schedule", "evaluation")
_HYPER = "hyper."


def load_data(settings: Mapping[str, Any]) -> Dataset:
    """The data that the options name; raises `InputError` as `data.load` does."""
    own = {name: settings[name] for name in DATA_OPTIONS if name in settings and name != "data"}
    if isinstance(own.get("test"), str) and (share := _share(own["test"])) is not None:
        own["test"] = share
    return load(settings.get("data", DEFAULT_DATA), data_dir=settings.get("data_dir"), **own)


def _share(text: str) -> float | None:
    return float(text) if reads_as_number(text) else None


def make_setting(settings: Mapping[str, Any], dataset: Dataset) -> tuple[RunSpec, Hyper]:
    """The structure and the numbers of a run; what was not given suits the data.

    Raises:
        InputError: what a spec refuses.
    """
    chosen = {option.path: settings[option.name] for option in OPTIONS if option.name in settings}
    hyper = Hyper(**{key.removeprefix(_HYPER): chosen[key] for key in chosen if key.startswith(_HYPER)})
    chosen = {"data.split": dataset.split, "data.preprocessing": dataset.preprocessing} | _implied(chosen) | chosen
    if dataset.task == "numbers":
        chosen.setdefault("loss.name", "squared_error")
    rows = min(len(dataset.train_inputs), settings.get("train_size", len(dataset.train_inputs)))
    if "data.batch_size" not in chosen and dataset.preprocessing == "none":
        chosen["data.batch_size"] = max(1, min(64, rows // _BATCHES))
    spec = RunSpec(MLPSpec(whole_widths(settings.get("widths"), dataset)))
    for part in _PARTS:
        own = {key.partition(".")[2]: value for key, value in chosen.items() if key.startswith(f"{part}.")}
        chosen_part = {part: replace(getattr(spec, part), **own)}
        if part == "data" and chosen_part[part].split == "none" and "evaluation.selection" not in chosen:
            chosen_part["evaluation"] = replace(spec.evaluation, selection="last")
        spec = replace(spec, **chosen_part)
    alone = {key: value for key, value in chosen.items() if "." not in key}
    if "epochs" not in alone:
        alone["epochs"] = _epochs(spec, dataset)
    return replace(spec, **alone), hyper


def _implied(chosen: Mapping[str, Any]) -> Settings:
    """Switches that are on because a number of theirs is given."""
    implied: Settings = {path: True for path, name in IMPLIED.items() if BY_NAME[name].path in chosen}
    if chosen.get("optimizer.name") == "adamw":
        implied.pop("optimizer.weight_decay", None)  # it decays by itself
    if chosen.get("hyper.dropout_rate", 0.0) > 0.0:
        implied["mlp.dropout"] = "inverted"
    return implied


def _epochs(spec: RunSpec, dataset: Dataset) -> int:
    if dataset.preprocessing != "none":
        return _EPOCHS
    steps = max(1, spec.data.steps_per_epoch(len(dataset.train_inputs)))
    return min(MOST_EPOCHS, max(_EPOCHS, math.ceil(FEW_STEPS / steps)))


def whole_widths(widths: list[int] | None, dataset: Dataset) -> tuple[int, ...]:
    """Widths from inputs to outputs; the ends may be left out, since the data give them.

    Raises:
        InputError: widths that end as these data do and begin as others.
    """
    first, last = dataset.train_inputs.shape[1], dataset.num_outputs
    given = (HIDDEN,) if widths is None else tuple(widths)
    if len(given) > 1 and given[-1] == last:
        if given[0] != first:
            raise InputError(
                f"widths {','.join(map(str, given))}: on {dataset.name} they must start with its {first} inputs "
                f"and end with its {last} outputs, or leave both out"
            )
        return given
    return (first, *given, last)


def compared(settings: Mapping[str, Any], dataset: Dataset) -> dict[str, tuple[RunSpec, Hyper]]:
    """Setting by arm: one, or one for each value of `--compare`.

    Raises:
        InputError: `--compare` names no option, or has fewer than two different values.
    """
    if "compare" not in settings:
        return {"own": make_setting(settings, dataset)}
    name, listed = split_comparison(settings["compare"])
    if name not in BY_NAME and name != "widths":
        hint = close_name(name, [*BY_NAME, "widths"])
        raise InputError(f"--compare {settings['compare']!r}: {name!r} is no option of a net or its training{hint}")
    mark = ";" if ";" in listed or name == "widths" else ","
    values = [value.strip() for value in listed.split(mark) if value.strip()]
    if len(set(values)) < 2 or len(set(values)) < len(values):
        raise InputError(f"--compare {settings['compare']!r}: give at least two different values, as {name}=A{mark}B")
    read = [list(parse_widths(value)) if name == "widths" else parse_value(BY_NAME[name], value) for value in values]
    settings = {key: value for key, value in settings.items() if key != "compare"}
    return {
        f"{name.replace('_', ' ')} {value}": make_setting(settings | {name: one}, dataset)
        for value, one in zip(values, read, strict=True)
    }


def spec_text(
    settings: Mapping[str, Any],
    made: Mapping[str, tuple[RunSpec, Hyper]],
    programs: Sequence[Mapping[str, Any]] = (),
) -> str:
    """A spec file that says every option, so that the same command repeats the runs, bit for bit.

    Where arms are compared, options that suit each arm in its own way are left out: they follow again.

    Args:
        settings: what was asked for.
        made: what `compared` made of it.
        programs: those of the study's manifest; the layout of their blocks is written where all have one.
    """
    arms = list(made.values())
    spec, _ = arms[0]
    told = {name: settings[name] for name in (*DATA_OPTIONS, "data_dir") if name in settings}
    told["data"] = settings.get("data", DEFAULT_DATA)
    for name in ("data", "test"):
        if told.get(name) not in DATASETS and _is_path(told.get(name)):
            told[name] = str(Path(told[name]).expanduser().absolute())
    told |= {"seeds": settings["seeds"], "widths": list(spec.mlp.widths)}
    values = {option.name: [_value_of(option, *arm) for arm in arms] for option in OPTIONS}
    told |= {name: own[0] for name, own in values.items() if name in settings or own.count(own[0]) == len(own)}
    for name, used in (("weight_decay", spec.optimizer.decays), ("clip_norm", spec.optimizer.clip)):
        if name not in settings and (len(arms) > 1 or not used):
            told.pop(name, None)
    if "compare" in settings:
        told["compare"] = settings["compare"]
        told.pop(split_comparison(settings["compare"])[0], None)
    for name in LAYOUT_OPTIONS:
        if len(used := {program[name] for program in programs}) == 1:
            told[name] = used.pop()
    lines = [f"{name} = {_toml(value)}" for name, value in told.items() if value is not None]
    return "\n".join(["# jaxmlp train --spec THIS_FILE trains this again.", *lines, ""])


def _is_path(text: Any) -> bool:
    return isinstance(text, str) and not text.startswith(PREFIX) and (os.sep in text or Path(text).exists())


def _value_of(option: Option, spec: RunSpec, hyper: Hyper) -> Any:
    if option.path.startswith(_HYPER):
        return float(getattr(hyper, option.path.removeprefix(_HYPER)))
    return attrgetter(option.path)(spec)


def _toml(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, int | float) else json.dumps(str(value), ensure_ascii=False)
