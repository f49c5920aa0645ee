"""Every experiment by name: adding one is adding its file and its line here."""

from experiments.activations import ACTIVATIONS_EXPERIMENT
from experiments.batch_size import BATCH_SIZE_EXPERIMENT
from experiments.d2_grid import D2_GRID_EXPERIMENT
from experiments.d4_batch_size import D4_BATCH_SIZE_EXPERIMENT
from experiments.depth import DEPTH_EXPERIMENT
from experiments.digits_demo import DIGITS_DEMO_EXPERIMENT
from experiments.gelu_kl import GELU_KL_EXPERIMENT
from experiments.hidden_activations import HIDDEN_ACTIVATIONS_EXPERIMENT
from experiments.initialization import INITIALIZATION_EXPERIMENT
from experiments.inside_d0 import INSIDE_D0_EXPERIMENT
from experiments.lab.base import Experiment
from experiments.laws import LAWS_EXPERIMENT
from experiments.learning_rate import LEARNING_RATE_EXPERIMENT
from experiments.losses import LOSSES_EXPERIMENT
from experiments.maxout import MAXOUT_EXPERIMENT
from experiments.network_size import NETWORK_SIZE_EXPERIMENT
from experiments.norms import NORMS_EXPERIMENT
from experiments.optimizers import OPTIMIZERS_EXPERIMENT
from experiments.precision import PRECISION_EXPERIMENT
from experiments.prediction_mode import PREDICTION_MODE_EXPERIMENT
from experiments.preprocessing import PREPROCESSING_EXPERIMENT
from experiments.reference_net import REFERENCE_NET_EXPERIMENT
from experiments.regularization import REGULARIZATION_EXPERIMENT
from experiments.two_layers import TWO_LAYERS_EXPERIMENT
from experiments.weight_decay import WEIGHT_DECAY_EXPERIMENT
from experiments.width_depth import WIDTH_DEPTH_EXPERIMENT
from experiments.xor import XOR_EXPERIMENT

EXPERIMENTS: dict[str, Experiment] = {
    experiment.name: experiment
    for experiment in (
        INITIALIZATION_EXPERIMENT,
        DEPTH_EXPERIMENT,
        PREPROCESSING_EXPERIMENT,
        HIDDEN_ACTIVATIONS_EXPERIMENT,
        NORMS_EXPERIMENT,
        PREDICTION_MODE_EXPERIMENT,
        D2_GRID_EXPERIMENT,
        LOSSES_EXPERIMENT,
        ACTIVATIONS_EXPERIMENT,
        TWO_LAYERS_EXPERIMENT,
        LEARNING_RATE_EXPERIMENT,
        WEIGHT_DECAY_EXPERIMENT,
        BATCH_SIZE_EXPERIMENT,
        WIDTH_DEPTH_EXPERIMENT,
        GELU_KL_EXPERIMENT,
        MAXOUT_EXPERIMENT,
        REGULARIZATION_EXPERIMENT,
        XOR_EXPERIMENT,
        REFERENCE_NET_EXPERIMENT,
        OPTIMIZERS_EXPERIMENT,
        D4_BATCH_SIZE_EXPERIMENT,
        NETWORK_SIZE_EXPERIMENT,
        DIGITS_DEMO_EXPERIMENT,
        PRECISION_EXPERIMENT,
        LAWS_EXPERIMENT,
        INSIDE_D0_EXPERIMENT,
    )
}

TOUR = ("initialization",)
"""What `python -m experiments` runs, on the digits."""
