"""The README's Python runs as it stands, and its two commands are the ones CI runs."""

import math
import re
from importlib import import_module
from pathlib import Path

import pytest

from experiments.lab.readme import TABLES, components
from jaxmlp import training

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)


def run_example(contains):
    """Run the one Python block that holds these words; returns its names."""
    (example,) = [block for block in blocks("python") if contains in block]
    names = {}
    exec(compile(example, "README.md", "exec"), names)
    return names


def test_the_study_example_runs_and_prints_what_it_says(capsys):
    names = run_example("grid(")
    printed = capsys.readouterr().out
    assert "2474 parameters" in printed  # 64·32 + 32 + 2·32 + 32·10 + 10
    assert len(names["results"].final()) == 30
    assert len(names["results"].manifest["programs"]) == 2
    table = names["results"].pivot("test_accuracy", rows="hyper.learning_rate", columns="mlp.activation")
    assert str(table) in printed


def test_the_example_of_own_data_says_what_it_found_and_trains(capsys):
    names = run_example("from_arrays")
    printed = capsys.readouterr().out
    assert printed.startswith("mine: 96 rows to train and 24 held out")
    assert "3 classes (0, 1, 2)" in names["mine"].found
    assert printed.count("\n4 ") == 1  # five nets, 0 to 4


def test_the_example_of_taking_a_net_away_gives_the_same_net_in_flax(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    run_example("save_net")
    printed = capsys.readouterr().out
    assert float(printed.rsplit(":", 1)[1]) < 1e-5
    assert [path.name for path in tmp_path.iterdir()] == ["net.safetensors"]


def test_the_example_of_single_components_gives_what_they_give_alone(capsys):
    names = run_example("knn_classify")
    elu, hinge, accuracy, neighbours = (line.split(":")[1] for line in capsys.readouterr().out.splitlines())
    assert numbers(elu) == pytest.approx([0.5 * math.expm1(-1), 2.0], rel=1e-6)
    assert numbers(hinge) == [0.5]  # max(0, 1.5 − 2 + 1) + max(0, 1.5 − 2 + 0)
    assert numbers(accuracy) == [pytest.approx(float(names["run"].history["val_accuracy"][1]))]
    assert names["spec"].optimizer.clip
    assert names["spec"].optimizer.decays
    assert min(numbers(neighbours)) > 0.9


def numbers(text):
    return [float(number) for number in re.findall(r"-?\d+\.\d*(?:e-?\d+)?", text)]


def test_every_python_example_is_run():
    words = ("grid(", "knn_classify", "save_net", "from_arrays")
    assert [sum(word in block for word in words) for block in blocks("python")] == [1, 1, 1, 1]


def test_every_file_it_links_exists():
    root = Path(__file__).parents[1]
    links = re.findall(r"\]\(([^)#:]+)\)", README)
    assert len(links) > 10
    assert [link for link in links if not (root / link).exists()] == []


LIBRARY = Path(__file__).parents[1] / "jaxmlp"
CHOICE = re.compile(r"check_choice\(.*\b([A-Z_]{2,})\)")


def accepted():
    """(module, table) of every table that a function or spec of these rooms checks a name against."""
    for room in ("nn", "data", "training", "baselines"):
        for path in sorted((LIBRARY / room).glob("*.py")):
            for table in sorted(set(CHOICE.findall(path.read_text(encoding="utf-8")))):
                yield pytest.param(f"jaxmlp.{room}.{path.stem}", table, id=f"{room}.{path.stem}.{table}")


@pytest.mark.parametrize(("module", "table"), list(accepted()))
def test_every_name_that_is_accepted_stands_in_the_component_table(module, table):
    names = set(getattr(import_module(module), table))
    assert any(names <= set(listed) for listed in TABLES.values())


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("options of `OptimizerSpec`", "clip"),
        ("options of `ScheduleSpec`", "plateau"),
        ("options of `EvalSpec`", "early_stopping"),
        ("numbers of `Hyper`", "weight_decay"),
        ("functions of `jaxmlp.training`", "full_data_norm_state"),
        ("functions of `jaxmlp.training`", "export_nnx"),
        ("functions of `jaxmlp.baselines`", "knn_classify"),
        ("figures", "StepCurves"),
    ],
)
def test_options_and_functions_stand_there_too(kind, name):
    (line,) = [line for line in components().splitlines() if line.startswith(f"| {kind} |")]
    assert f"`{name}`" in line


def test_every_spec_has_its_line():
    specs = [name for name in training.__all__ if name.endswith("Spec")]
    assert len(specs) == 6
    assert [spec for spec in specs if f"| options of `{spec}` |" not in components()] == []
