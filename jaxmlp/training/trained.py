"""From a run to its net, and from a net to flax (S-090, S-102)."""

from typing import TYPE_CHECKING

from jaxmlp.training.hyper import Hyper, hyper_of, hyper_values
from jaxmlp.training.net import Net
from jaxmlp.training.spec import RunSpec
from jaxmlp.training.state import RunState

if TYPE_CHECKING:
    from jaxmlp.nn.modules import MLP


def net_of(run: RunState, *, spec: RunSpec, hyper: Hyper) -> Net:
    """The present net of a run, whatever its spec selects; its arrays may be traced, or those of lanes.

    >>> from jaxmlp import data, nn, training
    >>> spec, hyper = training.RunSpec(nn.MLPSpec((4, 3)), training.DataSpec(preprocessing="none")), training.Hyper()
    >>> run = training.start_run(0, data.load("iris"), spec=spec, hyper=hyper)
    >>> net_of(run, spec=spec, hyper=hyper).predict(data.load("iris").test_inputs).shape
    (30,)
    """
    return Net(run.train.params, run.train.norm_state, run.preprocessing, hyper, spec)


def trained_net(run: RunState, *, spec: RunSpec, hyper: Hyper) -> Net:
    """The selected model of one run (not of lanes): the best by validation if the spec keeps it, else the last.

    >>> from jaxmlp import data, nn, training
    >>> spec, hyper = training.RunSpec(nn.MLPSpec((4, 3)), training.DataSpec(preprocessing="none")), training.Hyper()
    >>> run = training.start_run(0, data.load("iris"), spec=spec, hyper=hyper)
    >>> trained_net(run, spec=spec, hyper=hyper).logits(data.load("iris").test_inputs).shape
    (30, 3)
    """
    return net_of(run.replace(train=run.selected), spec=spec, hyper=hyper_of(hyper_values(hyper)))


def export_nnx(net: Net) -> "MLP":
    """The net as a flax module with this package's rules, in evaluation mode; see `jaxmlp.nn.modules`.

    It takes *preprocessed* rows [B, I]: `net.preprocessed(images)`. `module.train()` goes on training, and
    `module.to_params()` brings the weights back.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from jaxmlp import nn, training
    >>> spec, hyper = training.RunSpec(nn.MLPSpec((4, 3))), training.Hyper()
    >>> net = training.Net(*nn.init_mlp(jax.random.key(0), spec.mlp, hyper), (), hyper, spec)
    >>> export_nnx(net)(jnp.ones((5, 4))).shape
    (5, 3)
    """
    from jaxmlp.nn.modules import MLP  # flax.nnx takes its time to load

    how = {"spec": net.spec.mlp, "hyper": net.hyper, "precision": net.spec.precision}
    module = MLP.from_params(net.params, net.norm_state, **how)
    module.eval()
    return module
