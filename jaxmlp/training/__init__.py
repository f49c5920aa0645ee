"""Runs: what they are made of, one step, one epoch, evaluation."""

from jaxmlp.errors import check_count
from jaxmlp.training.evaluation import evaluate, evaluate_in_train_mode
from jaxmlp.training.full_data import full_data_norm_state
from jaxmlp.training.hyper import Hyper, check_hyper, hyper_of, hyper_values
from jaxmlp.training.interventions import (
    INTERVENTIONS,
    ClipFrom,
    FreezeSecondMoment,
    Intervention,
    ResetMoments,
    ScaleRate,
    SetNumbers,
)
from jaxmlp.training.net import Net
from jaxmlp.training.net_file import about_net, load_net, save_net
from jaxmlp.training.optimizers import OPTIMIZERS, Optimizer, OptimizerSpec
from jaxmlp.training.plateau import EarlyStop, Plateau
from jaxmlp.training.randomness import Stream, shuffled, stream_key
from jaxmlp.training.run import Batch, end_epoch, end_run, init_run, next_batch, start_run, train_epoch
from jaxmlp.training.run_phases import Phase, check_interventions, intervene, phases
from jaxmlp.training.schedules import SCHEDULES, Clock, Schedule, ScheduleSpec, optax_schedule
from jaxmlp.training.score import balanced_weights, check_task, outputs_of, r2_score
from jaxmlp.training.spec import CLASS_WEIGHTS, DataSpec, EvalSpec, LossSpec, RunSpec, check_numbers
from jaxmlp.training.state import METRICS, SCORES, RunState, RunStatus, Selection, metrics_of, score_column
from jaxmlp.training.step import TrainState, init_train_state, learning_rate, objective, train_step
from jaxmlp.training.trained import export_nnx, net_of, trained_net

__all__ = [
    "CLASS_WEIGHTS",
    "INTERVENTIONS",
    "METRICS",
    "OPTIMIZERS",
    "SCHEDULES",
    "SCORES",
    "Batch",
    "ClipFrom",
    "Clock",
    "DataSpec",
    "EarlyStop",
    "EvalSpec",
    "FreezeSecondMoment",
    "Hyper",
    "Intervention",
    "LossSpec",
    "Net",
    "Optimizer",
    "OptimizerSpec",
    "Phase",
    "Plateau",
    "ResetMoments",
    "RunSpec",
    "RunState",
    "RunStatus",
    "ScaleRate",
    "Schedule",
    "ScheduleSpec",
    "Selection",
    "SetNumbers",
    "Stream",
    "TrainState",
    "about_net",
    "balanced_weights",
    "check_count",
    "check_hyper",
    "check_interventions",
    "check_numbers",
    "check_task",
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
    "intervene",
    "learning_rate",
    "load_net",
    "metrics_of",
    "net_of",
    "next_batch",
    "objective",
    "optax_schedule",
    "outputs_of",
    "phases",
    "r2_score",
    "save_net",
    "score_column",
    "shuffled",
    "start_run",
    "stream_key",
    "train_epoch",
    "train_step",
    "trained_net",
]
