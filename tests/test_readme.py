"""The README's Python runs as it stands, and its two commands are the ones CI runs."""

import re
from pathlib import Path

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)


def test_the_python_example_runs_and_prints_what_it_says(capsys):
    (example,) = blocks("python")
    names = {}
    exec(compile(example, "README.md", "exec"), names)
    printed = capsys.readouterr().out
    assert "2474 parameters" in printed  # 64·32 + 32 + 2·32 + 32·10 + 10
    assert len(names["results"].final()) == 15


def test_every_file_it_links_exists():
    root = Path(__file__).parents[1]
    links = re.findall(r"\]\(([^)#:]+)\)", README)
    assert len(links) > 10
    assert [link for link in links if not (root / link).exists()] == []
