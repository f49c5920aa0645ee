"""Runs: what they are made of, one step, one epoch, evaluation."""

from jaxmlp.errors import check_count
from jaxmlp.training.evaluate import evaluate, evaluate_in_train_mode
from jaxmlp.training.full_data import full_data_norm_state
from jaxmlp.training.hyper import Hyper, check_hyper, hyper_of, hyper_values
from jaxmlp.training.net import Net
from jaxmlp.training.net_file import about_net, load_net, save_net
from jaxmlp.training.optimizers import OPTIMIZERS, Optimizer, OptimizerSpec
from jaxmlp.training.plateau import EarlyStop, Plateau
from jaxmlp.training.randomness import Stream, shuffled, stream_key
from jaxmlp.training.run import end_epoch, end_run, init_run, start_run, train_epoch
from jaxmlp.training.schedules import SCHEDULES, Clock, Schedule, ScheduleSpec
from jaxmlp.training.spec import DataSpec, EvalSpec, LossSpec, RunSpec, check_numbers
from jaxmlp.training.state import METRICS, RunState, Selection
from jaxmlp.training.step import TrainState, init_train_state, learning_rate, objective, train_step
from jaxmlp.training.trained import export_nnx, net_of, trained_net

__all__ = [
    "METRICS",
    "OPTIMIZERS",
    "SCHEDULES",
    "Clock",
    "DataSpec",
    "EarlyStop",
    "EvalSpec",
    "Hyper",
    "LossSpec",
    "Net",
    "Optimizer",
    "OptimizerSpec",
    "Plateau",
    "RunSpec",
    "RunState",
    "Schedule",
    "ScheduleSpec",
    "Selection",
    "Stream",
    "TrainState",
    "about_net",
    "check_count",
    "check_hyper",
    "check_numbers",
    "end_epoch",
    "end_run",
    "evaluate",
    "evaluate_in_train_mode",
    "export_nnx",
    "full_data_norm_state",
    "hyper_of",
    "hyper_values",
    "init_run",
    "init_train_state",
    "learning_rate",
    "load_net",
    "net_of",
    "objective",
    "save_net",
    "shuffled",
    "start_run",
    "stream_key",
    "train_epoch",
    "train_step",
    "trained_net",
]
