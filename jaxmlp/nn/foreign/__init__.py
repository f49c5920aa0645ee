"""Nets from elsewhere as specs with their weights, and back to PyTorch's names.

    net = from_torch(module)         # an nn.Sequential of Linear, BatchNorm1d, LayerNorm, Dropout and activations
    net = from_sklearn(estimator)    # a fitted MLPClassifier or MLPRegressor
    net = from_nnx(module)           # a flax.nnx Sequential of Linear, BatchNorm, LayerNorm, Dropout and activations
    outputs, *_ = apply_mlp(net.params, net.norm_state, x, spec=net.spec, hyper=net.hyper, train=False)
    module.load_state_dict({name: torch.tensor(array) for name, array in to_torch(net.params, ...).items()})

All take the object itself: nothing is unpickled, and neither PyTorch nor scikit-learn is imported. What an `MLPSpec`
cannot express is refused, in one line that names it.
"""

from jaxmlp.nn.foreign.nnx_nets import from_nnx
from jaxmlp.nn.foreign.parts import ForeignNet
from jaxmlp.nn.foreign.sklearn_nets import from_sklearn
from jaxmlp.nn.foreign.torch_nets import from_torch, to_torch

__all__ = ["ForeignNet", "from_nnx", "from_sklearn", "from_torch", "to_torch"]
