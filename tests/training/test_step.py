"""One step: it runs the hand-written rules, follows torch, and never retraces for new numbers."""

import re
from dataclasses import replace
from itertools import product

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.extend import core as jax_core
from jax.test_util import check_grads

from jaxmlp.nn import MLPSpec, batch_norm, init_mlp, linear_rule
from jaxmlp.training import (
    DataSpec,
    Hyper,
    LossSpec,
    OptimizerSpec,
    RunSpec,
    init_train_state,
    objective,
    train_step,
)
from jaxmlp.training.update_order import known_at_last

WIDTHS = (6, 9, 8, 7, 4)


def make_spec(norm="batch_norm", position="post_activation", optimizer="adam", backward="manual", **kwargs):
    return RunSpec(
        MLPSpec(WIDTHS, norm=norm, norm_position=position, **kwargs),
        data=DataSpec(batch_size=10),
        optimizer=OptimizerSpec(optimizer),
        backward=backward,
    )


def batches(count, dtype):
    rng = np.random.default_rng(0)
    return [(jnp.asarray(rng.normal(size=(10, 6)), dtype), jnp.asarray(rng.integers(0, 4, 10))) for _ in range(count)]


def start(spec, hyper, dtype=jnp.float32):
    params, norm_state = init_mlp(jax.random.key(0), spec.mlp, hyper)
    params, norm_state = jax.tree.map(lambda a: a.astype(dtype), (params, norm_state))
    return init_train_state(params, norm_state, spec=spec, hyper=hyper)


def train(spec, hyper, steps, dtype=jnp.float32):
    step = jax.jit(train_step, static_argnames="spec")
    state, losses = start(spec, hyper, dtype), []
    for x, labels in batches(steps, dtype):
        state, loss = step(state, x, labels, spec=spec, hyper=hyper)
        losses.append(float(loss))
    return state, losses


@pytest.mark.parametrize(("norm", "penalty"), [("none", "none"), ("batch_norm", "none"), ("none", "l2")])
def test_a_step_of_sgd_goes_down_the_objective_that_anyone_can_differentiate(x64, norm, penalty):
    """θ ← θ − η g by hand, g from the public objective, against central differences too."""
    spec = replace(make_spec(norm=norm, optimizer="sgd"), loss=LossSpec(penalty=penalty))
    hyper = Hyper(learning_rate=0.5, penalty=0.1)
    state, (x, labels) = start(spec, hyper, jnp.float64), batches(1, jnp.float64)[0]

    def of(params):
        return objective(params, state.norm_state, x, labels, spec=spec, hyper=hyper)[0]

    after, loss = train_step(state, x, labels, spec=spec, hyper=hyper)
    gradient = jax.grad(of)(state.params)
    assert float(loss) == pytest.approx(float(of(state.params)), rel=1e-12)
    for new, old, slope in zip(*map(jax.tree.leaves, (after.params, state.params, gradient)), strict=True):
        np.testing.assert_allclose(new, old - 0.5 * slope, rtol=1e-12, atol=1e-14)
    check_grads(of, (state.params,), order=1, modes=("rev",), atol=1e-6, rtol=1e-6)


def count_calls(jaxpr, name):
    """How often a primitive is called, sub-programs included but not what a custom rule wraps."""
    total = 0
    for eqn in jaxpr.eqns:
        if eqn.primitive.name == name:
            total += 1
            continue
        for value in eqn.params.values():
            for sub in value if isinstance(value, (tuple, list)) else (value,):
                if isinstance(sub, jax_core.ClosedJaxpr):
                    total += count_calls(sub.jaxpr, name)
                elif isinstance(sub, jax_core.Jaxpr):
                    total += count_calls(sub, name)
    return total


@pytest.mark.parametrize(("norm", "rules"), [("none", 4), ("batch_norm", 4 + 3)])
def test_the_step_calls_one_custom_rule_per_linear_and_batch_norm(norm, rules):
    counts = {}
    for backward in ("manual", "autodiff"):
        spec = make_spec(norm=norm, backward=backward)
        state, (x, labels) = start(spec, Hyper()), batches(1, jnp.float32)[0]
        jaxpr = jax.make_jaxpr(lambda s, x, t, spec=spec: train_step(s, x, t, spec=spec, hyper=Hyper()))
        counts[backward] = count_calls(jaxpr(state, x, labels).jaxpr, "custom_vjp_call")
    assert counts == {"manual": rules, "autodiff": 0}


