"""The report is one file that needs nothing else, says what the results say, and is written whole or not at all."""

import base64
import itertools
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from jinja2 import UndefinedError
from scipy import stats

from jaxmlp.errors import InputError
from jaxmlp.evidence import plotting
from jaxmlp.evidence.figures import EveryRun, TrainingCurves, captioned_svgs, save_figures
from jaxmlp.evidence.report import StudyReport, arm_table, render_report, write_report
from jaxmlp.evidence.synthetic import synthetic_rows
from tests.evidence.made_up import TEST, he_columns, not_tested, two_arms, verdict

VOID = {"meta", "link", "br", "img", "hr", "input"}
ARMS = {"he": {"num_parameters": 111514, "description": "He normal, b = 0"}, "randn": {"num_parameters": 111514}}
MANIFEST = {
    "experiment": "initialization",
    "question": "Why does the network not learn?",
    "command": "python -m experiments run initialization --out 'a & b'",
    "dataset": {"name": "mnist", "num_train": 60000, "num_test": 10000, "digest": "0123abcd"},
    "device": "CPU (2 cores)",
    "precision": "float32",
    "preset": "full",
    "arms": ARMS,
    "versions": {"python": "3.11.9", "jax": "0.10.2"},
    "started": "2025-11-21T07:00:00+00:00",
    "seconds": 312.4,
}
REPORTED = [
    {
        "ledger_id": "E-003", "arm": "he", "measure": "final test_accuracy", "unit": "accuracy", "tag": "doc",
        "reported": 0.9774,
        "n": 3, "mean": 0.965, "low": 0.91531, "high": 1.01469, "agrees": True, "missing": None,
    },
    {
        "ledger_id": "E-003", "arm": "he", "measure": "train_loss at epoch 11", "unit": "", "tag": "fig",
        "reported": 0.025,
        "n": 3, "mean": 0.5, "low": 0.4, "high": 0.6, "agrees": False, "missing": None,
    },
    {
        "ledger_id": "E-001", "arm": "bn", "measure": "final test_accuracy", "unit": "accuracy", "tag": "doc",
        "reported": 0.2,
        "n": 0, "mean": None, "low": None, "high": None, "agrees": None, "missing": "arm bn is not in the results",
    },
]  # fmt: skip


class Page(HTMLParser):
    """What a browser would find: tags, attributes, text, and whether every element is closed in order."""

    def __init__(self, html):
        super().__init__()
        self.attributes, self.tags, self.open, self.words, self.headings = [], [], [], [], []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" in self.open:
            return
        self.words.append(data)
        if re.fullmatch("h[1-6]", self.open[-1] if self.open else ""):
            self.headings.append((self.open[-1], data))

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())

    def values(self, *names):
        return [value for name, value in self.attributes if name in names]


@pytest.fixture(scope="module")
def figures(tmp_path_factory):
    specs = [TrainingCurves("he"), TrainingCurves("randn"), EveryRun("test_accuracy", ("he", "randn"))]
    folder = tmp_path_factory.mktemp("figures")
    return captioned_svgs(specs, save_figures(specs, two_arms(), folder))


@pytest.fixture
def study(figures):
    def build(**changes):
        content = {
            "manifest": MANIFEST, "verdicts": [verdict(), not_tested()], "reported": REPORTED,
            "rows": two_arms(), "figures": figures,
        }  # fmt: skip
        return StudyReport(**(content | changes))

    return build


def page(*studies):
    return Page(render_report(studies))


def test_every_element_is_closed_in_order(study):
    assert page(study(), study()).open == []


def test_nothing_outside_the_file_is_needed(study):
    html = render_report([study(), study()])
    found = Page(html)
    assert all(value.startswith("#") for value in found.values("src", "href", "xlink:href", "srcset", "data"))
    assert not {"script", "link", "iframe", "object", "img", "base"} & set(found.tags)
    assert not re.search(r"@import|url\((?!#)", html)
    assert not [name for name, _ in found.attributes if name.startswith("on")]


def test_ids_are_unique_and_every_reference_has_one(study):
    html = render_report([study(), study()])
    found = Page(html)
    ids = found.values("id")
    assert len(ids) == len(set(ids))
    references = {value[1:] for value in found.values("href", "xlink:href")}
    references |= set(re.findall(r"url\(#([^)]+)\)", html)) | set(found.values("aria-labelledby"))
    assert len(references) > 20
    assert references <= set(ids)


