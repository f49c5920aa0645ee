"""The options of the command line: all of the specs', once each, and spec files that repeat a run."""

import argparse
from dataclasses import fields, is_dataclass, replace
from operator import attrgetter
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np
import pytest

from jaxmlp import data
from jaxmlp.cli.building import compared, load_data, make_setting, spec_text, whole_widths
from jaxmlp.cli.main import make_parser
from jaxmlp.cli.options import BY_NAME, IMPLIED, IN_PYTHON, OPTIONS
from jaxmlp.cli.settings import given_settings, read_spec
from jaxmlp.errors import InputError
from jaxmlp.nn import MLPSpec
from jaxmlp.study.arms import Arm, make_run
from jaxmlp.training import Hyper, RunSpec

SPEC = RunSpec(MLPSpec((4, 8, 3)))
TABLE = data.from_arrays(np.arange(400.0).reshape(100, 4), np.arange(100) % 3)
IMAGES = data.from_arrays(np.arange(1600).reshape(100, 4, 4) % 256, np.arange(100) % 3)


def every_path(kind: type = RunSpec, prefix: str = "") -> list[str]:
    hints, found = get_type_hints(kind), []
    for one in fields(kind):
        path = f"{prefix}{one.name}"
        found += every_path(hints[one.name], f"{path}.") if is_dataclass(hints[one.name]) else [path]
    return found


def test_every_field_of_the_specs_is_an_option():
    """A new field of a spec needs its line in `OPTIONS`."""
    wanted = {*every_path(), *(f"hyper.{one.name}" for one in fields(Hyper) if one.name != "user")}
    assert {option.path for option in OPTIONS} | {"mlp.widths", *IMPLIED, *IN_PYTHON} == wanted
    assert len({option.name for option in OPTIONS}) == len({option.path for option in OPTIONS}) == len(OPTIONS)


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_the_default_that_help_tells_is_the_spec_s(option):
    holder, path = (Hyper(), option.path[6:]) if option.path.startswith("hyper.") else (SPEC, option.path)
    default = attrgetter(path)(holder)
    assert (default, type(default)) == (option.default, type(option.default))


def settings_of(*words: str) -> dict[str, Any]:
    return {"seeds": 3} | given_settings(make_parser().parse_args(["train", *words]))


OTHER = {
    "stop_on": "error",
    "activation": "tanh",
    "norm": "batch_norm",
    "norm_position": "pre_activation",
    "residual": "none",
    "dropout": "inverted",
    "output": "sigmoid",
    "class_weights": "balanced",
    "initializer": "lecun_normal",
    "split": "random_fifth",
    "preprocessing": "z_score",
    "loss": "hinge",
    "penalty": "l2",
    "optimizer": "momentum",
    "schedule": "cosine",
    "selection": "last",
    "validation": "running",
    "precision": "tf32",
    "backward": "autodiff",
}


@pytest.mark.parametrize("option", [one for one in OPTIONS if one.name not in ("residual", "validation")], ids=str)
def test_each_option_sets_its_field_on_the_command_line_and_in_a_file(tmp_path: Path, option):
    flag = f"--{option.name.replace('_', '-')}"
    if isinstance(option.default, bool):
        value, words = not option.default, [f"--no-{flag[2:]}" if option.default else flag]
    else:
        value = OTHER.get(option.name) or (0.5 if isinstance(option.default, float) else 3)
        words = [flag, str(value)]
    needed = {"test_every_epoch": {"selection": "last"}, "decay_biases": {"weight_decay": 0.1}}.get(option.name, {})
    settings = {**settings_of(*words), **needed}
    spec, hyper = make_setting(settings, TABLE)
    path = option.path
    assert attrgetter(path.removeprefix("hyper."))(hyper if path.startswith("hyper.") else spec) == value
    for switch, name in IMPLIED.items():
        assert attrgetter(switch)(spec) == (option.name == name or name in needed)
    file = tmp_path / "spec.toml"
    file.write_text(spec_text(settings, {"own": (spec, hyper)}), encoding="utf-8")
    again = make_setting(read_spec(file), TABLE)
    assert make_run(Arm("a", *again), 0, "").run_id == make_run(Arm("a", spec, hyper), 0, "").run_id


