"""Optimizers: each row against its document's formula in NumPy and against torch, and the contracts of all rows."""

from functools import partial

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmlp.errors import InputError
from jaxmlp.training import OPTIMIZERS, Hyper, OptimizerSpec
from jaxmlp.training.optimizers import init_optimizer, update
from tests.training.oracles import FORMULAS

SHAPES = (
    {"weight": (3, 2), "bias": (3,), "scale": (3,), "shift": (3,), "skip_weight": (2, 2)},
    {"weight": (2, 3), "bias": (2,)},
)
HYPER = Hyper(weight_decay=0.03, momentum=0.8, rmsprop_decay=0.85, beta1=0.7, beta2=0.95, clip_norm=2.0)
CONSTANT = np.full(100, 0.02)
HALVED = np.repeat([0.02, 0.01], 50)


def tree_of(draw):
    """One array for each of `SHAPES`, drawn in a fixed order."""
    return tuple({name: np.asarray(draw(shape)) for name, shape in layer.items()} for layer in SHAPES)


def flat(tree):
    return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(tree)])


def flags(suffixes):
    """1 at the parameters whose name ends so, else 0, in the order of `flat`."""
    return flat(tuple({n: np.full(s, float(n.endswith(suffixes))) for n, s in layer.items()} for layer in SHAPES))


START = tree_of(np.random.default_rng(0).standard_normal)
STEEPNESS = tree_of(partial(np.random.default_rng(1).uniform, 0.5, 3.0))
STEEPNESS[0]["bias"][1] = 0.0  # a dead unit: its gradient is exactly 0
WEIGHTS, BIASES = flags("weight"), flags("bias")


def slope(x, steepness, sin):
    """The gradient of Σ steepness (x²/2 − cos(2x)/5): curved, not convex."""
    return steepness * (x + 0.4 * sin(2 * x))


def gradient(params):
    return jax.tree.map(lambda x, k: slope(x, jnp.asarray(k, x.dtype), jnp.sin), params, STEEPNESS)


def flat_gradient(x):
    return slope(x, flat(STEEPNESS), np.sin)


@partial(jax.jit, static_argnums=0)
def scan_updates(spec, hyper, rates, params):
    def step(carry, rate):
        params, state = carry
        return update(spec, hyper, rate, gradient(params), state, params), None

    return jax.lax.scan(step, (params, init_optimizer(spec, hyper, params)), rates)[0][0]


def descend(spec, rates, hyper=HYPER):
    """The parameters [P] after one update per rate."""
    return flat(scan_updates(spec, hyper, jnp.asarray(rates), jax.tree.map(jnp.asarray, START)))


def formula(name, rates, decay=0.0, decoupled=0.0):
    """The iterates of a formula, with the decay of each parameter added to the gradient, or apart from it."""
    extra = {"decay": decoupled} if name == "adamw" else {}
    return FORMULAS[name](flat(START), lambda x: flat_gradient(x) + decay * x, rates, HYPER, **extra)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_row_is_its_documents_formula_through_a_cut_of_the_rate(x64, name):
    spec = OptimizerSpec(name)
    decay = HYPER.weight_decay * WEIGHTS if spec.decays else 0.0
    np.testing.assert_allclose(descend(spec, HALVED), formula(name, HALVED, decoupled=decay), rtol=1e-10)


@pytest.mark.parametrize("biases", [False, True])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_weight_decay_takes_weights_biases_when_asked_and_norms_never(x64, name, biases):
    decoupled = name == "adamw"
    spec = OptimizerSpec(name, weight_decay=not decoupled, decay_biases=biases)
    decay = HYPER.weight_decay * (WEIGHTS + biases * BIASES)
    expected = formula(name, CONSTANT, **{"decoupled" if decoupled else "decay": decay})
    np.testing.assert_allclose(descend(spec, CONSTANT), expected, rtol=1e-10)