def test_page_can_be_read_with_a_phone_and_aloud(study):
    found = page(study())
    assert ("lang", "en") in found.attributes
    assert ("name", "viewport") in found.attributes
    assert "width=device-width, initial-scale=1" in found.values("content")
    assert found.tags.count("svg") == found.values("role").count("img") - found.values("class").count("ruler")
    assert len(found.values("aria-labelledby")) == found.tags.count("svg") == 3


def test_headings_step_down_without_gaps(study):
    for found in (page(study()), page(study(), study())):
        levels = [int(tag[1]) for tag, _ in found.headings]
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(later <= earlier + 1 for earlier, later in itertools.pairwise(levels))


def test_verdicts_come_first_then_figures_then_how_it_was_run(study):
    headings = [words for _, words in page(study()).headings]
    assert headings[0] == MANIFEST["question"]
    order = ["Verdicts", "C-001", "C-010", "Figures", "Beside the document's numbers", "Arms", "How it was run"]
    assert [words for words in headings if words in order] == order


def test_a_verdict_shows_claim_statement_word_symbol_effect_interval_n_rule_and_evidence(study):
    text = page(study()).text
    for words in (
        "C-001",
        "D0 says: He initialization cures the network.",
        "✓ reproduced",
        "+75.27 pp",
        "95 % interval [+70.10, +80.50], n = 10",
        "reproduced where the interval lies entirely above 10 percentage points.",
        "Mean 97.7 %, other mean 22.4 %.",
        "δ = 10 pp",
        "– not tested",
        "Missing: arm he_bn is not in the results.",
    ):
        assert words in text


def test_parts_are_shown_each_with_its_own_verdict_and_numbers(study):
    part = {"role": "part", "scope": "primary", "level": None} | verdict()
    parts = [part, part | {"verdict": "refuted", "effect": -0.02, "role": "rival", "evidence": "The rival."}]
    text = page(study(verdicts=[verdict(verdict="other_cause", parts=parts)])).text
    for words in ("part 1", "rival cause", "✗ refuted", "−2.00 pp", "The rival.", "⇄ other cause"):
        assert words in text


@pytest.mark.parametrize("preview", [True, False])
def test_a_preview_says_so_and_nothing_else_does(study, preview):
    text = page(study(verdicts=[verdict(preview=preview)])).text
    assert ("not a verdict on the document" in text) == preview


def test_several_studies_are_sections_of_one_page_each_with_its_question(study):
    second = study(manifest=MANIFEST | {"question": "Does depth hurt?"}, verdicts=[verdict("C-304")])
    found = page(study(), second)
    assert found.headings[0] == ("h1", "2 studies, 3 claims")
    assert ("h2", "Does depth hurt?") in found.headings
    assert {"#s1", "#s2", "#s2-C-304"} <= set(found.values("href"))


@pytest.mark.parametrize("where", ["statement", "rule", "evidence", "doc"])
def test_text_from_outside_is_never_markup(study, where):
    hostile = 'x <b>bold</b> & <script>alert(1)</script> "quoted"'
    found = page(study(verdicts=[verdict(**{where: hostile})]))
    assert hostile in found.text
    assert "script" not in found.tags


def test_arm_names_and_paths_are_escaped(study, tmp_path):
    arm = "<i>he</i>&co"
    rows = synthetic_rows({arm: he_columns()})
    spec = EveryRun("test_accuracy", (arm,))
    found = page(study(rows=rows, figures=captioned_svgs([spec], save_figures([spec], rows, tmp_path))))
    assert "i" not in found.tags
    assert found.text.count(arm) >= 2
    assert "--out 'a & b'" in found.text


def test_arm_table_holds_n_mean_interval_range_and_diverged():
    he, randn = sorted(arm_table(two_arms(), MANIFEST), key=lambda arm: arm["arm"])
    low, high = stats.t.interval(0.95, df=2, loc=np.mean(TEST), scale=stats.sem(TEST))
    assert he["n"] == 3
    assert he["mean"] == pytest.approx(0.96)
    assert high > 1  # of which there is none: no accuracy is above 100 %
    assert he["interval"] == f"{100 * low:.2f} to 100.00 %"
    assert (he["least"], he["largest"]) == (0.94, 0.975)
    assert (he["diverged"], randn["diverged"]) == (0, 2)
    assert he["num_parameters"] == 111514


def test_an_arm_without_any_number_is_shown_with_dashes(study):
    columns = {name: [[np.nan] * 4] * 3 for name in he_columns()} | {"diverged": [[True] * 4] * 3}
    rows = synthetic_rows({"lost": columns})
    (arm,) = arm_table(rows, MANIFEST)
    assert (arm["n"], arm["mean"], arm["interval"], arm["diverged"]) == (3, None, "–", 3)
    assert "lost" in page(study(rows=rows)).text