@pytest.mark.long
def test_breaking_a_backward_rule_changes_training(monkeypatch):
    spec, hyper = make_spec(), Hyper()
    sound, _ = train(spec, hyper, 1)

    def break_rule(module, name, forward, fwd, bwd, **kwargs):
        rule = jax.custom_vjp(forward, **kwargs)
        rule.defvjp(fwd, lambda *args: (2.0 * bwd(*args)[0], *bwd(*args)[1:]))
        monkeypatch.setattr(module, name, rule)
        broken, _ = train(spec, hyper, 1)
        monkeypatch.undo()
        return broken

    for module, name, forward, fwd, bwd, kwargs, leaf in (
        (
            linear_rule,
            "_linear",
            linear_rule._linear_forward,
            linear_rule._linear_fwd,
            linear_rule._linear_bwd,
            {"nondiff_argnums": (3,)},
            "weight",
        ),
        (
            batch_norm,
            "_batch_norm",
            batch_norm._batch_norm_forward,
            batch_norm._batch_norm_fwd,
            batch_norm._batch_norm_bwd,
            {},
            "scale",
        ),
    ):
        jax.clear_caches()
        broken = break_rule(module, name, forward, fwd, bwd, **kwargs)
        moments = lambda state, leaf=leaf: (state.opt_state.mu[0] | state.opt_state.mu[-1])[leaf]
        np.testing.assert_allclose(moments(broken), 2 * moments(sound), rtol=1e-5)
    jax.clear_caches()


