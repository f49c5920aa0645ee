"""Every page: what it links exists, its examples run, its command lines parse, its generated blocks are up to date."""

import re

import numpy as np
import pandas as pd
import pytest

import jaxmlp
from experiments.lab import docs
from experiments.lab.cli import make_experiments_parser as experiments_parser
from experiments.lab.drawings import FIGURES, FOLDER, rooms
from jaxmlp import nn
from jaxmlp.cli.main import make_parser as jaxmlp_parser
from jaxmlp.errors import InputError
from tests.pages import PAGES, ROOT, anchors, commands, examples, links, name_of, prose, run_page
from tests.user_rows import user_rows

__all__ = ["user_rows"]
PARSERS = {"jaxmlp": jaxmlp_parser, "experiments": experiments_parser}
DOCS = ROOT / "docs"
SLOW = {"docs/exercises.md"}
"""Pages whose examples train for minutes."""
CHECKED = {"README.md", "docs/own-net.md", "docs/laws.md", "CONTRIBUTING.md"}
"""Pages that have a test of their own."""


@pytest.fixture
def elsewhere(tmp_path, monkeypatch, user_rows):
    """An empty folder to run in, and no component that stays."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def with_examples():
    for page in PAGES:
        name = name_of(page)
        if examples(page) and name not in CHECKED:
            yield pytest.param(page, id=name, marks=[pytest.mark.long] if name in SLOW else [])


@pytest.mark.parametrize("page", list(with_examples()))
def test_the_examples_of_a_page_run_as_they_stand(page, elsewhere):
    run_page(page)


def test_own_net_says_what_each_example_prints(elsewhere, capsys):
    names = run_page(DOCS / "own-net.md")
    printed = capsys.readouterr().out
    assert "2474 parameters" in printed  # 64·32 + 32 + 2·32 + 32·10 + 10
    results = names["results"]
    assert len(results.final()) == 30
    assert len(results.manifest["programs"]) == 2
    assert str(results.pivot("test_accuracy", rows="hyper.learning_rate", columns="mlp.activation")) in printed
    told = dict(re.findall(r"^(elu|hinge loss|validation accuracy|largest difference in flax): *(.*)$", printed, re.M))
    assert [float(word) for word in re.findall(r"-?\d+\.\d*", told["elu"])] == pytest.approx([0.5 * np.expm1(-1), 2])
    assert re.findall(r"\d+\.\d*", told["hinge loss"]) == ["0.5"]  # max(0, 1.5 − 2 + 1) + max(0, 1.5 − 2 + 0)
    assert printed.endswith("(4, 16, 3) agree on 1.0\n")
    assert float(told["largest difference in flax"]) < 1e-5
    assert len(names["swished"].manifest["programs"]) == 1
    first, last = map(float, re.findall(r"flax loss: \[(.*), (.*)\]", printed)[0])
    assert last < first / 2
    module, restored = names["module"], names["restored"]
    module.eval()
    np.testing.assert_array_equal(restored(names["x"][:9]), module(names["x"][:9]))
    assert (names["with_optax"].optimizer.name, names["with_optax"].schedule.name) == ("lamb", "cycle")
    assert sorted(path.name for path in elsewhere.iterdir()) == ["module", "net.safetensors"]


@pytest.mark.parity
def test_own_net_compares_activations_of_a_torch_net(elsewhere, capsys):
    pytest.importorskip("torch", reason="the example begins with a net of PyTorch's: it needs the extra bench")
    (block,) = examples(DOCS / "own-net.md", "py")
    (table,) = (text for text in examples(DOCS / "own-data.md") if "to_csv" in text)
    exec(table + block, {})
    low, high = map(float, re.findall(r"interval (\S+) to (\S+)", capsys.readouterr().out)[0])
    assert -0.2 < low <= high < 0.2


def test_the_laws_numbers_are_those_that_its_example_computes(elsewhere, capsys):
    page = DOCS / "laws.md"
    run_page(page)
    printed = capsys.readouterr().out
    computed = re.findall(r": (-?\d+\.\d+)$", printed, flags=re.MULTILINE)
    text = prose(page).replace("−", "-")
    assert [number for number in computed[-4:] if number not in text] == []
    he, lecun = (float(number) for number in computed[:2])
    assert abs(he) < 0.1
    assert lecun == pytest.approx(np.log(0.5), abs=0.1)


def test_contributing_s_recipes_work_together(elsewhere):
    names = run_page(ROOT / "CONTRIBUTING.md")
    x = np.array([-3.0, 0.0, 3.0], np.float32)
    assert np.asarray(names["squareplus"](x, 0.0)) == pytest.approx(np.maximum(x, 0))
    assert np.abs(np.asarray(names["gap"])).max() < 1e-6  # γ = 0 is cross-entropy
    assert names["moons"].found.startswith("two_moons: ")
    assert names["verdict"]["n"] == 10
    rows = names["results"].table("changed_signs")
    assert list(rows.groupby("epoch").size()) == [2 * 3] * 4
    assert (rows.loc[rows["epoch"] == 0, "changed_signs"] == 0).all()
    assert rows.loc[rows["epoch"] == 3, "changed_signs"].between(0, 1, inclusive="neither").any()
    steps = names["results"].table("changed_signs_by_step")
    assert sorted(set(steps["step"])) == [1, 2, 4, 8, 16]
    assert np.isfinite(steps["changed_signs"]).all()
    kept = names["study"].Results.load(elsewhere / "watched").table("changed_signs")
    pd.testing.assert_frame_equal(kept, rows)
    assert (elsewhere / "changed_signs.png").stat().st_size > 10_000


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CHANGELOG.md"], ids=name_of)
def test_every_link_leads_to_a_file_and_a_heading(page):
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.is_file(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_command_line_is_one(page, capsys):
    for program, words, in_block in commands(page):
        if not words and not in_block:  # a program that is only named
            continue
        mentioned = not in_block and len(words) == 1  # such as `jaxmlp train`: the command has to be there
        assert _parses(PARSERS[program](), [*words, "--help"] if mentioned else words), words
    capsys.readouterr()


def _parses(parser, words):
    """Whether it reads these words; `--help` and `--version` end with code 0."""
    try:
        parser.parse_args(words)
    except SystemExit as end:
        return end.code == 0
    except InputError:
        return False
    return True


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_image_is_told_in_words(page):
    images = re.findall(r"!\[(.*?)\]\(", prose(page))
    assert [words for words in images if len(words) < 20] == []


@pytest.mark.parametrize("page", docs.pages(), ids=name_of)
def test_generated_blocks_are_up_to_date(page):
    """If this fails: python -m experiments docs."""
    text = page.read_text(encoding="utf-8")
    assert docs.with_blocks(text, page.parent) == text


@pytest.mark.parametrize("name", FIGURES)
def test_figures_are_up_to_date(name):
    """If this fails: python -m experiments docs."""
    assert (FOLDER / f"{name}.svg").read_text(encoding="utf-8") == FIGURES[name]()


def test_every_block_stands_on_a_page():
    text = "".join(page.read_text(encoding="utf-8") for page in docs.pages())
    assert {found[1] for found in docs.MARKED.findall(text)} == set(docs.BLOCKS)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("<!-- nothing: made by `python -m experiments docs` -->\n<!-- end of nothing -->", "no function makes"),
        ("<!-- tally: made by `python -m experiments docs` -->\n", "both of its marks"),
        ("<!-- end of tally -->\n", "both of its marks"),
    ],
)
def test_a_mark_that_nothing_belongs_to_is_told(text, words):
    with pytest.raises(ValueError, match=words):
        docs.with_blocks(text)


def test_links_of_a_block_start_where_its_page_stands(monkeypatch):
    monkeypatch.setitem(docs.BLOCKS, "tally", lambda: "[a](experiments/ledger.toml) [b](https://x.org) [c](#here)")
    marks = "<!-- tally: made by `python -m experiments docs` -->\n{}<!-- end of tally -->"
    made = docs.with_blocks(marks.format("old\n"), DOCS)
    assert made == marks.format("[a](../experiments/ledger.toml) [b](https://x.org) [c](#here)\n")


def test_the_reference_names_every_command_and_option_of_the_experiments(capsys):
    text = (DOCS / "reference.md").read_text(encoding="utf-8")

    def shown(*words):
        with pytest.raises(SystemExit):
            experiments_parser().parse_args([*words, "--help"])
        return capsys.readouterr().out

    listed = re.findall(r"^    ([a-z]+)\b", shown(), flags=re.MULTILINE)
    assert len(listed) >= 9
    assert [name for name in listed if f"`python -m experiments {name}" not in text] == []
    options = set(re.findall(r"--[a-z-]+", shown("run"))) - {"--help"}
    assert [option for option in options if f"| `{option}" not in text] == []


def test_every_page_is_reached_from_the_index():
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    named = set(re.search(r"```{toctree}\n.*?\n\n(.*?)```", index, re.DOTALL)[1].split())
    assert named == {page.stem for page in DOCS.glob("*.md")} - {"index"}


def test_the_rooms_are_the_packages():
    """The package's docstring lists them from the top down; each loads by its name alone."""
    names = [name for name, _ in rooms()]
    assert set(names) == {path.parent.name for path in (ROOT / "jaxmlp").glob("*/__init__.py")}
    assert set(names) <= set(dir(jaxmlp))
    assert jaxmlp.nn is nn
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = jaxmlp.nothing


def test_the_citation_has_the_package_s_version():
    assert f"\nversion: {jaxmlp.__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
