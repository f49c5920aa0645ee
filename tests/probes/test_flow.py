"""S-093: values and gradients of every layer against PyTorch's hooks; distinct outputs; running statistics."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmlp.nn import MLPSpec, init_mlp
from jaxmlp.probes.flow import GATES, SIGNAL, backward_flow, forward_flow, norm_gaps, output_flow
from jaxmlp.training import DataSpec, Hyper, Net, RunSpec

RNG = np.random.default_rng(0)
IMAGES, LABELS = RNG.normal(size=(60, 4)), RNG.integers(3, size=60)

forward = jax.jit(forward_flow, static_argnames="norm_stats")
backward = jax.jit(backward_flow, static_argnames="norm_stats")


def make_net(widths=(4, 7, 6, 3), **spec):
    run = RunSpec(MLPSpec(widths, **spec), DataSpec(preprocessing="none"))
    params, state = init_mlp(jax.random.key(1), run.mlp, Hyper())
    return Net(params, jax.tree.map(lambda leaf: leaf + 0.2, state), (), Hyper(), run)


def images():
    return jnp.asarray(IMAGES, float)


def torch_twin(net, norm_stats):
    """The same net in PyTorch with hooks on its layers: (by layer its values, their gradients; the weights')."""
    torch = pytest.importorskip("torch", reason="torch comes with the extra bench")

    layers, spec = [], net.spec.mlp
    for i, parameters in enumerate(net.params):
        layers.append(torch.nn.Linear(*reversed(parameters["weight"].shape)).double())
        if spec.has_activation(i):
            layers.append(
                {"relu": torch.nn.ReLU(), "tanh": torch.nn.Tanh(), "sigmoid": torch.nn.Sigmoid()}[spec.activation]
            )
        if spec.is_normalized(i):
            norm = torch.nn.BatchNorm1d(len(parameters["scale"])).double()
            norm.running_mean.copy_(torch.tensor(np.asarray(net.norm_state[i]["mean"])))
            norm.running_var.copy_(torch.tensor(np.asarray(net.norm_state[i]["var"])))
            layers.append(norm)
        with torch.no_grad():
            linear = [layer for layer in layers if isinstance(layer, torch.nn.Linear)][-1]
            linear.weight.copy_(torch.tensor(np.asarray(parameters["weight"])))
            linear.bias.copy_(torch.tensor(np.asarray(parameters["bias"])))
    module = torch.nn.Sequential(*layers).train(norm_stats == "batch")
    values, gradients = {}, {}
    for i, layer in enumerate(layers):
        layer.register_forward_hook(lambda m, x, y, i=i: values.__setitem__(i, y.detach().numpy().copy()))
        layer.register_full_backward_hook(lambda m, x, g, i=i: gradients.__setitem__(i, g[0].numpy().copy()))
    logits = module(torch.tensor(IMAGES, requires_grad=True))
    torch.nn.functional.cross_entropy(logits, torch.tensor(LABELS)).backward()
    return layers, values, gradients


@pytest.mark.parity
@pytest.mark.parametrize("norm_stats", ["batch", "running"])
@pytest.mark.parametrize("norm", ["none", "batch_norm"])
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_values_and_gradients_are_those_of_pytorch_s_hooks(x64, activation, norm, norm_stats):
    torch = pytest.importorskip("torch", reason="torch comes with the extra bench")

    net = make_net(activation=activation, norm=norm)
    layers, values, gradients = torch_twin(net, norm_stats)
    linears = [i for i, layer in enumerate(layers) if isinstance(layer, torch.nn.Linear)]
    found = forward(net, images(), norm_stats=norm_stats) | backward(
        net, images(), jnp.asarray(LABELS), norm_stats=norm_stats
    )
    for name, of in SIGNAL.items():
        theirs = [of(jnp.asarray(values[i])) for i in linears]
        np.testing.assert_allclose(found[f"linear_{name}"], theirs, rtol=1e-9, atol=1e-12)
        theirs = [of(jnp.asarray(values[i + 1])) for i in linears[:-1]]
        np.testing.assert_allclose(found[f"activation_{name}"][:-1], theirs, rtol=1e-9, atol=1e-12)
    for name, of in GATES.items():
        np.testing.assert_allclose(found[name][:-1], [of(jnp.asarray(values[i + 1])) for i in linears[:-1]])
    np.testing.assert_allclose(
        found["output_gradient_norm"], [np.linalg.norm(gradients[i]) for i in linears], rtol=1e-9
    )
    theirs = [torch.linalg.norm(layers[i].weight.grad) for i in linears]
    np.testing.assert_allclose(found["weight_gradient_norm"], np.array(theirs), rtol=1e-9)


def test_what_a_layer_does_not_have_is_nan(x64):
    relu, tanh = (forward(make_net(activation=name), images(), norm_stats="batch") for name in ("relu", "tanh"))
    for name, values in relu.items():
        assert values.shape == (3,), name
        without = name.startswith("activation_") or name in GATES
        assert np.isnan(values[-1]) == (without or name == "saturated_share"), name
    assert np.isnan(relu["saturated_share"]).all()
    assert not np.isnan(tanh["saturated_share"][:2]).any()


def test_layers_of_one_shape_stay_in_order(x64):
    """Each layer's standard deviation is its own: the second and the last hidden have the width of no neighbour."""
    net = make_net(widths=(4, 6, 5, 6, 5, 3), activation="tanh")
    found, y = forward(net, images(), norm_stats="batch"), images()
    for layer, parameters in enumerate(net.params):
        y = y @ parameters["weight"].T + parameters["bias"][None, :]
        np.testing.assert_allclose(found["linear_standard_deviation"][layer], np.std(y), rtol=1e-10)
        y = jnp.tanh(y)


def test_a_net_of_one_linear_has_no_activation(x64):
    found = forward(make_net(widths=(4, 3)), images(), norm_stats="batch")
    assert np.isfinite(found["linear_mean"]).all()
    assert np.isnan(found["zero_share"]).all()


def test_a_dead_layer_is_seen(x64):
    """A bias far below 0 kills the second layer: its units for all rows, all gradients before it, and the outputs."""
    net = make_net()
    dead = net.params[1] | {"bias": net.params[1]["bias"] - 1000}
    net = net.replace(params=(net.params[0], dead, net.params[2]))
    found = forward(net, images(), norm_stats="batch") | backward(
        net, images(), jnp.asarray(LABELS), norm_stats="batch"
    )
    found |= output_flow(net, images(), norm_stats="batch")
    np.testing.assert_array_equal([found[name][1] for name in GATES], 1)
    np.testing.assert_array_equal(found["output_gradient_norm"][:2], 0)
    np.testing.assert_array_equal(found["weight_gradient_norm"], 0)
    assert (found["distinct_outputs"], found["predicted_classes"]) == (1, 1)


def test_outputs_of_a_healthy_net_differ(x64):
    found = output_flow(make_net(activation="tanh"), images(), norm_stats="batch")
    assert found["distinct_outputs"] == 60
    assert found["predicted_classes"] == 3


@pytest.mark.parametrize("position", ["post_activation", "pre_activation"])
def test_gaps_are_numpy_s(x64, position):
    net = make_net(norm="batch_norm", norm_position=position)
    found = jax.jit(norm_gaps)(net, images())
    first = IMAGES @ np.asarray(net.params[0]["weight"]).T
    first = np.maximum(first, 0) if position == "post_activation" else first
    mean, var = first.mean(axis=0), first.var(axis=0) + 1e-5
    np.testing.assert_allclose(found["running_mean_gap"][0], np.sqrt(np.mean((0.2 - mean) ** 2 / var)), rtol=1e-9)
    np.testing.assert_allclose(found["running_var_gap"][0], np.mean(np.abs(np.log((1.2 + 1e-5) / var))), rtol=1e-9)
    assert np.isnan(found["running_mean_gap"][-1])
    assert np.isfinite(found["running_mean_gap"][:2]).all()


def test_there_is_no_gap_where_the_statistics_are_the_rows_own(x64):
    net = make_net(norm="batch_norm", norm_position="pre_activation")
    first = images() @ net.params[0]["weight"].T
    state = {"mean": jnp.mean(first, axis=0), "var": jnp.var(first, axis=0)}
    found = norm_gaps(net.replace(norm_state=(state, *net.norm_state[1:])), images())
    np.testing.assert_allclose([found[name][0] for name in found], 0, atol=1e-12)


def test_large_values_and_gradients_stay_finite_where_their_squares_do_not():
    net = make_net(norm="none", bias=False)
    huge = tuple(layer | {"weight": 1e12 * layer["weight"]} for layer in net.params)
    for params in (huge, net.params):
        at = net.replace(params=params)
        x, labels = images(), jnp.asarray(LABELS)
        found = forward(at, x, norm_stats="batch") | backward(at, x, labels, norm_stats="batch")
        kept = [v for name, v in found.items() if name.startswith("linear") or "gradient" in name]
        assert all(np.isfinite(v).all() for v in kept)
    for name in ("excess_kurtosis", "unit_correlation", "effective_rank"):
        plain, large = (forward(net.replace(params=p), images(), norm_stats="batch") for p in (net.params, huge))
        np.testing.assert_allclose(plain[f"linear_{name}"], large[f"linear_{name}"], rtol=1e-4)


def test_runs_are_vmapped(x64):
    nets = [make_net(activation="tanh"), make_net(activation="tanh")]
    nets[1] = nets[1].replace(params=jax.tree.map(lambda leaf: 2 * leaf, nets[1].params))
    probe = lambda net: (
        forward(net, images(), norm_stats="batch") | backward(net, images(), jnp.asarray(LABELS), norm_stats="batch")
    )
    many = jax.vmap(probe)(jax.tree.map(lambda *leaves: jnp.stack(leaves), *nets))
    for i, net in enumerate(nets):
        for name, values in probe(net).items():
            np.testing.assert_allclose(many[name][i], values, rtol=1e-9)
