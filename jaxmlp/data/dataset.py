"""`Dataset`: what every run trains on, and `check_dataset`, the one door that all data pass before a study."""

import math

import numpy as np
from flax import struct
from jax import Array

from jaxmlp.data.cache import content_digest
from jaxmlp.errors import InputError, check_type

TASKS = ("classes", "numbers")
"""What a data set asks for: the class of an example, or one or more numbers (regression)."""


class Dataset(struct.PyTreeNode):
    """Inputs and targets of a training and a test part, and what they are.

    A pytree: `jax.device_put(dataset)` puts the four arrays on a device and keeps the rest. After `load` they are
    NumPy arrays, for images uint8 (scaling is the training step's business), for all other inputs float32.

    Attributes:
        train_inputs: [N, I], a row for every example; images are flat rows whose shape is `image_shape`.
        train_targets: int32 [N], 0 .. K-1; where the task is numbers, float32 [N] or [N, T].
        test_inputs: [N, I] with the test part's own N.
        test_targets: as `train_targets`.
        name: of the data set; one of `DATASETS`, or the user's own.
        num_classes: K; 0 where the task is numbers.
        image_shape: (height, width), or () for points.
        class_names: of class 0, 1, ..., or () where they have none but their numbers.
        columns: names of the inputs of a table, or ().
        split: of `SPLITS`, or `last_N`: the validation part that suits these rows; those in time order, or of groups
            that must stay together, are refused with another that mixes them.
        found: what was found in the data and how it was read, one line, or "".

    >>> from jaxmlp import data
    >>> iris = data.load("iris")
    >>> iris.train_inputs.shape, iris.num_classes, iris.task, iris.columns[0]
    ((120, 4), 3, 'classes', 'sepal length (cm)')
    """

    train_inputs: Array
    train_targets: Array
    test_inputs: Array
    test_targets: Array
    name: str = struct.field(pytree_node=False)
    num_classes: int = struct.field(pytree_node=False)
    image_shape: tuple[int, ...] = struct.field(pytree_node=False)
    class_names: tuple[str, ...] = struct.field(pytree_node=False, default=())
    columns: tuple[str, ...] = struct.field(pytree_node=False, default=())
    split: str = struct.field(pytree_node=False, default="random_fifth")
    found: str = struct.field(pytree_node=False, default="")

    @property
    def digest(self) -> str:
        """Data hash: sha256 (hex) of the four arrays, which names the data in every run id.

        It is always computed from the arrays, so that data and hash cannot disagree. It is kept where no array can be
        written to, and computed anew where one can.
        """
        known = self.__dict__.get("_digest")
        if known is None:
            arrays = {name: getattr(self, name) for name in ARRAYS}
            known = content_digest({name: np.asarray(array) for name, array in arrays.items()})
            if not any(isinstance(array, np.ndarray) and array.flags.writeable for array in arrays.values()):
                self.__dict__["_digest"] = known  # a frozen class, but no part of what it is
        return known

    @property
    def num_bytes(self) -> int:
        """Size of the four arrays."""
        return sum(getattr(self, name).nbytes for name in ARRAYS)

    @property
    def task(self) -> str:
        """One of `TASKS`: integer labels are classes, floats are numbers."""
        return "numbers" if np.issubdtype(self.train_targets.dtype, np.floating) else "classes"

    @property
    def num_outputs(self) -> int:
        """How many outputs a net for it has: K classes, or T numbers."""
        if self.task == "classes":
            return self.num_classes
        return 1 if self.train_targets.ndim == 1 else self.train_targets.shape[1]

    @property
    def preprocessing(self) -> str:
        """The preprocessing that nobody need ask for: `unit` for uint8 images, `none` for all other inputs."""
        return "unit" if self.train_inputs.dtype == np.uint8 else "none"


ARRAYS = ("train_inputs", "train_targets", "test_inputs", "test_targets")
"""The fields of a `Dataset` that are arrays."""


