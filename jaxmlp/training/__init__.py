"""Runs: what they are made of, one step, one epoch, evaluation."""

from jaxmlp.training.evaluate import evaluate, evaluate_in_train_mode
from jaxmlp.training.full_data import full_data_norm_state
from jaxmlp.training.hyper import Hyper, check_hyper, hyper_values
from jaxmlp.training.optimizers import OPTIMIZERS
from jaxmlp.training.plateau import EarlyStop, Plateau
from jaxmlp.training.randomness import Stream, shuffled, stream_key
from jaxmlp.training.run import end_epoch, end_run, init_run, start_run, train_epoch
from jaxmlp.training.schedules import SCHEDULES
from jaxmlp.training.spec import (
    DataSpec,
    EvalSpec,
    LossSpec,
    OptimizerSpec,
    RunSpec,
    ScheduleSpec,
    check_count,
)
from jaxmlp.training.state import METRICS, RunState, Selection
from jaxmlp.training.step import TrainState, init_train_state, learning_rate, train_step
from jaxmlp.training.trained import TrainedNet, about_net, export_nnx, load_net, save_net, trained_net

__all__ = [
    "METRICS",
    "OPTIMIZERS",
    "SCHEDULES",
    "DataSpec",
    "EarlyStop",
    "EvalSpec",
    "Hyper",
    "LossSpec",
    "OptimizerSpec",
    "Plateau",
    "RunSpec",
    "RunState",
    "ScheduleSpec",
    "Selection",
    "Stream",
    "TrainState",
    "TrainedNet",
    "about_net",
    "check_count",
    "check_hyper",
    "end_epoch",
    "end_run",
    "evaluate",
    "evaluate_in_train_mode",
    "export_nnx",
    "full_data_norm_state",
    "hyper_values",
    "init_run",
    "init_train_state",
    "learning_rate",
    "load_net",
    "save_net",
    "shuffled",
    "start_run",
    "stream_key",
    "train_epoch",
    "train_step",
    "trained_net",
]
