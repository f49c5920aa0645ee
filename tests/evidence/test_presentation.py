"""How verdicts are worded and coloured: symbols, contrast, numbers in their unit, and the ruler."""

import re
from pathlib import Path

import numpy as np
import pytest

from jaxmlp.evidence import presentation
from tests.evidence.made_up import not_tested, verdict

PART = {"role": "part", "scope": "primary"}


def test_all_verdicts_have_a_look_with_symbols_of_their_own_and_colours_in_the_page():
    from jaxmlp.evidence.words import VERDICTS

    assert set(presentation.LOOKS) == set(VERDICTS)
    css = (Path(presentation.__file__).parent / "report.css").read_text(encoding="utf-8")
    for of in ("symbol", "plain", "words"):
        assert len({getattr(look, of) for look in presentation.LOOKS.values()}) == len(VERDICTS)
    assert all(f".{name} {{" in css for name in VERDICTS)


def luminance(colour):
    """Relative luminance of WCAG 2."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return np.dot([0.2126, 0.7152, 0.0722], linear)


def test_text_has_a_contrast_of_four_and_a_half_in_light_and_in_dark():
    css = (Path(presentation.__file__).parent / "report.css").read_text(encoding="utf-8")
    light, dark = css.split("prefers-color-scheme: dark", 1)
    for theme in (light, dark):
        colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", theme))
        pairs = [(name, f"{name}-ground") for name in presentation.LOOKS]
        pairs += [(name, "paper") for name in ("ink", "muted", "link")]
        for text, ground in pairs:
            bright, faint = sorted((luminance(colours[text]), luminance(colours[ground])), reverse=True)
            assert (bright + 0.05) / (faint + 0.05) >= 4.5, (text, ground)


@pytest.mark.parametrize(
    ("changes", "effect", "interval", "bound"),
    [
        ({}, "+75.27 pp", "[+70.10, +80.50]", "δ = 10 pp"),
        ({"effect": -0.0123, "ci_low": -0.02, "ci_high": 0.001}, "−1.23 pp", "[−2.00, +0.10]", "δ = 10 pp"),
        ({"kind": "equivalence", "delta": 0.005}, "+75.27 pp", "[+70.10, +80.50]", "δ = ±0.5 pp"),
        (
            {"kind": "probability", "unit": "share of runs", "effect": 0.9, "ci_low": 0.555, "ci_high": 0.9975}
            | {"delta": 0.5},
            "90.0 %", "[55.5, 99.8]", "bound 50 %",
        ),
        (
            {"unit": "epochs", "effect": 3.25, "ci_low": 1.0, "ci_high": 5.5, "delta": 2.0},
            "+3.25 epochs", "[+1, +5.5]", "δ = 2 epochs",
        ),
        (
            {"kind": "identity", "unit": "", "effect": 1e-12, "ci_low": None, "ci_high": None, "delta": 1e-9},
            "1e−12", "", "δ = 1e−09",
        ),
        (  # logarithms of seconds are told as the ratios that they are: e^1.3 is 3.67
            {"unit": "ln s", "effect": 1.3, "ci_low": 1.2, "ci_high": 1.4, "delta": 0.0},
            "3.67 times as long", "[3.32, 4.06]", "bound 1 times as long",
        ),
        (
            {"verdict": "mixed", "parts": [PART | {"verdict": one} for one in ("reproduced", "refuted")]},
            "1 of 2 parts", "", "δ = 10 pp",
        ),
    ],
)  # fmt: skip
def test_numbers_are_worded_in_their_unit(changes, effect, interval, bound):
    judged = verdict(**changes)
    assert presentation.effect_text(judged) == effect
    assert presentation.interval_text(judged) == interval
    assert presentation.bound_text(judged) == bound


def test_an_equivalence_is_shown_with_its_ninety_percent_interval():
    assert presentation.level_text(verdict(kind="equivalence")) == "90 %"
    assert presentation.level_text(verdict(kind="difference")) == "95 %"


def test_the_ruler_keeps_the_order_and_the_proportions_of_the_numbers():
    ruler = presentation.ruler_of(verdict(effect=0.3, ci_low=0.2, ci_high=0.4, delta=0.1))
    assert ruler is not None
    places = [ruler.zero, *ruler.bounds, ruler.low, ruler.effect, ruler.high]
    assert np.allclose(np.diff(places), np.diff(places)[0], atol=0.02)
    assert 0 < min(places) < max(places) < 100


def test_an_equivalence_has_two_bounds_around_its_zero_and_nothing_measured_has_no_ruler():
    ruler = presentation.ruler_of(verdict(kind="equivalence", effect=0.0, ci_low=-0.01, ci_high=0.01, delta=0.02))
    assert ruler is not None
    assert sum(ruler.bounds) / 2 == pytest.approx(ruler.zero)
    assert presentation.ruler_of(not_tested()) is None