def check_dataset(dataset: Dataset) -> None:
    """Check that a data set is one that a net can be trained on; cheap, and done once by every study.

    Raises:
        InputError: what is no `Dataset`, arrays of another rank, type or length than it says, an empty part, inputs or
            targets that are NaN or infinite, labels outside 0 .. K-1, or fewer than two classes.

    >>> from jaxmlp import data
    >>> iris = data.load("iris")
    >>> check_dataset(iris.replace(train_targets=iris.train_targets[:-1]))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    jaxmlp.errors.InputError: iris: train_targets have shape (119,), train_inputs (120, 4): give one target...
    """
    check_type("the dataset", dataset, Dataset, "what data.load or data.from_arrays returns")
    for part in ("train", "test"):
        _check_part(dataset, part)
    if dataset.test_inputs.shape[1] != dataset.train_inputs.shape[1]:
        raise InputError(
            f"{dataset.name}: test_inputs have {dataset.test_inputs.shape[1]} inputs and train_inputs "
            f"{dataset.train_inputs.shape[1]}: give both the same inputs"
        )
    if dataset.image_shape and math.prod(dataset.image_shape) != dataset.train_inputs.shape[1]:
        raise InputError(
            f"{dataset.name}: image_shape {dataset.image_shape} is not that of {dataset.train_inputs.shape[1]} inputs: "
            "give height and width, or () for points"
        )


def _check_part(dataset: Dataset, part: str) -> None:
    inputs, targets = getattr(dataset, f"{part}_inputs"), getattr(dataset, f"{part}_targets")
    where = f"{dataset.name}: {part}"
    if inputs.ndim != 2:
        raise InputError(f"{where}_inputs have shape {inputs.shape}: give [N, I], images as flat rows")
    if inputs.dtype not in (np.uint8, np.float32):
        raise InputError(f"{where}_inputs are {inputs.dtype}: give uint8 or float32")
    if not len(inputs) or not inputs.shape[1]:
        raise InputError(f"{where}_inputs have shape {inputs.shape}: give at least one row and one input")
    if targets.dtype.kind not in "iu" and targets.dtype != np.float32:
        raise InputError(
            f"{where}_targets are {targets.dtype}: give integers 0 to {dataset.num_classes - 1} for classes, or "
            "float32 for numbers, or use data.from_arrays"
        )
    if targets.ndim > (1 if dataset.task == "classes" else 2) or len(targets) != len(inputs):
        raise InputError(
            f"{where}_targets have shape {targets.shape}, {part}_inputs {inputs.shape}: give one target for every row"
        )
    if inputs.dtype == np.float32:
        check_finite(np.asarray(inputs), f"{where}_inputs")
    if dataset.task == "classes":
        _check_labels(np.asarray(targets), dataset.num_classes, f"{where}_targets")
    else:
        check_finite(np.asarray(targets), f"{where}_targets")


def _check_labels(labels: np.ndarray, num_classes: int, where: str) -> None:
    if labels.dtype.kind not in "iu":
        raise InputError(f"{where} are {labels.dtype}: the training part's are integers, give both the same")
    if num_classes < 2:
        raise InputError(f"{where} have {num_classes} class: give at least two")
    outside = np.flatnonzero((labels < 0) | (labels >= num_classes))
    if outside.size:
        row = int(outside[0])
        raise InputError(
            f"{where}[{row}] is {labels[row]}: give classes 0 to {num_classes - 1}, or use data.from_arrays, "
            "which numbers them"
        )


def check_finite(values: np.ndarray, where: str) -> None:
    """Raise `InputError` that names the first NaN or infinite one of float values, [N] or [N, ...]."""
    if values.dtype.kind != "f" or np.isfinite(values).all():
        return
    place = tuple(int(i) for i in np.argwhere(~np.isfinite(values))[0])
    raise InputError(f"{where}[{', '.join(map(str, place))}] is {values[place]}: give finite numbers")
