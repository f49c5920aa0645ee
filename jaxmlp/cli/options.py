"""Every option of a run, by the name that the command line and a spec file have for it.

A table that is written out, so that `--help` and mistakes need not wait for JAX; a test compares it with the specs.
"""

import argparse
import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jaxmlp.cli.parsing import Parser, as_names, as_path, as_positive
from jaxmlp.errors import InputError


class Option(NamedTuple):
    """One setting of a run."""

    name: str
    """In a spec file; the command line has hyphens for its underscores."""
    path: str
    """The field of `RunSpec` that it sets, or `hyper.` and the field of `Hyper`."""
    default: Any
    """Its type is the option's; None stands for a whole number that need not be given."""
    help: str


OPTIONS = (
    Option("activation", "mlp.activation", "relu", "of hidden layers"),
    Option("maxout_pieces", "mlp.maxout_pieces", 2, "maps of a maxout unit"),
    Option("norm", "mlp.norm", "none", "none, batch_norm or layer_norm"),
    Option("norm_position", "mlp.norm_position", "post_activation", "post_activation or pre_activation"),
    Option("residual", "mlp.residual", "none", "none, d0, d0_identity or block"),
    Option("bias", "mlp.bias", True, "biases in the linear layers"),
    Option("bias_into_norm", "mlp.bias_into_norm", False, "biases of linears straight before a batch norm too"),
    Option("dropout", "mlp.dropout", "none", "none, inverted or keep_probability"),
    Option("dropout_rate", "hyper.dropout_rate", 0.0, "share of units dropped; above 0 turns dropout on"),
    Option("initializer", "mlp.initializer", "he_normal", "what weights start as"),
    Option("output", "mlp.output", "none", "activation at the output: none, sigmoid, tanh, softmax or relu"),
    Option("init_gain", "hyper.init_gain", 1.0, "multiplies every weight's start"),
    Option("split", "data.split", "random_fifth", "which rows are for validation; default: what suits the data"),
    Option("preprocessing", "data.preprocessing", "unit", "of inputs; default: unit for images, else none"),
    Option("batch_size", "data.batch_size", 64, "rows of a step; default 64, and fewer for a small table"),
    Option("shuffle", "data.shuffle", True, "a new order every epoch"),
    Option("train_size", "data.train_size", None, "use only so many rows of the training part"),
    Option("loss", "loss.name", "cross_entropy", "what is minimized; default cross_entropy, of numbers squared_error"),
    Option("class_weights", "loss.class_weights", "none", "none or balanced: every class counts alike"),
    Option("penalty", "loss.penalty", "none", "of the weights: none, l1, l2 or l2_norm"),
    Option("penalize_biases", "loss.penalize_biases", False, "the penalty takes in biases"),
    Option("penalty_strength", "hyper.penalty", 1e-4, "of the penalty"),
    Option("smoothing", "hyper.smoothing", 0.1, "of losses with smoothed targets"),
    Option("margin", "hyper.margin", 5.0, "of hinge losses"),
    Option("optimizer", "optimizer.name", "adam", "the update rule"),
    Option("learning_rate", "hyper.learning_rate", 1e-3, "of the optimizer"),
    Option("weight_decay", "hyper.weight_decay", 1e-4, "strength of weight decay, and turns it on"),
    Option("decay_biases", "optimizer.decay_biases", False, "weight decay takes in biases"),
    Option("clip_norm", "hyper.clip_norm", 1.0, "largest norm of the gradient, and turns clipping on"),
    Option("momentum", "hyper.momentum", 0.9, "of the momentum rules"),
    Option("beta1", "hyper.beta1", 0.9, "of Adam"),
    Option("beta2", "hyper.beta2", 0.999, "of Adam"),
    Option("adam_eps", "hyper.adam_eps", 1e-8, "of Adam"),
    Option("cache_eps", "hyper.cache_eps", 1e-7, "of AdaGrad, RMSProp and Adam without bias correction"),
    Option("rmsprop_decay", "hyper.rmsprop_decay", 0.9, "of RMSProp"),
    Option("schedule", "schedule.name", "constant", "how the learning rate moves"),
    Option("decay_every", "schedule.decay_every", 2, "epochs from cut to cut of a step decay"),
    Option("decay_factor", "hyper.decay_factor", 0.5, "of a step decay"),
    Option("warmup_epochs", "schedule.warmup_epochs", 0, "epochs of a linear rise"),
    Option("plateau", "schedule.plateau", False, "cut the rate when the validation loss stands still"),
    Option("plateau_factor", "hyper.plateau_factor", 0.1, "of such a cut"),
    Option("plateau_patience", "hyper.plateau_patience", 3.0, "bad epochs before such a cut"),
    Option("plateau_threshold", "hyper.plateau_threshold", 1e-4, "share by which the loss must fall"),
    Option("selection", "evaluation.selection", "best_validation", "the model that is tested, or last"),
    Option("train_subset", "evaluation.train_subset", None, "rows that the training score is measured on"),
    Option("evaluation_batch_size", "evaluation.batch_size", 1000, "rows evaluated at once"),
    Option("early_stopping", "evaluation.early_stopping", False, "end when the validation loss no longer falls"),
    Option("stop_on", "evaluation.stop_on", "loss", "what early stopping watches: loss or error"),
    Option("stop_patience", "hyper.stop_patience", 5.0, "epochs without a lower loss that end a run"),
    Option("validation", "evaluation.validation", "running", "running or d4_shipped"),
    Option("log_every", "evaluation.log_every", None, "log the loss of every so many steps"),
    Option("test_every_epoch", "evaluation.test_every_epoch", False, "test after every epoch"),
    Option("leaky_slope", "hyper.leaky_slope", 0.01, "of leaky ReLU"),
    Option("prelu_slope", "hyper.prelu_slope", 0.25, "where PReLU's slopes start"),
    Option("elu_alpha", "hyper.elu_alpha", 1.0, "of ELU"),
    Option("norm_eps", "hyper.norm_eps", 1e-5, "of norms"),
    Option("norm_momentum", "hyper.norm_momentum", 0.1, "of running statistics"),
    Option("running_var_start", "hyper.running_var_start", 1.0, "running variance before training"),
    Option("epochs", "epochs", 15, "passes over the training part; default 10, and more for a small table"),
    Option("precision", "precision", "float32", "float32, tf32 or bfloat16"),
    Option("backward", "backward", "manual", "hand-written backward rules, or autodiff"),
)
IMPLIED = {"optimizer.weight_decay": "weight_decay", "optimizer.clip": "clip_norm"}
"""Switches of a spec that an option turns on by being given."""
IN_PYTHON = ("interventions", "optimizer.hold_second_moment")
"""What changes a run in mid-training is set in Python alone: it is no single value."""
DATA_OPTIONS = ("data", "target", "drop", "test", "task", "classes", "holdout", "groups", "text")
"""What says which data; `data` is a name, file or folder."""
LAYOUT_OPTIONS = ("lanes", "strategy")
"""How runs go side by side, which the last bits of their numbers depend on."""
BY_NAME = {option.name: option for option in OPTIONS}


