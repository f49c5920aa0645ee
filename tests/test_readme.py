"""The README: short, its example answers a question, and its two commands are the ones CI runs."""

import re

import pytest

from experiments.lab import front
from experiments.lab.published import claim_rows
from tests.pages import ROOT, examples, run_page

README, CHINESE = ROOT / "README.md", ROOT / "README.zh.md"
TEXT = README.read_text(encoding="utf-8")


def test_it_is_two_screens():
    assert len(TEXT.splitlines()) <= 150


@pytest.mark.parametrize("end", ["python -m experiments", "python -m pytest -n auto"])
def test_each_of_the_two_commands_is_one_line_in_both_languages(end):
    found = [
        [line for line in "".join(examples(page, "bash")).splitlines() if line.endswith(end)]
        for page in (README, CHINESE)
    ]
    assert found[0] == found[1]
    (line,) = found[0]
    assert line == (
        f"python3 -m venv .venv && .venv/bin/python -m pip install -q -r requirements.txt && .venv/bin/{end}"
    )


def test_the_example_answers_a_question_about_the_reader_s_arrays(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (example,) = examples(README)
    assert sum(bool(line) for line in example.splitlines()) <= 12
    names = run_page(README)
    won, of = re.search(r"He's start wins in (\d+) of (\d+) pairs, by \S+ points", capsys.readouterr().out).groups()
    assert int(of) == len(names["gain"]) == 10
    assert int(won) >= 8
    assert list(tmp_path.iterdir()) == []


def test_the_chinese_example_differs_in_its_words_alone():
    def bare(page):
        (example,) = examples(page)
        return re.sub(r"#.*|f\".*\"", "", example)

    assert bare(README) == bare(CHINESE)


def test_the_tally_counts_every_claim():
    counts = [int(number) for number in re.findall(r"\*\*(\d+)\*\*", front.tally())]
    assert sum(counts) == len(claim_rows()) == int(front.tally().split()[0])
    assert sum(int(number) for number in re.findall(r" (\d+) 条[，。]", front.tally("zh"))) == sum(counts)


def test_surprises_are_told_alike_in_both_languages():
    english, chinese = front.surprises().splitlines(), front.surprises("zh").splitlines()
    assert len(english) == len(chinese) == 5
    numbers = [[sorted(re.findall(r"\d+\.\d+|C-\d+", line)) for line in lines] for lines in (english, chinese)]
    assert numbers[0] == numbers[1]
    assert all("n = " in line or " of " in line for line in english)
