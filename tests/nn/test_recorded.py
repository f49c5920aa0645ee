"""S-120: training keeps every layer's input, prediction keeps none. JAX's switch is whether one differentiates."""

import jax
import jax.numpy as jnp
import pytest

from jaxmlp.nn import MLPSpec, NetHyper, apply_mlp, init_mlp

BATCH, WIDTH = 512, 64


def net_of(depth):
    spec = MLPSpec((WIDTH,) * (depth + 1), activation="tanh")
    params, state = init_mlp(jax.random.key(0), spec, NetHyper())

    def loss(params, x, train):
        return jnp.sum(apply_mlp(params, state, x, spec=spec, hyper=NetHyper(), train=train)[0])

    return params, loss


def kept_bytes(depth):
    """What the forward pass of a training step hands to its backward pass, beside the parameters."""
    params, loss = net_of(depth)
    x = jnp.ones((BATCH, WIDTH))
    back = jax.vjp(lambda params: loss(params, x, True), params)[1]
    return sum(leaf.nbytes for leaf in jax.tree.leaves(back) if leaf.shape == (BATCH, WIDTH))


def live_bytes(depth, *, training):
    """Of the compiled program, what it holds beside its inputs and outputs."""
    params, loss = net_of(depth)
    program = jax.grad(loss) if training else loss
    lowered = jax.jit(program, static_argnums=2).lower(params, jnp.ones((BATCH, WIDTH)), training)
    return lowered.compile().memory_analysis().temp_size_in_bytes


def test_training_keeps_the_input_of_every_linear():
    """B·I floats for each, and as many for tanh's derivative."""
    one = 4 * BATCH * WIDTH
    assert kept_bytes(6) - kept_bytes(3) == 3 * 2 * one


def test_a_prediction_holds_no_more_for_a_deeper_net():
    one = 4 * BATCH * WIDTH
    assert live_bytes(12, training=False) - live_bytes(6, training=False) < one
    assert live_bytes(12, training=True) - live_bytes(6, training=True) > 5 * one
    assert live_bytes(12, training=False) < 4 * one


@pytest.mark.parity
def test_torch_keeps_them_too_unless_told_not_to():
    torch = pytest.importorskip("torch", reason="torch comes with the extra bench")
    parts = [part for _ in range(5) for part in (torch.nn.Linear(WIDTH, WIDTH), torch.nn.Tanh())]
    module = torch.nn.Sequential(*parts, torch.nn.Linear(WIDTH, WIDTH))

    def kept():
        found = {}
        note = lambda tensor: found.setdefault(tensor.data_ptr(), tensor) is None or tensor
        with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
            module(torch.ones(BATCH, WIDTH))
        return sum(t.nbytes for t in found.values() if t.shape == (BATCH, WIDTH))

    # A tanh keeps its output, which is the next linear's input: one array for both.
    assert kept() == 6 * 4 * BATCH * WIDTH
    with torch.no_grad():
        assert kept() == 0
