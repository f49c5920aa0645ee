"""Tables as spreadsheets and other programs write them: read as what they are, or refused with what to do."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from jaxmlp import data
from jaxmlp.errors import InputError

RNG = np.random.default_rng(0)
FRAME = pd.DataFrame(RNG.normal(size=(30, 2)).round(2), columns=["x", "y"]).assign(kind=["no", "yes"] * 15)
PLAIN = FRAME.to_csv(index=False)
WHOLE = FRAME.assign(x=range(30), y=range(30, 60))

READ = {
    "Windows line ends": PLAIN.replace("\n", "\r\n").encode(),
    "a byte order mark": b"\xef\xbb\xbf" + PLAIN.encode(),
    "blank lines at the end": PLAIN.encode() + b"\n\n",
    "a space behind every comma": PLAIN.replace(",", ", ").encode(),
    "quotes": FRAME.to_csv(index=False, quoting=1).encode(),
    "years for names": PLAIN.replace("x,y", "2019,2020").encode(),
}


@pytest.mark.parametrize("content", READ.values(), ids=READ)
def test_what_other_programs_write_is_read_as_the_plain_table(tmp_path: Path, content: bytes):
    (tmp_path / "t.csv").write_bytes(content)
    dataset = data.load(tmp_path / "t.csv", target="kind")
    assert dataset.digest == data.from_arrays(FRAME[["x", "y"]], FRAME["kind"]).digest


REFUSED = {
    "semicolons and decimal commas": (
        FRAME.to_csv(index=False, sep=";", decimal=","),
        r"one column 'x;y;kind': columns are separated by commas, .* sep=';', decimal=','",
    ),
    "tabs": (FRAME.to_csv(index=False, sep="\t"), r"columns are separated by commas, .* sep='\\t'"),
    "decimal commas in quotes": (
        FRAME.to_csv(index=False, decimal=","),
        r"column 'x' has numbers with commas \('0,13' in row 0 of 0 to 29\): write them with a point",
    ),
    "commas between thousands": (
        FRAME.assign(x="1,234.5").to_csv(index=False),
        r"column 'x' has numbers with commas \('1,234.5'",
    ),
    "no first line": (FRAME.to_csv(index=False, header=False), r"begins with a row \(0.13,-0.13,no\): its first line"),
    "no first line, whole numbers": (WHOLE.to_csv(index=False, header=False), r"begins with a row \(0,30,no\)"),
    "an index": (FRAME.to_csv(), r"a column without a name, such as an index \('Unnamed: 0'\): drop it .*--drop"),
}


@pytest.mark.parametrize(("text", "words"), REFUSED.values(), ids=REFUSED)
def test_what_would_be_read_as_something_else_is_refused_with_what_to_do(tmp_path: Path, text: str, words: str):
    (tmp_path / "t.csv").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=rf"\A[^\n]*{words}[^\n]*\Z"):
        data.load(tmp_path / "t.csv", target="kind")


def test_an_index_may_be_dropped(tmp_path: Path):
    FRAME.to_csv(tmp_path / "t.csv")
    assert data.load(tmp_path / "t.csv", target="kind", drop=["Unnamed: 0"]).columns == ("x", "y")


def test_several_columns_are_one_hot_classes_or_several_numbers(tmp_path: Path):
    pd.get_dummies(FRAME, columns=["kind"], prefix="", prefix_sep="").to_csv(tmp_path / "t.csv", index=False)
    dataset = data.load(tmp_path / "t.csv", target="no,yes")
    assert (dataset.class_names, dataset.columns) == (("no", "yes"), ("x", "y"))
    assert dataset.digest == data.from_arrays(FRAME[["x", "y"]], FRAME["kind"]).digest
    assert "one-hot rows" in dataset.found
    numbers = data.load(tmp_path / "t.csv", target="y, x", holdout="time")
    assert (numbers.task, numbers.num_outputs, numbers.columns) == ("numbers", 2, ("no", "yes"))
    np.testing.assert_array_equal(numbers.test_targets, FRAME[["y", "x"]].to_numpy(np.float32)[-6:])
    with pytest.raises(InputError, match="has no column 'z'"):
        data.load(tmp_path / "t.csv", target="x,z")
    with pytest.raises(InputError, match="has two columns 'x'"):
        data.load(tmp_path / "t.csv", target="x,x")


def test_a_file_may_be_named_by_a_text_or_a_path(tmp_path: Path):
    FRAME.to_csv(tmp_path / "t.csv", index=False)
    np.save(tmp_path / "t.npy", np.arange(3))
    for name in (str, Path):
        pd.testing.assert_frame_equal(data.read_table(name(tmp_path / "t.csv")), FRAME)
        np.testing.assert_array_equal(data.read_array(name(tmp_path / "t.npy")), np.arange(3))