def add_run_options(parser: Parser) -> None:
    """`--widths`, every one of `OPTIONS`, `--spec` and `--compare`."""
    group = parser.add_argument_group("net and training")
    group.add_argument(
        "--widths", metavar="H,H", help="of hidden layers, or from inputs to outputs; default one hidden layer of 100"
    )
    for option in OPTIONS:
        flag = f"--{option.name.replace('_', '-')}"
        told = "" if "default" in option.help or option.default is None else f"; default {_shown(option.default)}"
        if isinstance(option.default, bool):
            group.add_argument(flag, action=argparse.BooleanOptionalAction, default=None, help=f"{option.help}{told}")
        else:
            group.add_argument(flag, type=type_of(option), metavar=_metavar(option), help=f"{option.help}{told}")
    group.add_argument("--spec", type=as_path, metavar="FILE.toml", help="take options from this file; those given win")
    group.add_argument("--compare", metavar="OPTION=A,B", help="train a net for each value, and print the differences")


def add_data_options(parser: Parser) -> None:
    """What says which data."""
    group = parser.add_argument_group("data")
    group.add_argument(
        "data", nargs="?", metavar="DATA", help=".csv, .parquet, .npz, .npy, a folder of IDX files, or tfds:NAME"
    )
    group.add_argument("--dataset", metavar="NAME", help="a set that is known by name; default digits")
    group.add_argument("--data-dir", type=as_path, metavar="DIR", help="a named set's IDX files, plain or .gz")
    group.add_argument("--target", metavar="COLUMN", help="the column to predict; several with commas between")
    group.add_argument("--drop", type=as_names, metavar="A,B", help="columns that are no inputs")
    group.add_argument("--test", metavar="FILE", help="the test part, or its share of the rows; default a fifth")
    group.add_argument("--task", help="classes or numbers; default: what the target looks like")
    group.add_argument("--classes", type=as_names, metavar="A,B", help="names of the classes in their order")
    group.add_argument("--holdout", help="how the test part is drawn: random, stratified, grouped or time")
    group.add_argument("--groups", metavar="COLUMN", help="rows of one value stay in one part")
    group.add_argument("--text", help="text columns: refuse (default) or one_hot")


