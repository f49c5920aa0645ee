"""The command line: the tour, list, run, train, test, report, claims, publish, benchmark, docs.

    python -m experiments                    the tour on the built-in digits
    python -m experiments run NAME ...       one or more experiments

Every user error is one line on stderr and exit code 2; nothing has been written then.
"""

import sys
from collections.abc import Sequence

from experiments.lab import commands as do
from experiments.lab.commands import EXPERIMENT_RESULTS, MNIST_LIKE
from jaxmlp.cli.main import add_test, add_train
from jaxmlp.cli.options import add_study_options
from jaxmlp.cli.parsing import Parser, as_names, as_natural, as_path, as_positive, run_line


def make_experiments_parser() -> Parser:
    """The whole command line."""
    parser = Parser(
        prog="python -m experiments",
        description="Why an MLP trains or does not: rerun the experiments of five documents and judge their "
        "claims. Without a command: the tour, on the built-in digits, offline.",
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")

    add = commands.add_parser("list", help="every experiment: question, arms, runs, claims")
    add.set_defaults(command=do.list_experiments)

    add = commands.add_parser("run", help="train, judge and report one or more experiments")
    add.add_argument("names", nargs="+", metavar="NAME", help="see `list`")
    add.add_argument("--preset", default="quick", help="quick (default) or full, the documents' own size")
    add.add_argument("--seeds", type=as_positive, metavar="N", help="seeds 0 to N-1 for every arm")
    add.add_argument("--first-seed", type=as_natural, default=0, metavar="N", help="seeds count from N; default 0")
    add.add_argument("--epochs", type=as_positive, metavar="N")
    add.add_argument("--arms", type=as_names, metavar="A,B", help="only these arms; see `list`")
    add.add_argument("--dataset", default="digits", help=f"one of {', '.join(MNIST_LIKE)}; default digits")
    add.add_argument("--data-dir", type=as_path, metavar="DIR", help="folder of IDX files, plain or .gz")
    add.add_argument("--precision", help="float32, tf32 or bfloat16, of every arm; default: each arm's own, float32")
    add_study_options(add, out=EXPERIMENT_RESULTS, keep_params="none")
    add.set_defaults(command=do.run_named)

    add_train(commands)
    add_test(commands)

    add = commands.add_parser("report", help="rebuild verdicts, figures and report from saved results")
    add.add_argument(
        "out",
        type=as_path,
        nargs="?",
        metavar="OUT",
        help="the --out of a run, or one study in it; default: all published results, "
        f"into {do.EXPERIMENT_RESULTS}/published/",
    )
    add.set_defaults(command=do.report)

    add = commands.add_parser("claims", help="all claims: the published verdict, or why there is none")
    add.add_argument("ids", nargs="*", metavar="C-001", help="only these, with their amendments told whole")
    add.add_argument("--doc", metavar="D0", help="only this document's: D0 to D4")
    add.add_argument("--verdict", metavar="refuted", help="only those with this verdict, such as pending or not_tested")
    add.set_defaults(command=do.claims)

    add = commands.add_parser("publish", help="copy finished full studies into experiments/published/")
    add.add_argument(
        "out",
        type=as_path,
        nargs="?",
        metavar="OUT",
        help="the --out of runs, or one study in it; without it what is published is judged anew",
    )
    add.set_defaults(command=do.publish)

    add = commands.add_parser("benchmark", help="measure what jaxmlp costs here, and keep it for the README")
    add.add_argument(
        "name",
        help="startup (to a first step), rows (opening large results), speed (beside other "
        "libraries), floor (beside the machine's own products), probes (what watching costs), diagnosis (what "
        "`jaxmlp why` names), tuning (its other half), or faults (an hour of wrong input)",
    )
    add.add_argument("--rounds", type=as_positive, metavar="N", help="default 5; of diagnosis and tuning 1")
    add.set_defaults(command=do.benchmark)

    add = commands.add_parser("docs", help="renew the generated blocks and figures of README.md and docs/")
    add.set_defaults(command=do.renew_docs)

    parser.set_defaults(command=do.tour)
    return parser


def run_experiments_line(argv: Sequence[str] | None = None) -> int:
    """Run one command line; returns the exit code."""
    return run_line(make_experiments_parser(), sys.argv[1:] if argv is None else argv, ["python", "-m", "experiments"])