def test_the_command_line_wins_over_the_file(tmp_path: Path):
    file = tmp_path / "spec.toml"
    file.write_text('learning_rate = 1\nactivation = "tanh"\nwidths = [5, 6]\ndata = "wine"\n')
    settings = settings_of("--spec", str(file), "--learning-rate", "0.5", "--dataset", "iris")
    assert settings == {"seeds": 3, "learning_rate": 0.5, "activation": "tanh", "widths": [5, 6], "data": "iris"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("activaton = 'tanh'", r"has option 'activaton', which there is not: did you mean activation\?"),
        ("zzz = 1", r"has option 'zzz', which there is not\Z"),
        ("activation = 3", "activation is 3: give a text"),
        ("epochs = 1.5", "epochs is 1.5: give a whole number"),
        ("epochs = true", "epochs is True: give a whole number"),
        ("bias = 1", "bias is 1: give true or false"),
        ("widths = [1.5]", r"widths is \[1.5\]: give a list"),
        ("learning_rate = 'x'", "learning_rate is 'x': give a whole number or a number"),
        ("[mlp]\nactivation = 'tanh'", "has option 'mlp'"),
        ("activation tanh", "is no TOML"),
    ],
)
def test_a_spec_file_that_says_something_else_is_refused(tmp_path: Path, text: str, message: str):
    file = tmp_path / "spec.toml"
    file.write_text(text)
    with pytest.raises(InputError, match=message) as error:
        read_spec(file)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("given", "whole"),
    [
        (None, (4, 100, 3)),
        ([7], (4, 7, 3)),
        ([7, 5], (4, 7, 5, 3)),
        ([4, 7, 3], (4, 7, 3)),
        ([4, 3], (4, 3)),
        ([4], (4, 4, 3)),
        ([], (4, 3)),
    ],
)
def test_widths_may_leave_out_the_ends(given, whole):
    assert whole_widths(given, TABLE) == whole


def test_the_widths_of_a_net_for_other_data_are_refused():
    with pytest.raises(InputError, match="on arrays they must start with its 4 inputs and end with its 3 outputs"):
        whole_widths([784, 100, 3], TABLE)


def test_what_is_not_given_suits_the_data():
    spec, _ = make_setting({}, TABLE)
    assert (spec.data.preprocessing, spec.data.split, spec.data.batch_size) == ("none", "stratified_fifth", 8)
    assert spec.epochs == 100
    spec, _ = make_setting({}, IMAGES)
    assert (spec.data.preprocessing, spec.data.batch_size, spec.epochs) == ("unit", 64, 10)
    assert make_setting({"split": "none"}, TABLE)[0].evaluation.selection == "last"
    assert make_setting({"dropout_rate": 0.2}, TABLE)[0].mlp.dropout == "inverted"
    decoupled = make_setting({"optimizer": "adamw", "weight_decay": 0.1}, TABLE)[0].optimizer
    assert (decoupled.weight_decay, decoupled.decays) == (False, True)


@pytest.mark.parametrize(
    ("compare", "arms"),
    [
        ("activation=relu,tanh", {"activation relu": "relu", "activation tanh": "tanh"}),
        ("--learning-rate=0.1,1e-3", {"learning rate 0.1": 0.1, "learning rate 1e-3": 1e-3}),
        ("bias=true,false", {"bias true": True, "bias false": False}),
        ("widths=5;6,7", {"widths 5": (4, 5, 3), "widths 6,7": (4, 6, 7, 3)}),
    ],
)
def test_an_option_is_compared(compare: str, arms: dict[str, Any]):
    made = compared({"compare": compare, "epochs": 2}, TABLE)
    name = compare.lstrip("-").partition("=")[0].replace("-", "_")
    path = "mlp.widths" if name == "widths" else BY_NAME[name].path
    found = {
        arm: attrgetter(path.removeprefix("hyper."))(hyper if path.startswith("hyper.") else spec)
        for arm, (spec, hyper) in made.items()
    }
    assert found == arms


