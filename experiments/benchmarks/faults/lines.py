"""Command lines of both commands, in process: one line or a result, and nothing written by what is refused."""

import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from experiments.benchmarks.faults.trying import Fuzzer, Numbers, Try, one_of
from experiments.lab.cli import run_experiments_line
from experiments.lab.registry import EXPERIMENTS
from jaxmlp.cli.main import run_jaxmlp_line
from jaxmlp.cli.options import OPTIONS
from jaxmlp.cli.parsing import REFUSED
from jaxmlp.errors import InputError

LINE_WORDS = (
    *("", "--", "-", "-1", "0", "1", "2", "1.5", "nan", "inf", "-inf", "1e39", "1e-50", "1e400", 30 * "9", 5000 * "9"),
    *(
        "x",
        "None",
        "True",
        300 * "n",
        "/",
        "/proc/nowhere",
        "/dev/null",
        "~nosuchuser/x",
        "é",
        "\ud800",
        "a\nb",
        "[/x]",
    ),
    *("a,b", ",", "1,2", "64,10", "=", "a=b=c", "learning_rate=1,2", "widths=3;4", "norm=none,batch_norm", "last_3"),
    *("none", "best", "last", "relu", "maxout", "batch_norm", "layer_norm", "sgd", "hinge", "digits", "iris", "mnist"),
    *("tfds:x", "table.csv", "broken.csv", "net.safetensors", "spec.toml", "folder", "0.2", "classes", "numbers"),
)
DATA = ("--target", "--drop", "--test", "--task", "--classes", "--holdout", "--groups", "--text", "--dataset")
STUDIES = (
    "--out",
    "--strategy",
    "--checkpoint-minutes",
    "--keep-params",
    "--log-dir",
    "--processes",
    "--process-id",
)
PATHS = ("--data-dir", "--spec", "--compare", "--widths", "--seeds", "--lanes", "--no-such-option", "--coordinator")
RUN = (
    "--preset",
    "--seeds",
    "--epochs",
    "--arms",
    "--dataset",
    "--data-dir",
    "--precision",
    *STUDIES,
    "--coordinator",
)
SWITCHES = ("--resume", "--bias", "--no-shuffle", "--plateau", "--early-stopping", "--test-every-epoch")
TRAINS_NOTHING = ("--lanes", "2000000000")
"""No machine has so many: a line that is right so far ends here, after all else was looked at."""


def prepare(folder: Path) -> Path:
    """A current folder with a table, a broken one, a spec and a file that is no net."""
    (folder / "table.csv").write_text("a,b,kind\n" + "".join(f"{i},{i * i % 7},{'xy'[i % 2]}\n" for i in range(40)))
    (folder / "broken.csv").write_bytes(b'a,"b\n1,\xff\n')
    (folder / "spec.toml").write_text("learning_rate = 0.1\nwidths = [5]\n")
    (folder / "net.safetensors").write_bytes(b"no net")
    (folder / "folder").mkdir()
    return folder


def draw_line(numbers: Numbers, folder: Path) -> Try:
    """A line of one of the commands that could be typed without waiting for its end."""
    main, line = _drawn(numbers)
    return Try(_told(line), lambda: _run(main, line, folder), str)


def _drawn(numbers: Numbers) -> tuple[Any, list[str]]:
    """A command, and the line after it."""
    return (run_jaxmlp_line, _own(numbers)) if numbers.random() < 0.6 else (run_experiments_line, _experiment(numbers))


def _told(line: list[str]) -> str:
    return " ".join(word[:40] for word in line)[:200]


def _options(numbers: Numbers, names: Any) -> Iterator[str]:
    for _ in range(int(numbers.integers(4))):
        name, word = one_of(numbers, names), one_of(numbers, LINE_WORDS)
        yield from [f"{name}={word}"] if numbers.random() < 0.3 else [name, word]
    if numbers.random() < 0.3:
        yield one_of(numbers, SWITCHES)


def _own(numbers: Numbers) -> list[str]:
    command = one_of(numbers, ("train", "train", "train", "train", "test", "predict", "nosuch"))
    names = [f"--{option.name.replace('_', '-')}" for option in OPTIONS]
    first = [one_of(numbers, LINE_WORDS)] if numbers.random() < 0.3 else []
    if command == "train":
        return [command, *first, *_options(numbers, [*names, *names, *DATA, *STUDIES, *PATHS]), *TRAINS_NOTHING]
    if command == "test":
        return [
            command,
            one_of(numbers, LINE_WORDS),
            *first,
            *_options(numbers, [*DATA, "--out", "--seed", "--data-dir"]),
        ]
    return [command, one_of(numbers, LINE_WORDS), *first, *_options(numbers, ["--out", "--nothing"])]


def _experiment(numbers: Numbers) -> list[str]:
    command = one_of(numbers, ("run", "run", "run", "report", "claims", "publish", "benchmark", "test", "nosuch"))
    if command == "run":
        names = [one_of(numbers, [*EXPERIMENTS, "x", ""])]
        return [command, *names, *_options(numbers, RUN), *TRAINS_NOTHING]
    if command == "claims":
        return [command, "--doc", one_of(numbers, [*LINE_WORDS, "D9"])]
    return [command, f"{one_of(numbers, LINE_WORDS)}x", *_options(numbers, ["--rounds", "--out", "--nothing"])]


def _run(main: Any, line: list[str], folder: Path) -> str:
    """What is wrong with how a line ended; "" where nothing is. One that is refused as it should be raises."""
    here, before = Path.cwd(), _listing(folder)
    out, err = io.StringIO(), io.StringIO()
    os.chdir(folder)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main(line)
    except SystemExit as end:  # argparse, of --help and --version
        code = end.code
    finally:
        os.chdir(here)
    if code not in (0, REFUSED):
        return f"exit code {code}: {err.getvalue()[:300]!r}"
    if code == REFUSED and err.getvalue().count("\n") != 1:
        return f"not one line: {err.getvalue()[:200]!r}"
    if code == REFUSED and _listing(folder) != before:
        return f"refused, and written: {sorted(_listing(folder) - before)}"
    if code == REFUSED:
        raise InputError(err.getvalue().strip())
    return ""


def _listing(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


LINES = Fuzzer("command lines", prepare, draw_line)


# The same lines as programs of their own: what Python and the system say before and after a command is heard too.
ROOT_FOLDER = Path(__file__).parents[3]
"""Of the code: a try runs elsewhere."""
PROGRAMS = {run_jaxmlp_line: "jaxmlp", run_experiments_line: "experiments"}
LONGEST_LINE = 120
"""Seconds after which a program hangs."""


def draw_program(numbers: Numbers, folder: Path) -> Try:
    """A line that the system can take, since it takes no text that has no bytes."""
    main, line = _drawn(numbers)
    words = [word.encode(errors="replace").decode() for word in line]
    return Try(_told(words), lambda: _run(partial(_as_program, main), words, folder), str)


def _as_program(main: Any, words: list[str]) -> int:
    environment = os.environ | {"PYTHONPATH": str(ROOT_FOLDER)}
    ended = subprocess.run(
        [sys.executable, "-m", PROGRAMS[main], *words],
        env=environment,
        capture_output=True,
        timeout=LONGEST_LINE,
        check=False,
    )
    sys.stderr.write(ended.stderr.decode(errors="replace"))
    return ended.returncode


PROGRAM_LINES = Fuzzer("command lines, as programs", prepare, draw_program)
