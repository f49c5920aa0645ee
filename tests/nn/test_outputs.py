"""S-117: activations at the output, their derivatives three ways, and the tell-tale of a softmax before a loss."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from scipy.special import expit, softmax

from jaxmlp.errors import InputError
from jaxmlp.nn import (
    OUTPUTS,
    MLPSpec,
    NetHyper,
    apply_mlp,
    cross_entropy,
    init_mlp,
    losses_of,
    predicted_classes,
    softmaxed_loss_floor,
)

Z, G = np.random.default_rng(0).normal(size=(2, 5, 4), scale=2.0)
P = softmax(Z, axis=1)
BY_HAND = {
    "none": (Z, G),
    "sigmoid": (expit(Z), G * expit(Z) * (1 - expit(Z))),
    "tanh": (np.tanh(Z), G * (1 - np.tanh(Z) ** 2)),
    "softmax": (P, P * (G - (G * P).sum(axis=1, keepdims=True))),
    "relu": (np.maximum(Z, 0), G * (Z > 0)),
}


def net_of(output, widths=(3, 6, 4), seed=0):
    spec = MLPSpec(widths, output=output, initializer="randn")
    return spec, *init_mlp(jax.random.key(seed), spec, NetHyper())


def outputs_of(spec, params, state, x):
    return apply_mlp(params, state, x, spec=spec, hyper=NetHyper(), train=True)[0]


@pytest.mark.parametrize("name", OUTPUTS)
def test_outputs_are_the_formula_of_the_logits_and_so_is_their_derivative(x64, name):
    """A net of one layer with the identity for its weight: its logits are its inputs."""
    spec = MLPSpec((4, 4), output=name)
    params = ({"weight": jnp.eye(4), "bias": jnp.zeros(4)},)
    of = lambda z: outputs_of(spec, params, ({},), z)
    outputs, back = jax.vjp(of, jnp.asarray(Z))
    np.testing.assert_allclose(outputs, BY_HAND[name][0], rtol=1e-12)
    np.testing.assert_allclose(back(jnp.asarray(G))[0], BY_HAND[name][1], rtol=1e-11, atol=1e-13)
    check_grads(of, (jnp.asarray(Z),), 1, modes=("rev",), rtol=1e-5, atol=1e-7)


@pytest.mark.parity
@pytest.mark.parametrize("name", OUTPUTS)
def test_outputs_and_derivatives_are_torch_s(x64, name):
    torch = pytest.importorskip("torch", reason="torch comes with the extra bench")
    modules = {"none": torch.nn.Identity(), "sigmoid": torch.nn.Sigmoid(), "tanh": torch.nn.Tanh()}
    modules |= {"softmax": torch.nn.Softmax(dim=1), "relu": torch.nn.ReLU()}
    z = torch.tensor(Z, requires_grad=True)
    y = modules[name](z)
    y.backward(torch.tensor(G))
    output = OUTPUTS[name] or (lambda z: z)
    ours, back = jax.vjp(output, jnp.asarray(Z))
    np.testing.assert_allclose(ours, y.detach().numpy(), rtol=1e-12)
    np.testing.assert_allclose(back(jnp.asarray(G))[0], z.grad.numpy(), rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("name", OUTPUTS)
def test_a_net_s_outputs_are_its_logits_put_through(name):
    """The taps stay what the linears give, in training and in prediction."""
    x = jnp.asarray(np.random.default_rng(1).normal(size=(7, 3)), jnp.float32)
    spec, params, state = net_of(name)
    bare = apply_mlp(params, state, x, spec=net_of("none")[0], hyper=NetHyper(), train=False)
    outputs, _, taps = apply_mlp(params, state, x, spec=spec, hyper=NetHyper(), train=False)
    np.testing.assert_array_equal(outputs, (OUTPUTS[name] or jnp.asarray)(bare[0]))
    np.testing.assert_array_equal(taps.linear[-1], bare[0])
    np.testing.assert_allclose(outputs_of(spec, params, state, x), outputs, rtol=1e-6)


@pytest.mark.parametrize("classes", [2, 10, 62])
def test_no_softmaxed_outputs_have_a_lower_cross_entropy_than_the_floor(x64, classes):
    """ln(e + K − 1) − 1, met by the one-hot row alone: not by 2000 others, nor by a search for it."""
    floor = np.log(np.e + classes - 1) - 1
    assert softmaxed_loss_floor(classes) == pytest.approx(floor, rel=1e-12)
    best = jnp.eye(classes)[:1]
    assert float(cross_entropy(best, jnp.array([0]))[0]) == pytest.approx(floor, rel=1e-12)
    rng = np.random.default_rng(0)
    rows = rng.dirichlet(np.full(classes, 0.05), 2000)
    labels = jnp.asarray(rng.integers(0, classes, 2000))
    assert float(jnp.min(cross_entropy(jnp.asarray(rows), labels))) > floor
    assert float(cross_entropy(jax.nn.softmax(1e3 * best, axis=1), jnp.array([0]))[0]) == pytest.approx(floor)


@pytest.mark.parametrize("output", ["softmax", "sigmoid"])
def test_a_squashed_output_before_the_cross_entropy_trains_down_to_its_floor(output):
    """The tell-tale: four separable points, gradient descent, the loss falls towards the floor and not below."""
    x = jnp.asarray([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [1.0, 1.0, 1.0]])
    labels = jnp.arange(4, dtype=jnp.int32)

    def train(output):
        spec, params, state = net_of(output, seed=3)

        def loss(params):
            outputs = outputs_of(spec, params, state, x)
            return jnp.mean(losses_of("cross_entropy", outputs, labels, NetHyper()))

        def step(_, params):
            return jax.tree.map(lambda p, g: p - 0.5 * g, params, jax.grad(loss)(params))

        return float(loss(params)), float(loss(jax.lax.fori_loop(0, 3000, step, params)))

    floor = softmaxed_loss_floor(4)
    before, after = train(output)
    assert before > floor + 0.2
    assert floor < after < floor + 0.05
    assert train("none")[1] < 0.05 < floor


def test_a_sigmoid_before_the_binary_cross_entropy_has_a_floor_too(x64):
    """ln(1 + 1/e) for the 1s, ln 2 for the 0s."""
    ends = jnp.asarray([[1.0], [0.0]])
    floors = losses_of("binary_cross_entropy", ends, jnp.array([1, 0]), NetHyper())
    np.testing.assert_allclose(floors, [np.log1p(np.exp(-1)), np.log(2)], rtol=1e-12)
    inside = jnp.linspace(0.001, 0.999, 99)[:, None]
    for label in (1, 0):
        labels = jnp.full(99, label)
        assert float(jnp.min(losses_of("binary_cross_entropy", inside, labels, NetHyper()))) > float(floors[1 - label])


@pytest.mark.parametrize("name", [name for name in OUTPUTS if name != "none"])
def test_nan_stays_nan(name):
    assert np.isnan(OUTPUTS[name](jnp.full((1, 3), jnp.nan))).all()


def test_classes_are_the_largest_output_or_the_side_of_the_middle():
    several = jnp.asarray([[0.1, 0.7, 0.7], [3.0, -1.0, 2.0]])
    np.testing.assert_array_equal(predicted_classes(several), [1, 0])
    logits = jnp.asarray([[-0.1], [0.0], [0.1], [4.0]])
    np.testing.assert_array_equal(predicted_classes(logits), [0, 0, 1, 1])
    np.testing.assert_array_equal(predicted_classes(jax.nn.sigmoid(logits), "sigmoid"), [0, 0, 1, 1])
    np.testing.assert_array_equal(predicted_classes(jnp.tanh(logits), "tanh"), [0, 0, 1, 1])


def test_an_unknown_output_says_what_there_is():
    with pytest.raises(InputError, match="unknown output 'gelu': choose one of none, sigmoid, tanh, softmax, relu"):
        MLPSpec((3, 2), output="gelu")
