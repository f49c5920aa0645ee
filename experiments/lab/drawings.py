"""Figures of README.md and docs/, written as SVG line by line: the same text on every machine."""

from collections.abc import Callable
from html import escape
from pathlib import Path

import jaxmlp
from experiments.lab.base import FRESH
from experiments.lab.published import published_folder
from jaxmlp import study
from jaxmlp.files import write_text

FOLDER = Path(__file__).parents[2] / "docs" / "figures"
_INK, QUIET = "#1a1a1a", "#5c5c5c"
STARTS = (
    ("randn", "N(0, 1), rate 0.001", "#b3261e"),
    ("randn_lr1e-2", "N(0, 1), rate 0.01", "#b3261e"),
    ("zeros", "all zeros", "#7a5c00"),
    ("symmetric", "all alike", "#7a5c00"),
    ("he_normal", "He, normal", "#1565a5"),
    ("he_uniform", "He, uniform", "#1565a5"),
)
"""Arm, its name in words, its colour."""


def starts() -> str:
    """Test accuracy of every seed, a row of dots for each start."""
    rows = study.Results.load(published_folder("initialization")).final().query(f"seed < {FRESH}")
    left, right, top, height = 170, 740, 74, 44
    n = rows["seed"].nunique()
    parts = [_text(20, 30, f"One net, one data set, {n} seeds: the start decides", size=18, weight="600")]
    parts.append(
        _text(20, 52, "Test accuracy of every 5-layer net on MNIST after 15 epochs; one dot is one net", QUIET)
    )
    bottom = top + height * len(STARTS)
    for percent in range(0, 101, 25):
        x = left + (right - left) * percent / 100
        parts.append(f'<path d="M{x:.1f} {top}V{bottom}" stroke="#d0d0d0"/>')
        parts.append(_text(x, bottom + 20, f"{percent} %", QUIET, anchor="middle"))
    for i, (arm, title, colour) in enumerate(STARTS):
        middle = top + height * (i + 0.5)
        parts.append(_text(20, middle + 5, title))
        dots = rows.query(f"arm == '{arm}'")
        for seed, accuracy in zip(dots["seed"].tolist(), dots["test_accuracy"].tolist(), strict=True):
            x, y = left + (right - left) * accuracy, middle + 6 * (seed % 5 - 2)
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}" fill-opacity="0.6"/>')
    return _svg(760, bottom + 34, "Test accuracy of nets from six starts, by seed", parts)


def rooms() -> list[tuple[str, str]]:
    """(name, what it is for) of every room of the library, from the top down, as `jaxmlp.__doc__` lists them."""
    (listed,) = [part for part in (jaxmlp.__doc__ or "").split("\n\n") if part.startswith("    ")]
    lines = [line.strip().partition(" ") for line in listed.splitlines()]
    return [(name, " ".join(about.split())) for name, _, about in lines]


def house() -> str:
    """The rooms one upon the other: imports point downwards."""
    floors = [("experiments", "a file per question; lab/ is what makes answers of them"), *rooms()]
    parts = [_text(20, 30, "The rooms of jaxmlp: imports only point downwards", size=18, weight="600")]
    height, top = 46, 48
    for i, (name, about) in enumerate(floors):
        y = top + height * i
        fill = "#fbeee0" if i == 0 else "#e8f1fa"
        parts.append(f'<rect x="20" y="{y}" width="740" height="{height - 8}" rx="4" fill="{fill}" stroke="#8aa4bd"/>')
        parts.append(_text(34, y + 24, name, weight="600"))
        parts.append(_text(150, y + 24, about, QUIET, size=13))
    return _svg(780, top + height * len(floors) + 8, "The rooms of jaxmlp, from the experiments down to nn", parts)


FIGURES: dict[str, Callable[[], str]] = {"starts": starts, "rooms": house}
"""What draws each figure, by the name of its file in docs/figures/."""


def write_figure(name: str) -> Path:
    """Draw one of `FIGURES`; returns its file."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"{name}.svg"
    write_text(path, FIGURES[name]())
    return path


def _text(
    x: float, y: float, words: str, fill: str = _INK, *, size: int = 14, weight: str = "400", anchor: str = "start"
) -> str:
    style = f'font-size="{size}" font-weight="{weight}" text-anchor="{anchor}" fill="{fill}"'
    return f'<text x="{x:.0f}" y="{y:.0f}" {style}>{escape(words)}</text>'


def _svg(width: float, height: float, title: str, parts: list[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" role="img"'
    head += f' font-family="Helvetica, Arial, sans-serif"><title>{escape(title)}</title>'
    return "\n".join([head, '<rect width="100%" height="100%" fill="white"/>', *parts, "</svg>", ""])
