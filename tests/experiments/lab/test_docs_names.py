"""The tables of names in docs/reference.md: nothing that is accepted is left out."""

import re
from importlib import import_module
from pathlib import Path

import pytest

from experiments.lab.api import api_tables
from experiments.lab.docs import DOCUMENTED_TABLES, components
from jaxmlp import training

LIBRARY = Path(training.__file__).parents[1]
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
    assert any(names <= set(listed) for listed in DOCUMENTED_TABLES.values())


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


@pytest.mark.parametrize(
    "row",
    [
        "| `count_parameters(spec)` | ",
        "| `RunSpec` | ",
        "### `jaxmlp.study`",
        "| `apply_mlp(",
    ],
)
def test_public_names_are_listed_as_they_are_called(row):
    assert row in api_tables()
