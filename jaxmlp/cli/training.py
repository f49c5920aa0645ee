"""`jaxmlp train`: one net, or one for each value of an option, with several seeds; results, page and best net."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

TRAINING_RESULTS = Path("results")
NAME = "own"
"""The study's, and its folder's inside OUT."""
SPEC_FILE, NET_FILE = "spec.toml", "net.safetensors"
TRAINING_SEEDS = 5

# Each command imports what it needs: jax takes a second to load, and an error in the arguments should not.


def train(arguments: argparse.Namespace, console: Console) -> None:
    """Train what was asked for, print how good it is, and leave results, page, spec and net in OUT/own/."""
    from jaxmlp.cli.settings import given_settings

    settings = {"seeds": TRAINING_SEEDS} | given_settings(arguments)
    from jaxmlp import study, training
    from jaxmlp.cli.building import compared, load_data, spec_text
    from jaxmlp.cli.jax_settings import keep_programs
    from jaxmlp.cli.options import LAYOUT_OPTIONS, join_processes, study_options
    from jaxmlp.evidence import write_own_page
    from jaxmlp.files import REPORT_FILE, write_text
    from jaxmlp.study import processes

    dataset = load_data(settings)
    made = compared(settings, dataset)
    arms = [study.Arm(name, spec, hyper) for name, (spec, hyper) in made.items()]
    console.print(dataset.found, highlight=False, soft_wrap=True, markup=False)
    for line in described(made):
        console.print(line, highlight=False, soft_wrap=True, markup=False)
    join_processes(arguments)
    keep_programs()
    folder = arguments.out / NAME
    layout: dict[str, Any] = {name: settings[name] for name in LAYOUT_OPTIONS if name in settings}
    results = study.run(
        arms,
        dataset,
        seeds=settings["seeds"],
        name=NAME,
        out=folder,
        display=study.make_display(NAME, console if processes.is_first() else Console(quiet=True)),
        about=_about(arguments, settings, arms),
        beside=sorted(path for path in arguments.out.glob("*") if path != folder),
        **study_options(arguments) | layout,
    )
    if not processes.is_first():
        return  # the first process reports
    spec, _ = next(iter(made.values()))
    write_text(folder / SPEC_FILE, spec_text(settings, made, results.manifest["programs"]))
    write_own_page(folder)
    for line in summary(results):
        console.print(line, highlight=False, soft_wrap=True, markup=False)
    if arguments.keep_params != "none":
        best = results.best(_selecting(results, spec))
        training.save_net(folder / NET_FILE, best, _notes(settings, dataset))
        console.print(f"best net: {folder / NET_FILE}", highlight=False, soft_wrap=True, markup=False)
    console.print(f"report: {folder / REPORT_FILE}", highlight=False, soft_wrap=True, markup=False)


def described(made: Mapping[str, tuple[Any, Any]]) -> list[str]:
    """One line for each arm: its net, and how it is trained."""
    lines = []
    for name, (spec, hyper) in made.items():
        net = "-".join(map(str, spec.mlp.widths))
        lines.append(
            f"{name}: net {net}, {spec.mlp.activation}, {spec.loss.name}, {spec.optimizer.name} at "
            f"{float(hyper.learning_rate):g}, batches of {spec.data.batch_size}, {spec.epochs} epochs, "
            f"split {spec.data.split}, preprocessing {spec.data.preprocessing}"
        )
    return lines


def _about(arguments: argparse.Namespace, settings: Mapping[str, Any], arms: list[Any]) -> dict[str, Any]:
    from jaxmlp.cli.options import split_comparison

    if "compare" in settings:
        name, _ = split_comparison(settings["compare"])
        question = f"Which {name.replace('_', ' ')} trains better?"
    else:
        question = "How does this net train?"
    return {
        "question": question,
        "command": arguments.line,
        "preset": NAME,
        "epochs": max(arm.spec.epochs for arm in arms),
        "precision": " and ".join(dict.fromkeys(arm.spec.precision for arm in arms)),
    }


def _notes(settings: Mapping[str, Any], dataset: Any) -> dict[str, Any]:
    """What a net's file says about the data, so that new rows can be read as these were."""
    return {
        "dataset": dataset.name,
        "target": settings.get("target"),
        "task": dataset.task,
        "class_names": list(dataset.class_names),
        "columns": list(dataset.columns),
        "image_shape": list(dataset.image_shape),
    }


def _selecting(results: Any, spec: Any) -> str:
    """What the best run is chosen by: its validation score, or its training loss where nothing is held out."""
    from jaxmlp.study.tables import score_column_in

    return "train_loss" if spec.data.split == "none" else score_column_in(results.rows, "val")


def summary(results: Any) -> list[str]:
    """The test score of every arm, and its paired differences from the first one."""
    from jaxmlp.evidence.statistics import mean_interval
    from jaxmlp.study.tables import score_column_in

    column = score_column_in(results.rows, "test")
    what, form, unit = ("test accuracy", ".2%", 100.0) if column == "test_accuracy" else ("test R²", ".3f", 1.0)
    final, lines = results.final(), []
    names = list(dict.fromkeys(final["arm"]))
    for name in names:
        own = final[final["arm"] == name]
        tested, lost = own[column].dropna(), int(own["diverged"].sum())
        of = "" if len(names) == 1 else f"{name}: "
        line = f"{of}{what} of {len(tested)} runs: mean {tested.mean():{form}}, {tested.min():{form}} to "
        lines.append(f"{line}{tested.max():{form}}{f'; {lost} diverged' if lost else ''}")
    for name in names[1:]:
        pairs = results.paired_differences(column, name, names[0]).dropna()
        found = mean_interval(pairs.to_numpy())
        points = " points" if unit == 100.0 else ""
        said = f"{name} minus {names[0]}: {unit * found.estimate:+.2f}{points}"
        if len(pairs) > 1:
            said += f", 95 % interval {unit * found.low:+.2f} to {unit * found.high:+.2f}"
        lines.append(f"{said} ({len(pairs)} pairs)")
    return lines
