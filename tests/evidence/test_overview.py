"""The overview: every claim once, under its document, with its verdict, linked where there is a report."""

import re

import pytest

from jaxmlp.errors import InputError
from jaxmlp.evidence import Overview, write_overview
from tests.evidence.made_up import not_tested, verdict
from tests.evidence.test_report import Page

VERDICTS = [
    verdict("C-001", doc="D0", statement="Weights < 1 & biases"),
    verdict("C-202", verdict="refuted", doc="D2", effect=-0.31),
    not_tested("C-201") | {"doc": "D2"},
]
TITLES = {"D0": "Slides", "D1": "Lecture", "D2": "Report"}


@pytest.fixture
def page(tmp_path):
    path = write_overview(tmp_path / "overview.html", Overview(TITLES, VERDICTS, {"C-202": "losses/report.html"}))
    return path.read_text(encoding="utf-8")


def row_of(page, claim):
    return re.search(rf'<tr id="{claim}">.*?</tr>', page, re.DOTALL).group()


def test_every_claim_stands_once_and_under_its_document(page):
    assert re.findall(r'<tr id="(C-\d+)">', page) == ["C-001", "C-202", "C-201"]
    sections = {id_: page.index(f'<section id="{id_}">') for id_ in TITLES}
    assert sections["D0"] < page.index('id="C-001"') < sections["D1"] < sections["D2"] < page.index('id="C-202"')


def test_it_counts_verdicts_and_tested_claims(page):
    assert re.findall(r"</span> (\d)</span>", page) == ["1", "1", "1"]
    assert re.findall(r"(\w+)</a> <span[^>]*>([^<]+)</span>", page) == [
        ("Slides", "1 claims, 1 tested"), ("Lecture", "0 claims, 0 tested"), ("Report", "2 claims, 1 tested"),
    ]  # fmt: skip


def test_an_untested_claim_says_why_and_only_claims_with_a_report_are_links(page):
    assert VERDICTS[2]["evidence"] in row_of(page, "C-201")
    assert 'href="losses/report.html"' in row_of(page, "C-202")
    assert "href" not in row_of(page, "C-001")


def test_statements_are_text_and_every_element_is_closed(page):
    assert "Weights &lt; 1 &amp; biases" in page
    assert Page(page).open == []


def test_a_document_without_a_title_is_refused(tmp_path):
    with pytest.raises(InputError, match="claims of D2, of which no title is given"):
        write_overview(tmp_path / "overview.html", Overview({"D0": "Slides"}, VERDICTS))
    assert list(tmp_path.iterdir()) == []
