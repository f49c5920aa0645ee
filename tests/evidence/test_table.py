"""The terminal table says every verdict in words, fits 80 columns, and is plain text outside a terminal."""

import io

import pytest
from rich.console import Console

from jaxmlp.evidence.presentation import LOOKS
from jaxmlp.evidence.table import print_verdicts
from tests.evidence.made_up import not_tested, verdict

LONG = "He initialization cures the network of five layers, from the first epoch on. " * 3


def printed(verdicts, **options):
    file = io.StringIO()
    print_verdicts(verdicts, Console(file=file, width=80, **options))
    return file.getvalue()


def test_a_row_says_claim_document_statement_verdict_effect_interval_and_n():
    text = printed([verdict()])
    for words in ("C-001", "D0", "He initialization", "✓ reproduced", "+75.27 pp", "[+70.10, +80.50]", "10"):
        assert words in text


@pytest.mark.parametrize("name", LOOKS)
def test_every_verdict_is_a_word_with_its_symbol(name):
    assert f"{LOOKS[name].symbol} {LOOKS[name].words}" in printed([verdict(verdict=name)])


def test_fits_eighty_columns_and_loses_no_word():
    text = printed([verdict(statement=LONG, effect=-0.12345, ci_low=-0.98765, ci_high=0.87654), not_tested()])
    assert max(map(len, text.splitlines())) <= 80
    statement = " ".join(line[8:41].strip() for line in text.splitlines())
    assert "…" not in text
    assert all(word in statement for word in LONG.split())
    assert "[−98.77, +87.65]" in text


def test_no_escape_codes_where_there_is_no_terminal_and_colour_where_there_is():
    assert "\x1b" not in printed([verdict()])
    assert "\x1b[32m" in printed([verdict()], force_terminal=True, color_system="standard")


def test_a_claim_that_was_not_tested_says_why():
    text = " ".join(printed([not_tested()]).split())
    assert "Missing: arm he_bn" in text


@pytest.mark.parametrize("preview", [True, False])
def test_a_preview_says_so(preview):
    assert ("not a verdict on the document" in printed([verdict(preview=preview)])) == preview


def test_text_in_brackets_is_not_taken_for_markup():
    assert "[bold]x[/bold]" in printed([verdict(statement="[bold]x[/bold]")])


def test_an_ascii_terminal_gets_ascii():
    file = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    print_verdicts([verdict(effect=-0.0123, statement="δ"), not_tested()], Console(file=file, width=80))
    file.flush()
    text = file.buffer.getvalue().decode("ascii")
    assert "+ reproduced" in text
    assert "-1.23 pp" in text


def test_an_experiment_without_claims_has_no_table():
    assert printed([]) == ""