TORCH = {
    "sgd": ("SGD", {}),
    "momentum": ("SGD", {"momentum": HYPER.momentum}),
    "momentum_d2": ("SGD", {"momentum": HYPER.momentum}),
    "nesterov": ("SGD", {"momentum": HYPER.momentum, "nesterov": True}),
    "adagrad": ("Adagrad", {"eps": 1e-7}),
    "rmsprop": ("RMSprop", {"alpha": HYPER.rmsprop_decay, "eps": 1e-7}),
    "adam": ("Adam", {"betas": (HYPER.beta1, HYPER.beta2)}),
    "adamw": ("AdamW", {"betas": (HYPER.beta1, HYPER.beta2)}),
}


def torch_descend(name, rates, decay=0.0):
    torch = pytest.importorskip("torch", reason="torch comes with the extra bench")
    rule, numbers = TORCH[name]
    parts = [torch.tensor(flat(START)[WEIGHTS == 1]), torch.tensor(flat(START)[WEIGHTS == 0])]
    groups = [{"params": [part], "weight_decay": d} for part, d in zip(parts, (decay, 0.0), strict=True)]
    optimizer = getattr(torch.optim, rule)(groups, lr=rates[0], **numbers)
    x = flat(START)
    for rate in rates:
        for group, part, mask in zip(optimizer.param_groups, parts, (WEIGHTS == 1, WEIGHTS == 0), strict=True):
            group["lr"] = rate
            part.grad = torch.tensor(flat_gradient(x)[mask])
        optimizer.step()
        x = np.empty_like(x)
        x[WEIGHTS == 1], x[WEIGHTS == 0] = (part.numpy() for part in parts)
    return x


@pytest.mark.parity
@pytest.mark.parametrize(
    ("name", "decays"), [*((name, False) for name in TORCH if name != "adamw"), *((name, True) for name in TORCH)]
)
def test_every_row_torch_has_is_torchs_for_100_steps(x64, name, decays):
    spec = OptimizerSpec(name, weight_decay=decays and name != "adamw")
    theirs = torch_descend(name, CONSTANT, HYPER.weight_decay * decays)
    np.testing.assert_allclose(descend(spec, CONSTANT), theirs, rtol=1e-10)


@pytest.mark.parity
@pytest.mark.parametrize("name", TORCH)
def test_after_a_cut_of_the_rate_only_d4s_velocities_leave_torch(x64, name):
    decay = HYPER.weight_decay if name == "adamw" else 0.0
    distance = np.abs(descend(OptimizerSpec(name), HALVED) - torch_descend(name, HALVED, decay)).max()
    if name in ("momentum", "nesterov"):
        assert 1e-6 < distance < 1e-1
    else:
        assert distance < 1e-10


@pytest.mark.parametrize("name", ["momentum", "momentum_d2", "nesterov"])
def test_a_momentum_of_0_is_sgd(x64, name):
    ours = descend(OptimizerSpec(name), CONSTANT, HYPER.replace(momentum=0.0))
    np.testing.assert_allclose(ours, formula("sgd", CONSTANT), rtol=1e-12)


def test_without_bias_correction_adam_starts_with_larger_steps(x64):
    moved = {name: descend(OptimizerSpec(name), [0.01], Hyper()) - flat(START) for name in ("adam", "adam_nobc")}
    alive = flat(STEEPNESS) > 0
    np.testing.assert_allclose(np.abs(moved["adam"][alive]), 0.01, rtol=1e-5)
    np.testing.assert_allclose(np.abs(moved["adam_nobc"][alive]), 0.01 * 0.1 / np.sqrt(0.001), rtol=1e-4)
    assert (moved["adam_nobc"][~alive] == 0).all()


@pytest.mark.parametrize("norm", [0.5, 2.0, 1e6])
def test_clipping_shortens_the_gradient_to_its_norm_and_keeps_its_direction(x64, norm):
    moved = descend(OptimizerSpec("sgd", clip=True), [1.0], HYPER.replace(clip_norm=norm)) - flat(START)
    true = flat_gradient(flat(START))
    assert np.linalg.norm(true) > 2.0
    np.testing.assert_allclose(-moved, true * min(1.0, norm / np.linalg.norm(true)), rtol=1e-10)


