"""Data that cannot be trained on, as arrays, as files, and as a `Dataset` made by hand: each is refused in one line."""

import gzip
import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pandas as pd
import pytest

from jaxmlp import data, nn, study, training
from jaxmlp.errors import InputError
from tests.data.idx_files import NAMES, random_set, write_set

X = np.arange(60.0).reshape(30, 2)
Y = np.arange(30) % 3
TEXT = ["no", "yes", "maybe"] * 10
FRAME = pd.DataFrame({"age": np.arange(30.0), "colour": ["red", "blue"] * 15, "size": np.arange(30)})


def changed(array: Any, place: Any, value: Any) -> np.ndarray:
    """A copy of an array with one other value."""
    copy = np.array(array)
    copy[place] = value
    return copy


def with_none(values: Any, row: int) -> list[Any]:
    return [*values[:row], None, *values[row + 1 :]]


ARRAYS: dict[str, tuple[Any, Any, dict[str, Any], str]] = {
    "inputs are text alone": ("iris.csv", Y, {}, "inputs are 'iris.csv': give an array"),
    "no inputs": (None, Y, {}, "inputs are None: give an array"),
    "a dict": ({"a": [1]}, Y, {}, "inputs are {'a'"),
    "one input without its axis": (
        np.arange(30.0),
        Y,
        {},
        r"inputs have shape \(30,\): .* one input a row is \[N, 1\]",
    ),
    "images with channels": (np.zeros((30, 4, 4, 3)), Y, {}, r"shape \(30, 4, 4, 3\): give rows \[N, I\] or images"),
    "no rows": (np.zeros((0, 2)), [], {}, r"inputs are empty \(shape \(0, 2\)\)"),
    "no columns": (np.zeros((30, 0)), Y, {}, r"inputs are empty \(shape \(30, 0\)\)"),
    "ragged rows": ([[1, 2], [3], [4, 5]], [0, 1, 0], {}, "row 1 has 1 values, row 0 has 2: give equal rows"),
    "a NaN": (changed(X, (4, 1), np.nan), Y, {}, r"inputs\[4, 1\] is nan: give finite numbers"),
    "an infinity": (changed(X, (7, 0), np.inf), Y, {}, r"inputs\[7, 0\] is inf"),
    "a NaN in an image": (changed(np.ones((30, 4, 4)), (2, 3, 1), np.nan), Y, {}, r"inputs\[2, 3, 1\] is nan"),
    "beyond float32": (changed(X, (3, 0), 1e39), Y, {}, r"inputs\[3, 0\] is 1e\+39: float32 holds up to 3.4e38"),
    "text as an input": ([["a", "b"]] * 30, Y, {}, "inputs are text, such as 'a': give numbers, or a DataFrame"),
    "text among numbers": ([[1, "b"]] * 30, Y, {}, r"inputs\[0\] mix text and 1"),
    "a missing input": ([[1.0, None]] * 30, Y, {}, r"inputs have a missing value \(None\) in row 0 of 0 to 29"),
    "dates": (np.full((30, 2), "2020-01-01", "datetime64[D]"), Y, {}, r"inputs are datetime64\[D\]: give numbers"),
    "complex numbers": (X + 1j, Y, {}, "inputs are complex128: give numbers"),
    "objects": (np.array([[object(), 1]] * 30), Y, {}, "of type object: give numbers, booleans or text"),
    "integers of more than 64 bits": ([[2**70, 1]] * 30, Y, {}, "no 64 bits hold"),
    "a masked value": (np.ma.masked_equal(X, 6.0), Y, {}, "masked (missing) value in row 3 of 0 to 29"),
    "fewer targets": (X, Y[:29], {}, "inputs have 30 rows, targets 29: give one target for every row"),
    "more targets": (X, [*Y, 1], {}, "inputs have 30 rows, targets 31"),
    "no targets": (X, [], {}, r"targets are empty \(shape \(0,\)\)"),
    "a scalar target": (X, 1, {}, r"targets have shape \(\): give \[N\]"),
    "one class": (X, np.ones(30, int), {}, "targets have one class, '1', in all 30 rows: give at least two"),
    "one class of text": (X, ["a"] * 30, {}, "one class, 'a', in all 30 rows"),
    "a name for every row": (X, [f"id{i}" for i in range(30)], {}, "another class in each of 30 rows"),
    "a missing label": (X, with_none(TEXT, 5), {}, r"targets have a missing value \(None\) in row 5 of 0 to 29"),
    "an empty label": (X, changed(TEXT, 5, ""), {}, "targets have an empty text in row 5 of 0 to 29"),
    "labels of two types": (X, ["no", 1, "yes"] * 10, {}, r"targets mix text and 1 \(row 1 of 0 to 29\)"),
    "objects of two types": (X, np.array(["no", 1, 2] * 10, object), {}, "targets mix numbers and text"),
    "a NaN label": (X, changed(Y * 1.0, 8, np.nan), {}, r"targets\[8\] is nan"),
    "a fraction among classes": (
        X,
        changed(Y * 1.0, 8, 0.5),
        {"task": "classes"},
        "targets have 0.5 in row 8 of 0 to 29",
    ),
    "a NaN number": (X, changed(X[:, 0], 8, np.nan), {"task": "numbers"}, r"targets\[8\] is nan"),
    "an infinite number": (X, changed(X[:, 0], 8, -np.inf), {}, r"targets\[8\] is -inf"),
    "a number beyond float32": (X, changed(X[:, 0], 8, 1e200), {}, r"targets\[8\] is 1e\+200: float32 holds"),
    "one number": (X, np.full(30, 2.5), {}, "targets are all 2.5: there is nothing to learn"),
    "one number of two": (X, np.stack([X[:, 0], np.ones(30)], 1), {}, "targets are all 1 in column 1"),
    "text as numbers": (
        X,
        TEXT,
        {"task": "numbers"},
        "targets are text, such as 'no': give numbers, or task='classes'",
    ),
    "two classes at once": (X, np.tile([1, 1, 0], (30, 1)), {}, r"not one-hot: row 0 of 0 to 29 is \[1, 1, 0\]"),
    "no class at all": (X, changed(np.eye(3)[Y], 4, 0.0), {}, r"not one-hot: row 4 of 0 to 29 is \[0.0, 0.0, 0.0\]"),
    "rows as classes": (X, X, {"task": "classes"}, "not one-hot: row 1 of 0 to 29"),
    "targets of three axes": (X, np.zeros((30, 2, 2)), {}, r"targets have shape \(30, 2, 2\)"),
    "an unknown task": (X, Y, {"task": "ranking"}, "unknown task 'ranking': choose one of auto, classes, numbers"),
    "a class without a name": (
        X,
        Y,
        {"classes": ["a", "b"]},
        "targets have '2' in row 2 of 0 to 29: the classes are a, b",
    ),
    "a name twice": (X, Y, {"classes": ["a", "b", "a"]}, "give at least two different names"),
    "another text": (
        X,
        TEXT,
        {"classes": ["no", "yes"]},
        "targets have 'maybe' in row 2 of 0 to 29: the classes are no",
    ),
    "no name": (X, Y, {"name": ""}, "the name is '': give a text"),
    "few rows": (X[:6], Y[:6], {}, "6 rows with 0.2 of them held out for the test: give at least 10 rows"),
    "a class of one row": (
        X,
        changed(Y, 9, 7),
        {"holdout": "random", "test": 0.9},
        "all held out for validation or the test",
    ),
    "an unknown holdout": (
        X,
        Y,
        {"holdout": "fold"},
        "unknown holdout 'fold': choose one of random, stratified, grouped",
    ),
    "a share of all": (X, Y, {"test": 1.0}, "the test share is 1.0: give a number between 0 and 1"),
    "groups without values": (X, Y, {"holdout": "grouped"}, "holdout 'grouped' needs groups: give them"),
    "two groups": (X, Y, {"groups": Y % 2}, "left in one group: give at least three groups"),
    "too few groups": (X, Y, {"groups": [1, 2]}, r"groups have shape \(2,\): give one for each of 30 rows"),
    "groups by a name": (X, Y, {"groups": "person"}, "groups 'person' is no column of the inputs"),
    "classes for stratified": (X, X[:, 0], {"holdout": "stratified"}, "holdout 'stratified' needs classes"),
    "no test part": (X, Y, {"test": ([], [])}, r"test inputs have shape \(0,\)"),
    "half a test part": (X, Y, {"test": (X,)}, r"test has 1 parts: give a pair \(inputs, targets\)"),
    "other inputs in the test": (
        X,
        Y,
        {"test": (X[:, :1], Y)},
        "test inputs are 1 inputs, the training part's 2 inputs",
    ),
    "a class of the test alone": (X, Y, {"test": (X, Y + 1)}, "test targets have '3' in row 2 of 0 to 29"),
    "fewer test targets": (X, Y, {"test": (X, Y[:9])}, "test inputs have 30 rows, test targets 9"),
    "a text column": (FRAME, Y, {}, r"column 'colour' is text \('red' in row 0 of 0 to 29\): drop it"),
    "an unknown way with text": (FRAME, Y, {"text": "hash"}, "unknown text 'hash': choose one of refuse, one_hot"),
    "a column twice": (FRAME[["age", "age"]], Y, {}, "inputs have two columns 'age'"),
    "a missing cell": (
        FRAME[["age"]].mask(FRAME["age"] == 4),
        Y,
        {},
        "column 'age' has 1 missing of 30 values, the first in row 4 of 0 to 29",
    ),
    "an infinite cell": (FRAME[["age"]].replace(4.0, np.inf), Y, {}, "column 'age' is inf in row 4 of 0 to 29"),
    "a text among the numbers of a column": (
        FRAME.assign(age=FRAME["age"].astype(str).replace("7.0", "?"))[["age"]],
        Y,
        {},
        r"column 'age' is of numbers, but row 7 of 0 to 29 is '\?'",
    ),
    "a column of dates": (pd.DataFrame({"day": pd.date_range("2020", periods=30)}), Y, {}, "column 'day' is of type"),
    "too many texts": (
        pd.DataFrame({"name": [f"n{i}" for i in range(303)]}),
        np.arange(303) % 3,
        {"text": "one_hot"},
        "column 'name' has 303 distinct texts, more than 100: drop the column",
    ),
    "no columns of a table": (FRAME[[]], Y, {}, "inputs have 30 rows and 0 columns"),
    "a text of the test alone": (
        FRAME,
        Y,
        {"text": "one_hot", "test": (FRAME.replace("red", "green"), Y)},
        "column 'colour' has 'green' in row 0 of 0 to 29: in training it had blue, red",
    ),
}


