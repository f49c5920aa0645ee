"""Data of a user's own from files: tables, arrays, IDX sets of any size, and prepared sets of tensorflow-datasets."""

import importlib.util
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn import datasets

from jaxmlp import data
from jaxmlp.errors import InputError
from tests.data.idx_files import NAMES, write_set

IRIS = datasets.load_iris()
TABLE = pd.DataFrame(IRIS.data, columns=["sl", "sw", "pl", "pw"]).assign(kind=IRIS.target_names[IRIS.target])


def written(folder: Path, ending: str) -> Path:
    """The iris as a file of this kind."""
    path = folder / f"iris.{ending}"
    if ending == "csv":
        TABLE.to_csv(path, index=False)
    elif ending == "parquet":
        TABLE.to_parquet(path)
    elif ending == "npz":
        np.savez(path, x=IRIS.data, y=IRIS.target_names[IRIS.target])
    else:
        np.save(path, TABLE.drop(columns="kind").assign(kind=IRIS.target).to_numpy())
    return path


@pytest.mark.parametrize(("ending", "target"), [("csv", "kind"), ("parquet", "kind"), ("npz", None), ("npy", "-1")])
def test_every_kind_of_file_gives_the_same_data(tmp_path: Path, ending: str, target: str | None):
    dataset = data.load(written(tmp_path, ending), target=target, task="classes")
    assert dataset.digest == data.load("iris").digest
    assert dataset.name == "iris"
    names = tuple(map(str, IRIS.target_names)) if ending != "npy" else ("0", "1", "2")
    assert dataset.class_names == names


def test_columns_are_dropped_and_text_is_one_hot_when_asked(tmp_path: Path):
    path = tmp_path / "t.csv"
    TABLE.assign(id=[f"i{i}" for i in range(150)]).to_csv(path, index=False)
    dataset = data.load(path, target="sl", drop=["id", "pl"], text="one_hot")
    assert dataset.columns == ("sw", "pw", "kind=setosa", "kind=versicolor", "kind=virginica")
    assert (dataset.task, dataset.num_outputs) == ("numbers", 1)


def test_a_second_file_is_the_test_part(tmp_path: Path):
    TABLE[::2].to_csv(tmp_path / "train.csv", index=False)
    TABLE[1::2].to_csv(tmp_path / "test.csv", index=False)
    dataset = data.load(tmp_path / "train.csv", target="kind", test=tmp_path / "test.csv")
    np.testing.assert_array_equal(dataset.test_inputs, IRIS.data[1::2].astype(np.float32))
    np.testing.assert_array_equal(dataset.test_targets, IRIS.target[1::2])


@pytest.mark.parametrize("form", ["x_{}", "{}_x"])
def test_a_npz_may_hold_a_test_part(tmp_path: Path, form: str):
    named = {
        form.format(part): IRIS.data[half] for part, half in (("train", slice(0, 150, 2)), ("test", slice(1, 150, 2)))
    }
    named |= {name.replace("x", "y"): IRIS.target[::2] for name in named}
    np.savez_compressed(tmp_path / "t.npz", **named)
    dataset = data.load(tmp_path / "t.npz")
    assert (len(dataset.train_inputs), len(dataset.test_inputs)) == (75, 75)
    np.testing.assert_array_equal(dataset.test_inputs, IRIS.data[1::2].astype(np.float32))


def test_records_are_a_table(tmp_path: Path):
    np.save(tmp_path / "t.npy", TABLE.drop(columns="kind").to_records(index=False))
    assert data.load(tmp_path / "t.npy", target="pw").columns == ("sl", "sw", "pl")


