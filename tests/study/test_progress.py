"""What a person sees while a study trains."""

import io

import pytest
from rich.console import Console

from jaxmlp.study.progress import LineDisplay, LiveDisplay, Status

HALF_DONE = Status(
    seconds=30.0,
    seconds_done=50.0,
    seconds_total=200.0,
    runs_done=12,
    runs=120,
    run_epochs=600.0,
    epoch=755,
    epochs=800,
    arms=tuple(f"learning_rate_{i}" for i in range(10)),
    best=0.9712,
    median=0.9345,
    memory_bytes=1_234_000_000,
)


def shown(make, status, width):
    text = io.StringIO()
    with make("initialization", Console(file=text, width=width, force_terminal=make is LiveDisplay)) as display:
        display.say("a line that stays")
        display.show(status)
    return " ".join(text.getvalue().split())


@pytest.mark.parametrize("width", [60, 80, 200])
def test_a_narrow_terminal_still_shows_everything(width):
    text = shown(LiveDisplay, HALF_DONE, width)
    assert "a line that stays" in text
    # A quarter of the work took 30 s; 600 epochs in them.
    for part in ("initialization", "25%", "ETA 0:01:30", "learning_rate_0 and 9 more: epoch 755/800", "best 97.1%"):
        assert part in text, part
    for part in ("median 93.5%", "runs done 12/120", "20.0 run-epochs/s", "1.2 GB"):
        assert part in text, part
    assert "…" not in text


def test_lines_are_few_and_the_last_one_comes(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr("jaxmlp.study.progress.time.monotonic", lambda: clock[0])
    text = io.StringIO()
    display = LineDisplay("s", Console(file=text, width=300))
    for _ in range(40):
        clock[0] += 1.0
        display.show(HALF_DONE)
    lines = text.getvalue().splitlines()
    assert len(lines) == 2
    assert "s  25%, about 90 s left, learning_rate_0 and 9 more: epoch 755/800" in lines[0]