def refused(error: pytest.ExceptionInfo[InputError], words: str) -> None:
    """One line that says these words."""
    message = str(error.value)
    assert "\n" not in message
    assert len(message) < 600
    error.match(words if "\\" in words or ".*" in words else _plain(words))


def _plain(words: str) -> str:
    for mark in "()[]?{}+":
        words = words.replace(mark, f"\\{mark}")
    return words


@pytest.fixture
def untouched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path):
    """The current folder, which stays empty, as the cache does; and no program is compiled."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.chdir(home)
    compiled: list[str] = []

    def listen(event: str, *_: object, **__: object) -> None:
        compiled.extend([event] * ("compile" in event))

    jax.monitoring.register_event_duration_secs_listener(listen)
    yield home
    jax.monitoring.unregister_event_duration_listener(listen)
    assert list(home.iterdir()) == []
    assert not cache.exists()
    assert compiled == []


@pytest.mark.parametrize(("inputs", "targets", "options", "words"), ARRAYS.values(), ids=ARRAYS)
def test_arrays_are_refused(untouched: Path, inputs: Any, targets: Any, options: dict[str, Any], words: str):
    with pytest.raises(InputError) as error:
        data.from_arrays(inputs, targets, **options)
    refused(error, words)


def csv(text: str, name: str = "table.csv") -> Callable[[Path], Path]:
    """Writes a text file."""

    def write(folder: Path) -> Path:
        (folder / name).write_text(text, encoding="utf-8")
        return folder / name

    return write


def raw(content: bytes, name: str) -> Callable[[Path], Path]:
    """Writes a file of bytes."""

    def write(folder: Path) -> Path:
        (folder / name).write_bytes(content)
        return folder / name

    return write


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


def npz(**arrays: np.ndarray) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            archive.writestr(f"{name}.npy", npy(array))
    return file.getvalue()


def parquet(frame: pd.DataFrame) -> bytes:
    file = io.BytesIO()
    frame.to_parquet(file)
    return file.getvalue()


def idx(**changes: np.ndarray) -> Callable[[Path], Path]:
    """A folder of IDX files, some of them with other values."""
    named = {NAMES[int(place[1])]: values for place, values in changes.items()}
    return lambda folder: write_set(folder / "idx", random_set() | named)


def header_of(shape: str) -> bytes:
    """A .npy that announces more than it holds."""
    text = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


ROWS = "\n".join(f"{i},{i * i},{'ab'[i % 2]}" for i in range(20))
TABLE = f"x,y,kind\n{ROWS}\n"
FILES: dict[str, tuple[Callable[[Path], Path], dict[str, Any], str]] = {
    "no such file": (lambda folder: folder / "nowhere.csv", {}, "there is no file"),
    "another kind of file": (csv("x", "table.xlsx"), {}, "table.xlsx is no data file: accepted are .csv, .parquet"),
    "an empty file": (csv(""), {"target": "y"}, "is no CSV that can be read"),
    "a CSV of bytes": (raw(bytes(range(256)), "t.csv"), {"target": "y"}, "is no CSV that can be read"),
    "a compressed CSV": (
        raw(gzip.compress(TABLE.encode()), "t.csv"),
        {"target": "y"},
        "is compressed: unpack it first",
    ),
    "no rows": (csv("x,y,kind\n"), {"target": "y"}, "has no rows below its first line"),
    "no target": (csv(TABLE), {}, "has columns x, y, kind: say which one is the target"),
    "another target": (csv(TABLE), {"target": "z"}, "has no column 'z': there are x, y, kind"),
    "nothing but the target": (csv(TABLE), {"target": "kind", "drop": ["x", "y"]}, "no input is left"),
    "an unknown column to drop": (csv(TABLE), {"target": "kind", "drop": ["z"]}, "has no column 'z'"),
    "a column twice": (csv(TABLE.replace("x,y", "x,x")), {"target": "kind"}, "has two columns 'x'"),
    "no names": (csv("1,2,3\n4,5,6\n"), {"target": "3"}, "begins with a row (1,2,3)"),
    "semicolons": (csv(TABLE.replace(",", ";")), {"target": "kind"}, "columns are separated by commas"),
    "a row too long": (csv(TABLE + "1,2,a,4\n"), {"target": "kind"}, "is no CSV that can be read"),
    "every row too long": (csv(f"x,y\n{ROWS}\n"), {"target": "y"}, "more values in a row than its first line names"),
    "a missing cell": (csv(TABLE.replace("3,9", ",9")), {"target": "kind"}, "column 'x' has 1 missing of 20 values"),
    "a missing label": (
        csv(TABLE.replace("3,9,b", "3,9,")),
        {"target": "kind"},
        "the target 'kind' is missing in 1 rows",
    ),
    "NA among numbers": (csv(TABLE.replace("3,9", "NA,9")), {"target": "kind"}, "row 3 of 0 to 19 is 'NA'"),
    "nan among numbers": (csv(TABLE.replace("3,9", "nan,9")), {"target": "kind"}, "column 'x'"),
    "inf among numbers": (csv(TABLE.replace("3,9", "inf,9")), {"target": "kind"}, "column 'x' is inf in row 3"),
    "a text column": (csv(TABLE), {"target": "y"}, "column 'kind' is text ('a' in row 0 of 0 to 19)"),
    "no Parquet": (raw(b"PAR1 nothing PAR1", "t.parquet"), {"target": "y"}, "is no Parquet that can be read"),
    "a Parquet cut short": (raw(parquet(FRAME)[:-9], "t.parquet"), {"target": "age"}, "is no Parquet that can be read"),
    "a Parquet of no rows": (raw(parquet(FRAME[:0]), "t.parquet"), {"target": "age"}, "has no rows"),
    "a missing cell in Parquet": (
        raw(parquet(FRAME.mask(FRAME["size"] == 3)), "t.parquet"),
        {"target": "size"},
        "the target 'size' is missing in 1 rows, the first is row 3",
    ),
    "a pickle in a .npy": (raw(npy(np.array([{}, 1])), "t.npy"), {}, "holds Python objects, which are not read"),
    "a .npy cut short": (raw(npy(X)[:-9], "t.npy"), {"target": "1"}, "is truncated|is no array"),
    "a huge header": (raw(header_of("(1000000000000, 9)"), "t.npy"), {}, "GB of memory are free|is truncated"),
    "a negative header": (raw(header_of("(-1, 9)"), "t.npy"), {}, "is truncated|is no array"),
    "no .npy": (raw(b"no numpy", "t.npy"), {}, "is no array that can be read"),
    "a .npy of one axis": (raw(npy(Y), "t.npy"), {"target": "0"}, r"of shape \(30,\): give rows \[N, I\]"),
    "a .npy without a target": (raw(npy(X), "t.npy"), {}, "has 2 columns: say which one is the target"),
    "no .npz": (raw(b"PK no zip", "t.npz"), {}, "is no .npz that can be read"),
    "a .npz of other names": (raw(npz(a=X, b=Y), "t.npz"), {}, "call them inputs and targets, or x and y"),
    "a .npz of nothing": (raw(npz(), "t.npz"), {}, "holds no arrays"),
    "a pickle in a .npz": (raw(npz(x=np.array([{}, 1]), y=Y), "t.npz"), {}, "holds Python objects"),
    "fewer inputs in a .npz": (raw(npz(x=X[:2], y=Y), "t.npz"), {}, "inputs have 2 rows, targets 30"),
    "labels shorter than images": (idx(_1=np.zeros(29)), {}, "30 images but .* 29 labels"),
    "images for labels": (idx(_3=np.zeros((10, 28, 28))), {}, r"has shape \(10, 28, 28\): labels \(N,\) are accepted"),
    "one class of images": (idx(_1=np.zeros(30), _3=np.zeros(10)), {}, "one class, '0', in all 30 rows"),
    "a class of the test images alone": (idx(_3=np.full(10, 44)), {}, "test targets have '44' in row 0 of 0 to 9"),
    "an empty folder": (lambda folder: folder, {}, "no file train-images-idx3-ubyte"),
    "an option for a folder": (idx(), {"target": "y"}, "is no table with columns and takes no target"),
    "an unknown name": (lambda folder: "irsi", {}, "unknown dataset 'irsi': choose one of .* did you mean iris"),
    "an option for a name": (lambda folder: "digits", {"target": "y"}, "'digits' is known by name and takes no target"),
    "a set that nobody prepared": (
        lambda folder: "tfds:nobody_s_set",
        {},
        "there is no prepared set tfds:nobody_s_set",
    ),
    "a test file without a column": (csv(TABLE), {"target": "kind", "test": "t.csv"}, "there is no file"),
}


@pytest.mark.parametrize(("write", "options", "words"), FILES.values(), ids=FILES)
def test_files_are_refused(untouched: Path, tmp_path: Path, write: Callable[[Path], Any], options, words: str):
    folder = tmp_path / "data"
    folder.mkdir()
    with pytest.raises(InputError) as error:
        data.load(write(folder), **options)
    refused(error, words)


DIGITS = data.load("digits")
LABELS, IMAGES = np.asarray(DIGITS.train_targets), np.asarray(DIGITS.train_inputs)
POINTS = data.load("toy_gauss")
DATASETS: dict[str, tuple[data.Dataset, str]] = {
    "label -1": (DIGITS.replace(train_targets=changed(LABELS, 5, -1)), r"train_targets\[5\] is -1: give classes 0"),
    "label K": (DIGITS.replace(test_targets=np.full(355, 10, np.int32)), r"test_targets\[0\] is 10: give classes 0"),
    "labels from 1": (DIGITS.replace(train_targets=LABELS + 1), r"\] is 10: give classes 0 to 9"),
    "short labels": (
        DIGITS.replace(train_targets=LABELS[:9]),
        r"train_targets have shape \(9,\), .* one target for every row",
    ),
    "float labels": (
        DIGITS.replace(train_targets=LABELS * 1.0),
        "train_targets are float64: give integers 0 to 9 for classes, or float32",
    ),
    "one-hot labels": (DIGITS.replace(train_targets=np.eye(10)[LABELS]), "train_targets are float64: give integers"),
    "images of two axes": (
        DIGITS.replace(train_inputs=IMAGES.reshape(-1, 8, 8)),
        r"shape \(1442, 8, 8\): give \[N, I\]",
    ),
    "float64 images": (DIGITS.replace(train_inputs=IMAGES / 255), "train_inputs are float64: give uint8 or float32"),
    "no test part": (
        DIGITS.replace(test_inputs=IMAGES[:0], test_targets=LABELS[:0]),
        r"test_inputs have shape \(0, 64\): give at least one row",
    ),
    "a NaN in a pixel": (
        POINTS.replace(train_inputs=changed(POINTS.train_inputs, (3, 1), np.nan)),
        r"train_inputs\[3, 1\] is nan",
    ),
    "other inputs in the test": (DIGITS.replace(test_inputs=IMAGES[:355, :9]), "test_inputs have 9 inputs"),
    "another image shape": (DIGITS.replace(image_shape=(8, 9)), r"image_shape \(8, 9\) is not that of 64 inputs"),
    "one class": (DIGITS.replace(num_classes=1, train_targets=LABELS * 0), "have 1 class: give at least two"),
    "numbers in the test alone": (
        DIGITS.replace(test_targets=np.zeros(355, np.float32)),
        "test_targets are float32: the training part's are integers",
    ),
    "one-hot integers": (DIGITS.replace(train_targets=np.eye(10, dtype=int)[LABELS]), r"shape \(1442, 10\)"),
}


@pytest.mark.parametrize(("dataset", "words"), DATASETS.values(), ids=DATASETS)
def test_a_study_refuses_them(untouched: Path, dataset: data.Dataset, words: str):
    """These are the ways in which a `Dataset` of somebody's own making trained without a word."""
    arm = study.Arm("a", training.RunSpec(nn.MLPSpec((64, 8, 10)), epochs=1))
    with pytest.raises(InputError) as error:
        study.run([arm], dataset, seeds=1, out="study")
    refused(error, words)


def test_rows_that_stay_together_are_not_mixed(untouched: Path):
    dataset = data.from_arrays(X, Y, groups=np.arange(30) // 3)
    spec = training.RunSpec(nn.MLPSpec((2, 4, 3)), data=training.DataSpec(preprocessing="none", batch_size=4))
    with pytest.raises(InputError) as error:
        study.run([study.Arm("a", spec)], dataset, seeds=1, out="study")
    refused(error, f"split 'random_fifth' would mix the rows of arrays.* choose '{dataset.split}'")


def test_there_are_at_least_sixty_of_them():
    assert len(ARRAYS) + len(FILES) + len(DATASETS) >= 120
