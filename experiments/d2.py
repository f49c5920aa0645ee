"""What the experiments of D2 share: the names of its curves.

study.grid(spec, hyper, axes, name=d2_name)
"""

from jaxmlp.training import Hyper, RunSpec

# As its legends abbreviate them; what D2 does not have keeps its own name.
ACTIVATIONS = {"sigmoid": "Sig", "relu": "Relu", "gelu_tanh": "Gelu", "gelu_finite_difference": "GeluFD"}
LOSSES = {"euclidean": "Euc", "cross_entropy": "CE", "hinge": "Hinge"}


def d2_name(spec: RunSpec, hyper: Hyper) -> str:
    """D2's name of a curve, `{hidden}_{act}_{loss}_{lr}_{wd}_{bs}`: `1_Sig_Euc_0.01_0_100` (S-098, E-020).

    `hidden` counts hidden layers; a net without any has its activation in the name all the same. The weight decay is 0
    where the optimizer does not decay. `GeluFD` is GELU with D2's difference quotient, `Gelu` with its true derivative.
    """
    activation = ACTIVATIONS.get(spec.mlp.activation, spec.mlp.activation)
    loss = LOSSES.get(spec.loss.name, spec.loss.name)
    decay = hyper.weight_decay if spec.optimizer.decays else 0.0
    numbers = f"{hyper.learning_rate:g}_{decay:g}_{spec.data.batch_size}"
    return f"{spec.mlp.num_layers - 1}_{activation}_{loss}_{numbers}"
