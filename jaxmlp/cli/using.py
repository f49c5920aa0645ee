"""`jaxmlp test` and `jaxmlp predict`: what a saved net is worth, and what it says about new rows."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from jaxmlp.errors import InputError

TEN = 10
"""Images of a picture: a test part of fewer has a score alone."""
PREDICTION, PROBABILITY = "prediction", "probability"
_PROBABLE = ("cross_entropy", "label_smoothed_cross_entropy")
"""Losses that train a softmax to be probabilities."""


def test_net(arguments: argparse.Namespace, console: Console) -> None:
    """The score over the whole test part; for images D4's picture of ten of them too (S-102)."""
    if not arguments.net.name:
        raise InputError(f"{arguments.net} is no file: give one that save_net wrote")
    picture = arguments.net.with_suffix(".svg") if arguments.out is None else arguments.out
    if picture.suffix != ".svg":
        raise InputError(f"--out {picture}: the picture is an SVG file, give a name that ends in .svg")
    import numpy as np

    from jaxmlp import training
    from jaxmlp.cli.building import load_data
    from jaxmlp.cli.jax_settings import keep_programs
    from jaxmlp.cli.settings import given_settings
    from jaxmlp.files import check_target

    net, about = training.load_net(arguments.net), training.about_net(arguments.net)
    arguments.spec = None
    settings = given_settings(arguments)
    settings.setdefault("data", about.get("dataset", "digits"))
    if arguments.data is not None and about.get("target"):
        settings.setdefault("target", about["target"])
    check_target(picture)
    dataset = load_data(settings)
    _check_fit(arguments.net, net, about, dataset)
    pictured = bool(dataset.image_shape) and dataset.task == "classes"
    if arguments.out is not None and not pictured:
        raise InputError(f"--out {picture}: {dataset.name} has no images to draw: leave --out out")
    keep_programs()
    inputs, targets = np.asarray(dataset.test_inputs), np.asarray(dataset.test_targets)
    predicted = np.asarray(net.predict(inputs))
    if pictured := pictured and (arguments.out is not None or len(targets) >= TEN):
        _draw_ten(picture, dataset, predicted, arguments.seed)
    console.print(_score_line(dataset, targets, predicted), highlight=False, soft_wrap=True, markup=False)
    if pictured:
        first = _ten(targets, arguments.seed).start
        where = f"picture of test images {first} to {first + 9}: {picture}"
        console.print(where, highlight=False, soft_wrap=True, markup=False)


def _ten(targets: Any, seed: int) -> slice:
    from jaxmlp.evidence import random_ten

    return random_ten(len(targets), seed)


def _draw_ten(path: Path, dataset: Any, predicted: Any, seed: int) -> None:
    import numpy as np

    from jaxmlp.evidence import ten_images_figure
    from jaxmlp.evidence.plotting import svg_bytes
    from jaxmlp.files import write_whole

    inputs, targets = np.asarray(dataset.test_inputs), np.asarray(dataset.test_targets)
    ten = _ten(targets, seed)
    figure = ten_images_figure(
        inputs[ten], targets[ten], predicted[ten], image_shape=dataset.image_shape, names=dataset.class_names
    )
    content = svg_bytes(figure, path.stem)
    write_whole(path, lambda temporary: temporary.write_bytes(content))


def _score_line(dataset: Any, targets: Any, predicted: Any) -> str:
    from jaxmlp.training import r2_score

    if dataset.task == "classes":
        return f"test accuracy on {dataset.name}: {(predicted == targets).mean():.2%} (n = {len(targets)})"
    return f"test R² on {dataset.name}: {float(r2_score(predicted, targets)):.3f} (n = {len(targets)})"