@pytest.mark.parametrize("with_test", [True, False])
def test_an_idx_set_of_62_classes_and_any_size_is_read(tmp_path: Path, with_test: bool):
    rng = np.random.default_rng(0)
    values = {
        name: rng.integers(0, 256, (n, 16, 12)) if "images" in name else np.arange(n) % 62 + 1
        for name, n in zip(NAMES, (620, 620, 124, 124), strict=True)
    }
    folder = write_set(tmp_path / "letters", dict(list(values.items())[: 4 if with_test else 2]))
    dataset = data.load(folder)
    assert (dataset.num_classes, dataset.image_shape, dataset.name) == (62, (16, 12), "letters")
    assert dataset.train_inputs.dtype == np.uint8
    assert dataset.class_names[0] == "1"  # as they are counted in the file
    assert len(dataset.test_inputs) == 124


def test_a_hundred_thousand_rows_of_fifty_columns_are_read_in_seconds():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(100_000, 50)).astype(np.float32))
    start = time.perf_counter()
    dataset = data.from_arrays(frame, rng.integers(0, 5, 100_000))
    assert time.perf_counter() - start < 10
    assert dataset.train_inputs.shape == (80_000, 50)


def test_scikit_learn_s_tables_are_known_by_name():
    for name, shape in {"iris": (4, 3), "wine": (13, 3), "breast_cancer": (30, 2), "diabetes": (10, 1)}.items():
        dataset = data.load(name)
        assert (dataset.train_inputs.shape[1], dataset.num_outputs) == shape
        assert dataset.preprocessing == "none"
    assert data.load("iris").columns[0] == "sepal length (cm)"
    assert data.load("diabetes").task == "numbers"


PREPARE = """
import sys
import numpy as np
import tensorflow_datasets as tfds

class SmallSet(tfds.core.GeneratorBasedBuilder):
    VERSION = tfds.core.Version("1.0.0")
    def _info(self):
        label = tfds.features.ClassLabel(names=["low", "mid", "high"])
        features = {"image": tfds.features.Tensor(shape=(4, 5, 1), dtype=np.uint8), "label": label}
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))
    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples(60), "test": self._generate_examples(21)}
    def _generate_examples(self, count):
        for i in range(count):
            yield i, {"image": np.full((4, 5, 1), i, np.uint8), "label": i % 3}

SmallSet(data_dir=sys.argv[1], file_format="array_record").download_and_prepare()
"""


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a set was prepared, by another process, as users do."""
    if importlib.util.find_spec("array_record") is None:
        pytest.skip("array_record ships for Linux only")
    folder = tmp_path_factory.mktemp("prepared")
    subprocess.run([sys.executable, "-c", PREPARE, str(folder)], check=True, capture_output=True)
    return folder


@pytest.mark.filterwarnings("default")  # tensorflow-datasets has its own
def test_a_prepared_set_is_read_without_tensorflow(prepared: Path):
    dataset = data.load("tfds:small_set", data_dir=prepared)
    assert (dataset.image_shape, dataset.class_names) == ((4, 5), ("low", "mid", "high"))
    for images, labels in (
        (dataset.train_inputs, dataset.train_targets),
        (dataset.test_inputs, dataset.test_targets),
    ):
        np.testing.assert_array_equal(np.asarray(images)[:, 7] % 3, labels)
        assert len(set(np.asarray(images)[:, 0].tolist())) == len(labels)
    assert (len(dataset.train_targets), len(dataset.test_targets)) == (60, 21)
    assert "tensorflow" not in sys.modules


@pytest.mark.filterwarnings("default")
def test_a_set_that_is_not_prepared_there_is_refused(prepared: Path):
    with pytest.raises(InputError, match=r"\Athere is no prepared set tfds:small_sets in .*--data-dir\Z"):
        data.load("tfds:small_sets", data_dir=prepared)
    with pytest.raises(
        InputError, match=r"\Atfds:small_set has features (image, label|label, image): say which one is the target"
    ):
        data.load("tfds:small_set", data_dir=prepared, target="class")


def test_no_table_s_reader_is_loaded_before_a_table_is():
    """Errors and `--help` answer at once: pandas, scikit-learn and tensorflow-datasets wait until they are needed."""
    code = (
        "import sys, jaxmlp.data; print([m for m in ('pandas', 'sklearn', 'tensorflow_datasets') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
