"""`tfds:NAME`: a set that tensorflow-datasets has prepared, read by its data source without TensorFlow."""

from pathlib import Path
from typing import Any

import numpy as np

from jaxmlp.data.files import Read
from jaxmlp.errors import InputError

PREFIX = "tfds:"
"""What a prepared set's name begins with."""
_INPUTS, _TARGETS = ("image", "features", "inputs", "x"), ("label", "target", "y")
_READ_CHUNK = 1000


def read_prepared(name: str, *, data_dir: Path | None = None, target: str | None = None) -> Read:
    """Read a prepared set.

    Args:
        name: as tensorflow-datasets has it, such as `mnist` or `mnist:3.0.1`, without `tfds:`.
        data_dir: where it was prepared; default: where tensorflow-datasets keeps its sets.
        target: the feature to predict; default: what the set calls supervised, else `label` or `target`.

    Raises:
        InputError: tensorflow-datasets cannot be imported, the set is not prepared, is not in a format of random
            access, or has no features that a net can take.
    """
    builder = _builder(name, data_dir)
    sizes = {part: split.num_examples for part, split in builder.info.splits.items()}
    if not sizes.get("train"):
        raise InputError(f"{PREFIX}{name} has no examples in a split 'train': it has {sizes or 'nothing prepared'}")
    inputs, wanted = _features(name, builder.info, target)
    try:
        parts = [_read(builder.as_data_source(part), inputs, wanted) for part in ("train", "test") if sizes.get(part)]
    except (NotImplementedError, ImportError, ValueError, OSError) as error:
        reason = " ".join(str(error).split())[:150]
        raise InputError(
            f"cannot read {PREFIX}{name} ({reason}): prepare it with file_format='array_record'"
        ) from error
    return Read(*parts[0], parts[1] if len(parts) > 1 else None, getattr(builder.info.features[wanted], "names", None))


def _builder(name: str, data_dir: Path | None) -> Any:
    advice = "give a CSV, Parquet or .npz file instead"
    try:
        import array_record  # noqa: F401  (it ships for Linux only)
        import tensorflow_datasets as tfds
    except ImportError as error:
        raise InputError(f"cannot read {PREFIX}{name} ({error}): {advice}") from error
    try:
        return tfds.builder(name, data_dir=data_dir, try_gcs=False)
    except Exception as error:  # it raises errors of many kinds for one that it does not know or that is not prepared
        reason = " ".join(str(error).split())[:150]
        raise InputError(
            f"there is no prepared set {PREFIX}{name} in {data_dir or 'the folder of tensorflow-datasets'} ({reason}): "
            "prepare it first, and say where with --data-dir"
        ) from error


def _features(name: str, info: Any, target: str | None) -> tuple[list[str], str]:
    """(features that are inputs, the one that is the target)."""
    if not hasattr(info.features, "keys"):
        raise InputError(f"{PREFIX}{name} has no named features: give a set of inputs and a target")
    features = list(info.features)
    if target is None and info.supervised_keys is not None:
        return [info.supervised_keys[0]], info.supervised_keys[1]
    wanted = target or next((one for one in _TARGETS if one in features), None)
    if wanted is None or wanted not in features:
        raise InputError(f"{PREFIX}{name} has features {', '.join(features)}: say which one is the target (--target)")
    others = [one for one in features if one != wanted]
    return next(([one] for one in _INPUTS if one in others), others), wanted


def _read(source: Any, inputs: list[str], target: str) -> tuple[np.ndarray, np.ndarray]:
    """All examples of one part in the order of the file: inputs [N, I] or [N, H, W], targets [N]."""
    rows, targets = [], []
    for start in range(0, len(source), _READ_CHUNK):
        for example in source.__getitems__(range(start, min(start + _READ_CHUNK, len(source)))):
            parts = [np.asarray(example[name]) for name in inputs]
            rows.append(_row(parts))
            targets.append(_plain(example[target]))
    return np.stack(rows), np.array(targets)


def _row(parts: list[np.ndarray]) -> np.ndarray:
    if len(parts) > 1:
        return np.concatenate([part.reshape(-1) for part in parts])
    (part,) = parts
    if part.ndim == 3 and part.shape[2] == 1:
        return part[:, :, 0]
    return part if part.ndim in (1, 2) else part.reshape(-1)


def _plain(value: Any) -> Any:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