def _check_fit(path: Path, net: Any, about: Mapping[str, Any], dataset: Any) -> None:
    """Raise `InputError` where a net was trained on other inputs, classes or numbers."""
    from jaxmlp.training import outputs_of

    task = net.spec.loss.task
    if task != dataset.task:
        raise InputError(f"{path} is of {task}, {dataset.name} of {dataset.task}: give the data it was trained on")
    widths, inputs = net.spec.mlp.widths, dataset.test_inputs.shape[1]
    if widths[0] != inputs or widths[-1] not in outputs_of(net.spec, dataset):
        raise InputError(
            f"{path} takes {widths[0]} inputs to {widths[-1]} {task}, {dataset.name} has {inputs} and "
            f"{dataset.num_outputs}: give the data it was trained on"
        )
    for what, here in (("class_names", dataset.class_names), ("columns", dataset.columns)):
        there = about.get(what)
        if there and here and list(here) != there:
            raise InputError(
                f"{path} was trained with {what.replace('_', ' ')} {_short(there)}, {dataset.name} has {_short(here)}: "
                "give the data it was trained on"
            )


def _short(values: Sequence[Any]) -> str:
    return ", ".join(map(str, values[:6])) + (", ..." if len(values) > 6 else "")


def predict(arguments: argparse.Namespace, console: Console) -> None:
    """Write what a net says about each row of a table or an array to a CSV."""
    out = arguments.out or Path(f"{arguments.data.stem}.predictions.csv").absolute()
    if out.suffix != ".csv":
        raise InputError(f"--out {out}: predictions are a CSV, give a name that ends in .csv")
    if out.exists():
        raise InputError(f"{out} exists already: give another --out")
    from jaxmlp import training
    from jaxmlp.cli.jax_settings import keep_programs
    from jaxmlp.files import check_target, write_whole

    net, about = training.load_net(arguments.net), training.about_net(arguments.net)
    check_target(out)
    frame, rows = _new_rows(arguments.data, net, about)
    keep_programs()
    columns = predictions(net, about, rows)
    for name in columns:
        if name in frame.columns:
            raise InputError(f"{arguments.data} has a column {name!r} already: rename it")
    told = frame.assign(**columns)
    write_whole(out, lambda temporary: told.to_csv(temporary, index=False))
    console.print(f"{len(told)} predictions: {out}", highlight=False, soft_wrap=True, markup=False)


def _new_rows(path: Path, net: Any, about: Mapping[str, Any]) -> tuple[Any, Any]:
    """(the table that goes along, inputs as the net takes them)."""
    import numpy as np
    import pandas as pd

    from jaxmlp.data import PREPROCESSINGS, encode_columns, read_array, read_table

    takes_bytes = PREPROCESSINGS[net.spec.data.preprocessing].images
    if path.suffix.lower() == ".npy":
        array = read_array(path)
        rows = array.reshape(len(array), -1) if array.ndim in (2, 3) else array
        if rows.ndim != 2 or (rows.dtype == np.uint8) != takes_bytes:
            wanted = "uint8" if takes_bytes else "float"
            raise InputError(f"{path} holds {array.dtype} of shape {array.shape}: this net takes {wanted} rows [N, I]")
        return pd.DataFrame(index=range(len(rows))), rows if takes_bytes else rows.astype(np.float32)
    if takes_bytes:
        raise InputError(f"{path}: this net takes images of bytes: give a .npy of uint8, [N, H, W]")
    frame = read_table(path)
    columns = about.get("columns") or [str(name) for name in frame.columns]
    return frame, encode_columns(frame, columns, str(path))


def predictions(net: Any, about: Mapping[str, Any], rows: Any) -> dict[str, Any]:
    """Columns of what a net says: the class, with its probability where the loss makes one, or the numbers."""
    import numpy as np

    from jaxmlp.nn.outputs import class_probabilities

    predicted = np.asarray(net.predict(rows))
    if about.get("task") == "numbers":
        if predicted.ndim == 1 or predicted.shape[1] == 1:
            return {PREDICTION: predicted.reshape(-1)}
        return {f"{PREDICTION}_{i}": column for i, column in enumerate(predicted.T)}
    width, loss = net.spec.mlp.widths[-1], net.spec.loss.name
    names = about.get("class_names") or [str(i) for i in range(max(2, width))]
    told: dict[str, Any] = {PREDICTION: np.asarray(names, dtype=object)[predicted]}
    if net.spec.mlp.output == "none" and (loss in _PROBABLE or (loss == "binary_cross_entropy" and width == 1)):
        told[PROBABILITY] = np.asarray(class_probabilities(net.logits(rows))).max(axis=1)
    return told
