"""Norms of weight, gradient and update: against PyTorch's, a closed form, and what the next step really does."""

from functools import partial

import jax
import numpy as np
import pytest

from jaxmlp import data
from jaxmlp.nn import MLPSpec
from jaxmlp.probes import GradientNorms
from jaxmlp.training import (
    DataSpec,
    Hyper,
    LossSpec,
    OptimizerSpec,
    RunSpec,
    next_batch,
    objective,
    start_run,
    train_epoch,
)

BATCH, STEPS = 20, 3


@pytest.fixture(scope="module")
def digits():
    return jax.device_put(data.load("digits"))


def make_spec(widths=(64, 9, 7, 10), optimizer="sgd", loss=None, shuffle=True, **net):
    data_spec = DataSpec(batch_size=BATCH, train_size=BATCH * STEPS, shuffle=shuffle)
    return RunSpec(
        MLPSpec(widths, **net),
        data=data_spec,
        optimizer=OptimizerSpec(optimizer),
        loss=loss or LossSpec(),
        epochs=2,
    )


def trained(digits, spec, hyper, steps):
    """A run after so many steps, never measured."""
    run = start_run(0, digits, spec=spec, hyper=hyper)
    for epoch in range(1, steps // STEPS + 1):
        run = train_epoch(run, digits, spec=spec, hyper=hyper, epoch=epoch)
    return train_epoch(run, digits, spec=spec, hyper=hyper, epoch=steps // STEPS + 1, count=steps % STEPS)


def seen(run, digits, spec, hyper):
    memory, values = jax.jit(partial(GradientNorms().observe, spec=spec))((), run, digits, hyper=hyper)
    assert memory == ()
    return values


NETS = {
    "plain": {},
    "batch norm": {"norm": "batch_norm"},
    "residual": {"widths": (64, 9, 9, 9, 10), "residual": "block", "norm": "batch_norm"},
    "dropout": {"dropout": "inverted"},
    "l2, Adam": {"optimizer": "adam", "loss": LossSpec(penalty="l2")},
}


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("steps", [0, 4])
def test_the_update_is_what_the_next_step_does(digits, net, steps):
    """Of the same run, one step later: order of the data, dropout's masks, penalty and moments included."""
    spec, hyper = make_spec(**NETS[net]), Hyper(learning_rate=0.1, penalty=0.01, dropout_rate=0.5)
    run = trained(digits, spec, hyper, steps)
    after = train_epoch(run, digits, spec=spec, hyper=hyper, epoch=steps // STEPS + 1, first=steps % STEPS, count=1)
    values = seen(run, digits, spec, hyper)
    for layer, (old, new) in enumerate(zip(run.train.params, after.train.params, strict=True)):
        weight, moved = (np.asarray(params["weight"], np.float64) for params in (old, new))
        np.testing.assert_allclose(values["weight_norm"][layer], np.linalg.norm(weight), rtol=1e-5)
        np.testing.assert_allclose(values["update_norm"][layer], np.linalg.norm(moved - weight), rtol=1e-4)
    if "optimizer" not in NETS[net]:  # θ ← θ − η g
        np.testing.assert_allclose(values["gradient_norm"], values["update_norm"] / 0.1, rtol=1e-4)


def test_a_linear_net_s_gradient_is_the_closed_form(digits):
    """Cross-entropy of z = x Wᵀ + b: ∂L/∂W = (softmax(z) − one-hot)ᵀ x / B, in NumPy, of the rows it says it reads."""
    spec, hyper = make_spec((64, 10), shuffle=False, initializer="randn"), Hyper(learning_rate=0.1)
    run = trained(digits, spec, hyper, 4)
    rows = np.asarray(run.train_index)[BATCH : 2 * BATCH]  # the second batch of the second epoch, in the data's order
    x = np.asarray(digits.train_inputs, np.float64)[rows] / 255
    labels = np.asarray(digits.train_targets)[rows]
    layer = {name: np.asarray(value, np.float64) for name, value in run.train.params[0].items()}
    z = x @ layer["weight"].T + layer["bias"]
    p = np.exp(z - z.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    p[np.arange(BATCH), labels] -= 1
    values = seen(run, digits, spec, hyper)
    np.testing.assert_allclose(values["gradient_norm"], [np.linalg.norm(p.T @ x / BATCH)], rtol=1e-4)


@pytest.mark.parity
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_gradients_are_those_of_pytorch_s_hooks(x64, digits, activation):
    """On the same weights and batch, in float64: what `register_hook` of each weight is handed."""
    torch = pytest.importorskip("torch")
    spec, hyper = make_spec(activation=activation), Hyper(learning_rate=0.1)
    digits = digits.replace(train_targets=digits.train_targets.astype(int))  # with 64 bits argmax gives 64 bits
    run = start_run(0, digits, spec=spec, hyper=hyper)
    batch = next_batch(run, digits, spec=spec, hyper=hyper)
    norms = {}
    x = torch.from_numpy(np.array(batch.x, np.float64))
    for i, layer in enumerate(run.train.params):
        weight, bias = (torch.from_numpy(np.array(layer[name], np.float64)) for name in ("weight", "bias"))
        weight.requires_grad_()
        weight.register_hook(lambda gradient, i=i: norms.__setitem__(i, float(gradient.norm())))
        x = torch.nn.functional.linear(x, weight, bias)
        x = getattr(torch, activation)(x) if i < len(run.train.params) - 1 else x
    torch.nn.functional.cross_entropy(x, torch.from_numpy(np.array(batch.labels, np.int64))).backward()
    values = seen(run, digits, spec, hyper)
    np.testing.assert_allclose(values["gradient_norm"], [norms[i] for i in range(3)], rtol=1e-9)


def test_the_next_batch_is_the_one_that_is_trained_on(digits):
    """A step of SGD on it by hand leaves the run's parameters of one step later."""
    spec, hyper = make_spec(), Hyper(learning_rate=0.1)
    for steps in (0, 2, 5):
        run = trained(digits, spec, hyper, steps)
        batch = next_batch(run, digits, spec=spec, hyper=hyper)
        loss = partial(objective, spec=spec, hyper=hyper, key=batch.key)
        gradient, _ = jax.grad(loss, has_aux=True)(run.train.params, run.train.norm_state, batch.x, batch.labels)
        by_hand = jax.tree.map(lambda p, g: p - 0.1 * g, run.train.params, gradient)
        after = train_epoch(run, digits, spec=spec, hyper=hyper, epoch=steps // STEPS + 1, first=steps % STEPS, count=1)
        jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-6), after.train.params, by_hand)
