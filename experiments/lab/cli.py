"""The command line: the tour, list, run, train, test, report, claims, publish, benchmark, readme.

    python -m experiments                    the tour on the built-in digits
    python -m experiments run NAME ...       one or more experiments

Every user error is one line on stderr and exit code 2; nothing has been written then.
"""

import argparse
import os
import shlex
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from rich.console import Console

from experiments.lab import commands as do
from experiments.lab.commands import DATASETS, RESULTS
from jaxmlp.errors import InputError

SIGNALLED = 128
"""Exit codes beyond it say which signal ended the program, as shells have it: 130 for Ctrl-C, 143 for SIGTERM."""
FOLDER_OPTIONS = ("--data-dir", "--out", "--log-dir")


class _Parser(argparse.ArgumentParser):
    """argparse, with its errors as `InputError` and without shortened options: each has one name in records."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message} (see {self.prog} --help)")


def _positive(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive integer")
    return number


def _natural(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not an integer of at least 0")
    return int(text)


def _path(text: str) -> Path:
    """Absolute, once: what is made and what is told later do not depend on where a program stands or what ~ is."""
    try:
        path = Path(text).expanduser().absolute()
        os.fsencode(path)
    except (RuntimeError, ValueError, UnicodeError) as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no path here ({error})") from None
    if not text or "\0" in text:
        raise argparse.ArgumentTypeError(f"{text!r} is no path: give a file or folder")
    return path


def _names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]


def make_parser() -> argparse.ArgumentParser:
    """The whole command line."""
    parser = _Parser(
        prog="python -m experiments",
        description="Why an MLP trains or does not: rerun the experiments of five documents and judge their "
        "claims. Without a command: the tour, on the built-in digits, offline, in about two minutes.",
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")

    add = commands.add_parser("list", help="every experiment: question, arms, runs, claims")
    add.set_defaults(command=do.list_experiments)

    add = commands.add_parser("run", help="train, judge and report one or more experiments")
    add.add_argument("names", nargs="+", metavar="NAME", help="see `list`")
    add.add_argument("--preset", default="quick", help="quick (default) or full, the documents' own size")
    add.add_argument("--seeds", type=_positive, metavar="N", help="seeds 0 to N-1 for every arm")
    add.add_argument("--first-seed", type=_natural, default=0, metavar="N", help="seeds count from N; default 0")
    add.add_argument("--epochs", type=_positive, metavar="N")
    add.add_argument("--arms", type=_names, metavar="A,B", help="only these arms; see `list`")
    _add_study_options(add)
    add.set_defaults(command=do.run)

    add = commands.add_parser("train", help="train one net of your own; results in OUT/own/")
    add.add_argument("--widths", metavar="I,H,K", help="from inputs to classes; default one hidden layer of 100")
    add.add_argument("--activation", default="relu")
    add.add_argument("--norm", default="none", help="none (default) or batch_norm")
    add.add_argument("--norm-position", default="post_activation", help="or pre_activation")
    add.add_argument("--initializer", default="he_normal")
    add.add_argument("--optimizer", default="adam")
    add.add_argument("--learning-rate", type=float, default=1e-3)
    add.add_argument("--batch-size", type=_positive, default=64)
    add.add_argument("--preprocessing", default="unit")
    add.add_argument("--seeds", type=_positive, default=5, metavar="N")
    add.add_argument("--epochs", type=_positive, default=10, metavar="N")
    _add_study_options(add)
    add.set_defaults(command=do.train)

    add = commands.add_parser("test", help="test a saved net and draw what it predicts for ten test images")
    add.add_argument("net", type=_path, metavar="NET.safetensors")
    add.add_argument("--dataset", help=f"one of {', '.join(DATASETS)}; default: the one the file names")
    add.add_argument("--data-dir", type=_path, metavar="DIR", help="folder of IDX files, plain or .gz")
    add.add_argument("--seed", type=_natural, default=0, metavar="N", help="draws which ten images; default 0")
    add.add_argument("--out", type=_path, metavar="FILE.svg", help="the picture; default: beside the net")
    add.set_defaults(command=do.test_net)

    add = commands.add_parser("report", help="rebuild verdicts, figures and report from saved results")
    add.add_argument(
        "out",
        type=_path,
        nargs="?",
        metavar="OUT",
        help=f"the --out of a run, or one study in it; default: all published results, into {do.RESULTS}/published/",
    )
    add.set_defaults(command=do.report)

    add = commands.add_parser("claims", help="all claims: the published verdict, or why there is none")
    add.add_argument("ids", nargs="*", metavar="C-001", help="only these, with their amendments told whole")
    add.add_argument("--doc", metavar="D0", help="only this document's: D0 to D4")
    add.set_defaults(command=do.claims)

    add = commands.add_parser("publish", help="copy finished full studies into experiments/published/")
    add.add_argument(
        "out",
        type=_path,
        nargs="?",
        metavar="OUT",
        help="the --out of runs, or one study in it; without it what is published is judged anew",
    )
    add.set_defaults(command=do.publish)

    add = commands.add_parser("benchmark", help="measure what jaxmlp costs here, and keep it for the README")
    add.add_argument(
        "name",
        help="startup (to a first step), rows (opening large results), speed (beside other "
        "libraries), or floor (beside the machine's own products)",
    )
    add.add_argument("--rounds", type=_positive, default=5, metavar="N", help="default 5")
    add.set_defaults(command=do.benchmark)

    add = commands.add_parser("readme", help="renew the generated blocks of README.md")
    add.set_defaults(command=do.readme)

    parser.set_defaults(command=do.tour)
    return parser


def _add_study_options(parser: argparse.ArgumentParser) -> None:
    """What every command that trains takes."""
    parser.add_argument("--dataset", default="digits", help=f"one of {', '.join(DATASETS)}; default digits")
    parser.add_argument("--data-dir", type=_path, metavar="DIR", help="folder of IDX files, plain or .gz")
    parser.add_argument("--out", type=_path, default=RESULTS, metavar="DIR", help="default results/")
    parser.add_argument("--resume", action="store_true", help="continue a study: train only what is missing")
    parser.add_argument("--precision", help="float32, tf32 or bfloat16, of every arm; default: each arm's own, float32")
    parser.add_argument("--lanes", type=_positive, metavar="W", help="runs trained side by side in one block")
    parser.add_argument("--strategy", help="vmap or map: how a block goes through its lanes; default: what is faster")
    parser.add_argument("--checkpoint-minutes", type=float, default=5.0, metavar="M", help="default 5")
    parser.add_argument("--keep-params", default="none", help="none (default), best or last: trained nets to keep")
    parser.add_argument("--log-dir", type=_path, metavar="DIR", help="write curves for TensorBoard")
    parser.add_argument("--coordinator", metavar="HOST:PORT", help="be one of several processes; auto on a cluster")
    parser.add_argument("--processes", type=_positive, metavar="N", help="with --coordinator HOST:PORT")
    parser.add_argument("--process-id", type=int, metavar="I", help="with --coordinator HOST:PORT, from 0")


def recorded_command(argv: Sequence[str]) -> str:
    """The command as results keep it: folders are this machine's own business, so they appear as DIR."""
    words = list(argv)
    for i, word in enumerate(words):
        option, _, value = word.partition("=")
        if option in FOLDER_OPTIONS and value:
            words[i] = f"{option}=DIR"
        elif option in FOLDER_OPTIONS and i + 1 < len(words):
            words[i + 1] = "DIR"
    return shlex.join(["python", "-m", "experiments", *words])


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line; returns the exit code."""
    argv = sys.argv[1:] if argv is None else argv
    console = Console()
    try:
        arguments = make_parser().parse_args(argv)
        arguments.line = recorded_command(argv)
        command: Callable[[argparse.Namespace, Console], None] = arguments.command
        command(arguments, console)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as stop:
        print("interrupted: what was finished is kept; the same command with --resume goes on", file=sys.stderr)
        (number,) = stop.args or (signal.SIGINT,)
        return SIGNALLED + number
    return 0