def test_the_arms_of_a_study_about_numbers_have_their_r2(study):
    nothing = {"test_accuracy": [np.nan] * 3, "diverged": [[False, False]] * 3}
    rows = synthetic_rows({"net": {"test_score": [-0.25, 0.5, 0.75]} | nothing})
    (arm,) = arm_table(rows, MANIFEST)
    low, high = stats.t.interval(0.95, df=2, loc=1 / 3, scale=stats.sem([-0.25, 0.5, 0.75]))
    assert arm["interval"] == f"−{-low:.3g} to {high:.3g}"
    text = page(study(rows=rows)).text
    assert "test R²" in text
    assert f"3 0.333 {arm['interval']} −0.25 0.75 0" in text


def test_the_documents_numbers_stand_beside_ours(study):
    text = page(study()).text
    assert "97.74 % [doc] 96.50 % 91.53 % to 100.00 % 3 ✓ inside" in text
    assert "0.025 [fig] 0.5 0.4 to 0.6 3 ✗ outside" in text
    assert "– arm bn is not in the results" in text


def test_how_it_was_run_is_told(study):
    text = page(study()).text
    for words in ("mnist: 60,000 training and 10,000 test images", "0123abcd", "CPU (2 cores)", "float32", "5 min 12 s",
                  "python 3.11.9, jax 0.10.2", "2 arms, 3 seeds (0 to 2)", "111,514"):  # fmt: skip
        assert words in text


def test_a_manifest_that_knows_little_is_enough(study):
    assert "Why?" in page(study(manifest={"experiment": "x", "question": "Why?"})).text


def test_figures_take_the_colours_of_the_page(study):
    html = render_report([study()])
    drawing = html[html.index("<svg") : html.rindex("</svg>")]
    for fixed in (plotting.INK, plotting.MUTED, plotting.GRID, plotting.PAPER):
        assert fixed not in drawing
    used = set(re.findall(r"var\((--[\w-]+)\)", html))
    light, dark = html.split("prefers-color-scheme: dark", 1)
    assert used - {"--tone", "--ground"} <= set(re.findall(r"(--[\w-]+):", light))
    assert set(re.findall(r"(--[\w-]+):", light)) <= set(re.findall(r"(--[\w-]+):", dark))


def test_same_results_give_the_same_bytes(study, tmp_path):
    one = write_report(tmp_path / "one.html", [study(), study()]).read_bytes()
    assert one == write_report(tmp_path / "two.html", [study(), study()]).read_bytes()


def test_no_study_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match="at least one"):
        write_report(tmp_path / "report.html", [])
    assert not list(tmp_path.iterdir())


def test_an_error_while_rendering_leaves_the_old_report(study, tmp_path):
    path = tmp_path / "report.html"
    path.write_text("old")
    incomplete = verdict()
    del incomplete["evidence"]
    with pytest.raises(UndefinedError):
        write_report(path, [study(verdicts=[incomplete])])
    assert path.read_text() == "old"


def test_an_error_in_the_middle_of_writing_leaves_the_old_report_and_nothing_else(study, tmp_path, monkeypatch):
    path = tmp_path / "report.html"
    path.write_text("old")
    write = Path.write_text

    def half(self, text, **options):
        write(self, text[: len(text) // 2], **options)
        raise OSError("disk full")

    monkeypatch.setattr(Path, "write_text", half)
    with pytest.raises(OSError, match="disk full"):
        write_report(path, [study()])
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


PLANTED = '<svg viewBox="0 0 72 72"><script>alert(1)</script><image href="x" onerror="alert(2)"/></svg>'


def test_a_picture_from_a_folder_is_an_image_in_which_nothing_runs(study):
    html = render_report([study(figures=[("Ten images.", PLANTED.encode())])])
    assert "<script" not in html
    assert "onerror" not in html
    assert base64.b64encode(PLANTED.encode()).decode() in html
    assert page(study(figures=[("Ten images.", b"\xff not even one")])).open == []


def test_a_figure_that_somebody_put_into_the_folder_is_not_shown(tmp_path):
    specs = [TrainingCurves("he"), TrainingCurves("gone")]
    (tmp_path / "training_gone.svg").write_text(PLANTED)
    (tmp_path / "training_he.svg").write_text(PLANTED)
    shown = captioned_svgs(specs, save_figures(specs, two_arms(), tmp_path))
    assert len(shown) == 1
    assert "script" not in shown[0][1]
