"""Every experiment by name: adding one is adding its file and its line here."""

from experiments.activations import ACTIVATIONS
from experiments.batch_size import BATCH_SIZE
from experiments.d2_grid import D2_GRID
from experiments.d4_batch_size import D4_BATCH_SIZE
from experiments.depth import DEPTH
from experiments.digits_demo import DIGITS_DEMO
from experiments.gelu_kl import GELU_KL
from experiments.hidden_activations import HIDDEN_ACTIVATIONS
from experiments.initialization import INITIALIZATION
from experiments.lab.base import Experiment
from experiments.learning_rate import LEARNING_RATE
from experiments.losses import LOSSES
from experiments.maxout import MAXOUT
from experiments.network_size import NETWORK_SIZE
from experiments.norms import NORMS
from experiments.optimizers import OPTIMIZERS
from experiments.precision import PRECISION
from experiments.prediction_mode import PREDICTION_MODE
from experiments.preprocessing import PREPROCESSING
from experiments.reference_net import REFERENCE_NET
from experiments.regularization import REGULARIZATION
from experiments.two_layers import TWO_LAYERS
from experiments.weight_decay import WEIGHT_DECAY
from experiments.width_depth import WIDTH_DEPTH
from experiments.xor import XOR

EXPERIMENTS: dict[str, Experiment] = {
    experiment.name: experiment
    for experiment in (
        INITIALIZATION,
        DEPTH,
        PREPROCESSING,
        HIDDEN_ACTIVATIONS,
        NORMS,
        PREDICTION_MODE,
        D2_GRID,
        LOSSES,
        ACTIVATIONS,
        TWO_LAYERS,
        LEARNING_RATE,
        WEIGHT_DECAY,
        BATCH_SIZE,
        WIDTH_DEPTH,
        GELU_KL,
        MAXOUT,
        REGULARIZATION,
        XOR,
        REFERENCE_NET,
        OPTIMIZERS,
        D4_BATCH_SIZE,
        NETWORK_SIZE,
        DIGITS_DEMO,
        PRECISION,
    )
}

TOUR = ("initialization",)
"""What `python -m experiments` runs, on the digits."""