@pytest.mark.parametrize(
    ("compare", "message"),
    [
        ("activaton=relu,tanh", r"'activaton' is no option of a net or its training: did you mean activation\?"),
        ("activation=relu", "give at least two different values"),
        ("activation=relu,relu", "give at least two different values"),
        ("activation", "give at least two different values"),
        ("epochs=1,x", "epochs is 'x': give a whole number"),
        ("bias=true,no", "bias is 'no': give true or false"),
        ("activation=relu,swoosh", "unknown activation 'swoosh'"),
        ("seeds=1,2", "'seeds' is no option of a net"),
    ],
)
def test_what_cannot_be_compared_is_refused(compare: str, message: str):
    with pytest.raises(InputError, match=message):
        compared({"compare": compare, "epochs": 2}, TABLE)


def test_two_ways_to_name_the_data_are_refused():
    arguments = argparse.Namespace(spec=None, data="iris.csv", dataset="iris")
    with pytest.raises(InputError, match=r"DATA 'iris.csv' and --dataset 'iris': give one of them"):
        given_settings(arguments)


@pytest.mark.parametrize(
    "compare",
    [
        "activation=relu,tanh",
        "dropout_rate=0,0.5",
        "batch_size=4,40",
        "train_size=20,60",
        "split=none,random_fifth",
        "optimizer=adamw,sgd",
        "optimizer=sgd,adamw",
        "weight_decay=0.1,0.2",
        "clip_norm=1,2",
        "loss=cross_entropy,hinge",
        "widths=5;6,7",
    ],
)
def test_a_compared_spec_file_compares_the_same_again(tmp_path: Path, compare: str):
    """What suits one arm and not the next is not written as though it were for all."""
    settings = {"compare": compare, "seeds": 2}
    made = compared(settings, TABLE)
    file = tmp_path / "spec.toml"
    file.write_text(spec_text(settings, made), encoding="utf-8")
    again = compared(read_spec(file), TABLE)
    assert list(again) == list(made)
    for arm in made:
        runs = [make_run(Arm("a", *setting[arm]), 0, "") for setting in (made, again)]
        assert runs[0].run_id == runs[1].run_id


def test_a_prepared_set_s_name_is_no_path_and_a_layout_is_kept_where_there_is_one(tmp_path: Path):
    file, made = tmp_path / "spec.toml", {"own": (SPEC, Hyper())}
    programs = [{"lanes": 5, "strategy": "vmap"}, {"lanes": 5, "strategy": "map"}]
    file.write_text(spec_text({"data": "tfds:emnist/letters", "seeds": 2}, made, programs), encoding="utf-8")
    read = read_spec(file)
    assert (read["data"], read["lanes"]) == ("tfds:emnist/letters", 5)
    assert "strategy" not in read


def test_compared_arms_differ_in_what_is_compared_alone():
    made = compared({"compare": "activation=relu,tanh"}, TABLE)
    assert replace(made["activation tanh"][0], mlp=SPEC.mlp) == replace(made["activation relu"][0], mlp=SPEC.mlp)


def test_the_share_of_the_test_part_is_a_number_where_it_reads_as_one():
    dataset = load_data({"data": "iris"})
    assert len(dataset.test_targets) == 30
    with pytest.raises(InputError, match="takes no test"):
        load_data({"data": "iris", "test": "0.4"})


def test_a_file_s_test_part_may_be_a_share_or_another_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    for name in ("train.csv", "test.csv"):
        Path(name).write_text("x,y,kind\n" + "\n".join(f"{i},{i % 7},{'ab'[i % 2]}" for i in range(50)))
    own = {"data": "train.csv", "target": "kind"}
    assert len(load_data(own | {"test": "0.4"}).test_targets) == 20
    assert len(load_data(own | {"test": 0.4}).test_targets) == 20
    assert len(load_data(own | {"test": "test.csv"}).test_targets) == 50