def add_study_options(parser: Parser, *, out: Path, keep_params: str) -> None:
    """What every command that trains a study takes."""
    group = parser.add_argument_group("study")
    group.add_argument("--out", type=as_path, default=out, metavar="DIR", help=f"default {out}/")
    group.add_argument("--resume", action="store_true", help="continue a study: train only what is missing")
    group.add_argument("--lanes", type=as_positive, metavar="W", help="runs trained side by side in one block")
    group.add_argument("--strategy", help="vmap or map: how a block goes through its lanes; default: what is faster")
    group.add_argument("--checkpoint-minutes", type=float, default=5.0, metavar="M", help="default 5")
    group.add_argument(
        "--keep-params", default=keep_params, help=f"none, best or last: trained nets to keep; default {keep_params}"
    )
    group.add_argument("--log-dir", type=as_path, metavar="DIR", help="write curves for TensorBoard")
    group.add_argument("--coordinator", metavar="HOST:PORT", help="be one of several processes; auto on a cluster")
    group.add_argument("--processes", type=as_positive, metavar="N", help="with --coordinator HOST:PORT")
    group.add_argument("--process-id", type=int, metavar="I", help="with --coordinator HOST:PORT, from 0")


def study_options(arguments: argparse.Namespace) -> dict[str, Any]:
    """What `study.run` takes as it is."""
    taken = ("resume", "lanes", "strategy", "checkpoint_minutes", "keep_params", "log_dir")
    return {name: getattr(arguments, name) for name in taken}


def join_processes(arguments: argparse.Namespace) -> None:
    """Meet the other processes of this study, where there are any; before anything else uses jax."""
    from jaxmlp.study import processes

    given = {"num_processes": arguments.processes, "process_id": arguments.process_id}
    if arguments.coordinator is not None:
        processes.join(arguments.coordinator, **given)
    elif any(number is not None for number in given.values()):
        raise InputError("--processes and --process-id need --coordinator HOST:PORT")


def type_of(option: Option) -> type:
    """What an option's words are read as."""
    return int if option.default is None else type(option.default)


def parse_value(option: Option, text: str) -> Any:
    """A value of an option from a word of the command line.

    Raises:
        InputError: no value of its type.
    """
    kind = type_of(option)
    if kind is bool:
        if text.lower() not in ("true", "false"):
            raise InputError(f"{option.name} is {text!r}: give true or false")
        return text.lower() == "true"
    try:
        return kind(text)
    except ValueError:
        raise InputError(f"{option.name} is {text!r}: give {'a whole' if kind is int else 'a'} number") from None


def split_comparison(text: str) -> tuple[str, str]:
    """(option's name, its values) of what `--compare` was given.

    >>> split_comparison("--learning-rate=0.1,1e-3")
    ('learning_rate', '0.1,1e-3')
    """
    name, _, listed = text.partition("=")
    return name.strip().lstrip("-").replace("-", "_"), listed


def parse_widths(text: str) -> tuple[int, ...]:
    """Widths from "100,50"; raises `InputError` where they are not integers."""
    try:
        return tuple(int(width) for width in text.split(",") if width)
    except ValueError:
        raise InputError(f"widths {text!r}: give integers, such as 100,50 for two hidden layers") from None


def known_names() -> Sequence[str]:
    """Every name that a spec file may use."""
    return (*DATA_OPTIONS, "data_dir", "widths", *BY_NAME, "seeds", "compare", *LAYOUT_OPTIONS)


def close_name(name: str, known: Sequence[str]) -> str:
    """What somebody may have meant, for the end of an error; "" where nothing is near."""
    near = difflib.get_close_matches(name, known, n=1)
    return f": did you mean {near[0]}?" if near else ""


def _metavar(option: Option) -> str:
    return {int: "N", float: "X", str: "NAME"}[type_of(option)]


def _shown(default: Any) -> str:
    if isinstance(default, bool):
        return "on" if default else "off"
    return f"{default:g}" if isinstance(default, float) else str(default)
