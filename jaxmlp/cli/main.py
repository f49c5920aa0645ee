"""The command line of `jaxmlp`: check, train, why, test, predict.

jaxmlp check iris.csv --target kind
jaxmlp train iris.csv --target kind
jaxmlp why iris.csv --target kind --activation sigmoid
jaxmlp predict results/own/net.safetensors new.csv
"""

import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from jaxmlp import __version__
from jaxmlp.cli import checking, training, using
from jaxmlp.cli.options import add_data_options, add_run_options, add_study_options
from jaxmlp.cli.parsing import Parser, as_natural, as_path, as_positive, run_line, run_program
from jaxmlp.cli.why import WHY_BUDGET, WHY_SEEDS, tell_why


def make_parser() -> Parser:
    """The whole command line."""
    parser = Parser(
        prog="jaxmlp", description="Train an MLP on your own data, with many seeds, and see how sure the answer is."
    )
    parser.add_argument("--version", action="version", version=f"jaxmlp {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    add_check(commands)
    add_train(commands)
    add_why(commands)
    add_test(commands)
    add_predict(commands)
    return parser


def add_check(commands: Any) -> None:
    """`check`."""
    add = commands.add_parser(
        "check", help="look at a net and its data before training; exit code 1 where a check fails"
    )
    add_data_options(add)
    add_run_options(add)
    add.add_argument("--seed", type=as_natural, default=0, metavar="N", help="whose start is looked at; default 0")
    add.set_defaults(command=checking.report_check)


def add_train(commands: Any) -> None:
    """`train`."""
    add = commands.add_parser("train", help="train a net on your own data; results in OUT/own/")
    add_data_options(add)
    add_run_options(add)
    add.add_argument(
        "--seeds",
        type=as_positive,
        metavar="N",
        help=f"nets trained, seeds 0 to N-1; default {training.TRAINING_SEEDS}",
    )
    add_study_options(add, out=training.TRAINING_RESULTS, keep_params="best")
    add.set_defaults(command=training.train)


def add_why(commands: Any) -> None:
    """`why`."""
    add = commands.add_parser("why", help="why a net does not train, and what repairs it; page in OUT/why/")
    add_data_options(add)
    add_run_options(add)
    add.add_argument(
        "--seeds", type=as_positive, metavar="N", help=f"nets that judge each repair, at least 12; default {WHY_SEEDS}"
    )
    add.add_argument(
        "--budget",
        type=float,
        default=WHY_BUDGET,
        metavar="SECONDS",
        help=f"time for the answer; default {WHY_BUDGET:g}",
    )
    add.add_argument("--out", type=as_path, default=training.TRAINING_RESULTS, metavar="DIR", help="default results/")
    add.set_defaults(command=tell_why)


def add_test(commands: Any) -> None:
    """`test`."""
    add = commands.add_parser("test", help="test a saved net; of images, draw what it predicts for ten")
    add.add_argument("net", type=as_path, metavar="NET.safetensors")
    add_data_options(add)
    add.add_argument("--seed", type=as_natural, default=0, metavar="N", help="draws which ten images; default 0")
    add.add_argument("--out", type=as_path, metavar="FILE.svg", help="the picture; default: beside the net")
    add.set_defaults(command=using.test_net)


def add_predict(commands: Any) -> None:
    """`predict`."""
    add = commands.add_parser("predict", help="what a saved net says about new rows, to a CSV")
    add.add_argument("net", type=as_path, metavar="NET.safetensors")
    add.add_argument("data", type=as_path, metavar="DATA", help=".csv or .parquet with the inputs' columns, or .npy")
    add.add_argument("--out", type=as_path, metavar="FILE.csv", help="default: DATA.predictions.csv here")
    add.set_defaults(command=using.predict)


def run_jaxmlp_line(argv: Sequence[str] | None = None) -> int:
    """Run one command line; returns the exit code."""
    return run_line(make_parser(), sys.argv[1:] if argv is None else argv, ["jaxmlp"])


def entry() -> NoReturn:
    """The installed command."""
    run_program(run_jaxmlp_line)
