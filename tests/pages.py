"""The project's pages, and what stands in them: links, headings, examples, command lines."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = [*sorted(ROOT.glob("README*.md")), ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
PROGRAMS = {"jaxmlp": "jaxmlp", "python -m experiments": "experiments", "python -m jaxmlp": "jaxmlp"}
_PROGRAM = re.compile(r"^(?:srun |\.venv/bin/)?(python -m experiments|python -m jaxmlp|jaxmlp)(?: (.*?))?(?: &)?$")


def name_of(page: Path) -> str:
    """A page as a test calls it: `docs/laws.md`."""
    return page.relative_to(ROOT).as_posix()


def examples(page: Path, language: str = "python") -> list[str]:
    """The fenced blocks of one language, in their order; those in a list without its indent."""
    found = re.findall(
        rf"^( *)```{language}\n(.*?)^\1```", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL
    )
    return [re.sub(rf"^{indent}", "", block, flags=re.MULTILINE) for indent, block in found]


def run_page(page: Path) -> dict[str, object]:
    """Run all Python blocks of a page in one namespace, as a reader would; returns the namespace."""
    scope: dict[str, object] = {"__name__": page.stem}
    for i, block in enumerate(examples(page)):
        exec(compile(block, f"{name_of(page)}, block {i + 1}", "exec"), scope)
    return scope


def prose(page: Path) -> str:
    """A page without its fenced blocks."""
    return re.sub(r"^( *)```.*?^\1```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def links(page: Path) -> list[str]:
    """Targets of links and images, but for those on the web."""
    return [link for link in re.findall(r"\]\(([^)\s]+)\)", prose(page)) if not re.match(r"[a-z]+:", link)]


def anchors(page: Path) -> set[str]:
    """What a link may name after #: headings in small letters, with hyphens for spaces."""
    headings = re.findall(r"^#+ (.*)$", prose(page), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def commands(page: Path) -> Iterator[tuple[str, list[str], bool]]:
    """(program, its words, whether it stands in a block) of every command line of ours on a page."""
    blocks = "\n".join(examples(page, "bash")).replace("\\\n", " ")
    lines = [(line.strip(), True) for line in blocks.splitlines()]
    lines += [(" ".join(line.split()), False) for line in re.findall(r"`([^`]+)`", prose(page))]
    for line, in_block in lines:
        if found := _PROGRAM.match(line):
            yield PROGRAMS[found[1]], shlex.split(found[2] or ""), in_block