@pytest.mark.parametrize("position", ["post_activation", pytest.param("pre_activation", marks=pytest.mark.long)])
def test_manual_and_autodiff_training_agree_for_50_steps(x64, position):
    end = {b: train(make_spec(position=position, backward=b), Hyper(), 50, jnp.float64) for b in ("manual", "autodiff")}
    chex.assert_trees_all_close(*(state for state, _ in end.values()), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(end["manual"][1], end["autodiff"][1], rtol=1e-9)


@pytest.mark.parity
@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_training_follows_torch(x64, optimizer):
    """C-017: 100 steps of a net with batch norm, step for step PyTorch's."""
    torch = pytest.importorskip("torch", reason="torch comes with the extra bench")
    hyper = Hyper(learning_rate=3e-3)
    spec = make_spec(optimizer=optimizer)
    layers = []
    for p in start(spec, hyper, jnp.float64).params:
        layer = torch.nn.Linear(p["weight"].shape[1], p["weight"].shape[0], dtype=torch.float64)
        layer.weight.data = torch.tensor(np.array(p["weight"]))
        layer.bias.data = torch.tensor(np.array(p["bias"]))
        layers.append(layer)
        if "scale" in p:
            layers += [torch.nn.ReLU(), torch.nn.BatchNorm1d(len(p["scale"]), dtype=torch.float64)]
    net = torch.nn.Sequential(*layers)
    rule = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}[optimizer](net.parameters(), lr=3e-3)
    theirs = []
    for x, labels in batches(100, jnp.float64):
        loss = torch.nn.functional.cross_entropy(net(torch.tensor(np.array(x))), torch.tensor(np.array(labels)))
        rule.zero_grad()
        loss.backward()
        rule.step()
        theirs.append(loss.item())
    state, mine = train(spec, hyper, 100, jnp.float64)
    # Adam amplifies the last bits of near-zero gradients; a wrong rule is off by 1e-3 and more.
    np.testing.assert_allclose(mine, theirs, rtol=1e-7)
    np.testing.assert_allclose(state.params[0]["weight"], net[0].weight.detach().numpy(), rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(state.norm_state[2]["mean"], net[8].running_mean.numpy(), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_new_numbers_do_not_retrace_and_states_keep_their_types(optimizer):
    @jax.jit
    @chex.assert_max_traces(n=1)
    def jitted(state, x, labels, hyper):
        return train_step(state, x, labels, spec=make_spec(optimizer=optimizer), hyper=hyper)

    state = start(make_spec(optimizer=optimizer), Hyper())
    kinds = jax.eval_shape(lambda: state)
    for i, (x, labels) in enumerate(batches(4, jnp.float32)):
        hyper = jax.tree.map(lambda v, i=i: jnp.float32(v * (1 - 0.1 * i)), Hyper())
        state, _ = jitted(state, x, labels, hyper)
        chex.assert_trees_all_equal_shapes_and_dtypes(state, kinds)
    assert int(state.step) == 4


def test_vmapped_steps_are_the_steps_one_by_one():
    spec = make_spec()
    rates = jnp.array([1e-3, 3e-3, 1e-2])
    states = [start(spec, Hyper()) for _ in rates]
    x, labels = batches(1, jnp.float32)[0]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *states)
    step = lambda state, rate: train_step(state, x, labels, spec=spec, hyper=Hyper(learning_rate=rate))
    lanes, _ = jax.jit(jax.vmap(step))(stacked, rates)
    one = jax.jit(step)
    for i, rate in enumerate(rates):
        alone, _ = one(states[i], rate)
        for a, b in zip(jax.tree.leaves(alone), jax.tree.leaves(lanes), strict=True):
            np.testing.assert_allclose(a, b[i], rtol=1e-4, atol=1e-6)


# Every two of these options meet in one of them.
PAIRS = [
    ("sgd", "none", "none", 1),
    ("sgd", "batch_norm", "d0", 2),
    ("momentum", "none", "d0", 2),
    ("momentum", "batch_norm", "none", 1),
    ("adam", "none", "none", 2),
    ("adam", "batch_norm", "d0", 1),
]
ALL = product(("sgd", "momentum", "adam"), ("none", "batch_norm"), ("none", "d0"), (1, 2))


@pytest.mark.parametrize(
    ("optimizer", "norm", "residual", "lanes"),
    [*PAIRS, *(pytest.param(*case, marks=pytest.mark.long) for case in ALL if case not in PAIRS)],
)
def test_no_weight_is_copied_before_its_update(optimizer, norm, residual, lanes):
    """dx = g A reads the old weight: in a loop of steps XLA would keep a copy, did the update not wait for it."""
    # Of smaller nets XLA makes products parts of loops, and does some of them twice.
    widths = (50, 90, 80, 70, 60, 40, 30, 20)
    mlp = MLPSpec(widths, norm=norm, residual=residual)
    spec, hyper = RunSpec(mlp, data=DataSpec(batch_size=32), optimizer=OptimizerSpec(optimizer)), Hyper()
    x, labels = jnp.ones((32, widths[0])), jnp.zeros(32, jnp.int32)

    def step(state):
        return train_step(state, x, labels, spec=spec, hyper=hyper)[0]

    state = start(spec, hyper)
    if lanes > 1:
        state, step = jax.tree.map(lambda leaf: jnp.stack([leaf] * lanes), state), jax.vmap(step)

    def steps(state, count):
        return jax.lax.fori_loop(0, count, lambda _, state: step(state), state)

    program = jax.jit(steps, donate_argnums=0).lower(state, 3).compile().as_text()
    ndim = 2 + (lanes > 1)
    shapes = {f"f32[{','.join(map(str, leaf.shape))}]" for leaf in jax.tree.leaves(state.params) if leaf.ndim == ndim}
    assert all(shape in program for shape in shapes)
    copied = re.findall(r"= (f32\[[\d,]+\])\S* copy\(", program)
    assert not shapes.intersection(copied)


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float32])
def test_the_rate_that_waits_is_the_rate(dtype):
    for first, expected in ((2.0, 0.1), (-2.0, 0.1), (0.0, 0.1), (np.inf, 0.1), (-np.inf, 0.1), (np.nan, np.nan)):
        grads = ({"weight": jnp.full((2, 2), first, dtype)},)
        rate = known_at_last(jnp.float32(0.1), grads)
        assert rate.dtype == jnp.float32
        np.testing.assert_array_equal(rate, np.float32(expected))