def test_decay_is_added_to_the_clipped_gradient(x64):
    spec = OptimizerSpec("sgd", clip=True, weight_decay=True)
    moved = descend(spec, [1.0], HYPER.replace(weight_decay=0.5)) - flat(START)
    true, x = flat_gradient(flat(START)), flat(START)
    np.testing.assert_allclose(-moved, true * 2.0 / np.linalg.norm(true) + 0.5 * WEIGHTS * x, rtol=1e-10)


# Contracts that every row keeps, with everything switched on.


def everything(name):
    return OptimizerSpec(name, weight_decay=name != "adamw", decay_biases=True, clip=True)


PARAMS = {"weight": jnp.linspace(-2, 2, 6).reshape(3, 2), "bias": jnp.linspace(-1, 1, 3)}


def two_steps(spec, hyper, params):
    state = init_optimizer(spec, hyper, params)
    for _ in range(2):
        params, state = update(spec, hyper, hyper.learning_rate, jax.tree.map(jnp.sin, params), state, params)
    return params, state


def lanes(count):
    """`count` settings that differ in every number."""
    return [jax.tree.map(lambda v, i=i: jnp.float32(v * (1 - 0.1 * i)), HYPER) for i in range(count)]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_jit_changes_nothing(name):
    spec, hyper = everything(name), lanes(1)[0]
    jitted = jax.jit(two_steps, static_argnums=0)(spec, hyper, PARAMS)
    chex.assert_trees_all_close(jitted, two_steps(spec, hyper, PARAMS), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_vmapped_numbers_are_the_numbers_one_by_one(name):
    spec, hypers = everything(name), lanes(3)
    stacked = jax.tree.map(lambda *values: jnp.stack(values), *hypers)
    run = jax.jit(jax.vmap(lambda hyper: two_steps(spec, hyper, PARAMS)[0]))
    alone = jax.jit(lambda hyper: two_steps(spec, hyper, PARAMS)[0])
    together = run(stacked)
    for i, hyper in enumerate(hypers):
        for a, b in zip(jax.tree.leaves(together), jax.tree.leaves(alone(hyper)), strict=True):
            np.testing.assert_allclose(a[i], b, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("dtype", ["bfloat16", "float32", "float64"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_types_are_kept_and_new_numbers_do_not_retrace(x64, name, dtype):
    """Of parameters in more or fewer bits than the numbers, which are float32 arrays."""
    traces = []

    @jax.jit
    def step(params, state, hyper):
        traces.append(1)
        return update(everything(name), hyper, hyper.learning_rate, jax.tree.map(jnp.sin, params), state, params)

    params = jax.tree.map(lambda leaf: leaf.astype(dtype), PARAMS)
    state = init_optimizer(everything(name), HYPER, params)
    kinds = jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), (params, state))
    for hyper in lanes(3):
        params, state = step(params, state, hyper)
        assert jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), (params, state)) == kinds
    assert len(traces) == 1


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_step_in_bfloat16_is_the_float32_one_rounded(name):
    """β₂ = 0.999 is 1 in bfloat16: computed there, Adam's second moment would stay 0."""
    spec, hyper, rounded = everything(name), Hyper(), jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), PARAMS)

    def one_step(params):
        grads = jax.tree.map(lambda leaf: 0.25 * leaf, params)
        return update(spec, hyper, 0.5, grads, init_optimizer(spec, hyper, params), params)

    exact = one_step(jax.tree.map(lambda leaf: leaf.astype(jnp.float32), rounded))
    for ours, theirs in zip(jax.tree.leaves(one_step(rounded)), jax.tree.leaves(exact), strict=True):
        np.testing.assert_array_equal(ours, theirs.astype(ours.dtype))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": "sdg"}, "unknown optimizer 'sdg': choose one of sgd, momentum"),
        ({"name": "adamw", "weight_decay": True}, "adamw decays by itself: leave weight_decay off"),
        ({"name": "adam", "decay_biases": True}, "adam without weight decay: turn weight_decay on"),
    ],
)
def test_wrong_optimizer_specs_say_what_to_do(fields, message):
    with pytest.raises(InputError, match=message):
        OptimizerSpec(**fields)
