"""A user's own components in a step: optax's optimizers, schedules, activations and losses with their numbers."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxmlp import nn
from jaxmlp.errors import InputError
from jaxmlp.nn import MLPSpec, init_mlp
from jaxmlp.training import (
    OPTIMIZERS,
    SCHEDULES,
    Hyper,
    LossSpec,
    Optimizer,
    OptimizerSpec,
    RunSpec,
    Schedule,
    ScheduleSpec,
    check_numbers,
    init_train_state,
    learning_rate,
    train_step,
)
from tests.user_rows import user_rows

__all__ = ["user_rows"]
pytestmark = pytest.mark.usefixtures("user_rows")

STEPS, STEPS_PER_EPOCH = 20, 5
NET = MLPSpec((6, 5, 4, 3), norm="layer_norm")
HYPER = Hyper(learning_rate=0.02, weight_decay=0.1, user={"decay": 0.03, "beta2": 0.95})

OPTAX = {
    "adam": lambda hyper: optax.adam(hyper.learning_rate, b1=hyper.beta1, b2=hyper.beta2, eps=hyper.adam_eps),
    "lion": lambda hyper: optax.lion(hyper.learning_rate, b1=hyper.beta1, b2=hyper.number("user.beta2")),
    "adamw": lambda hyper: optax.adamw(hyper.learning_rate, weight_decay=hyper.number("user.decay")),
    # Whole layers have a norm: their vectors may not be laid end to end.
    "lamb": lambda hyper: optax.lamb(hyper.learning_rate, weight_decay=hyper.number("user.decay")),
    "clipped sgd": lambda hyper: optax.chain(optax.clip(0.1), optax.sgd(hyper.learning_rate, hyper.momentum)),
}


def batches():
    rng = np.random.default_rng(0)
    return jnp.asarray(rng.normal(size=(STEPS, 8, 6)), jnp.float32), jnp.asarray(rng.integers(0, 3, (STEPS, 8)))


def trained(spec, hyper=HYPER):
    """Parameters after `STEPS` steps."""
    params, norm_state = init_mlp(jax.random.key(0), spec.mlp, hyper)
    state = init_train_state(params, norm_state, spec=spec, hyper=hyper)

    def step(state, batch):
        rate = learning_rate(state.step, spec=spec, hyper=hyper, steps_per_epoch=STEPS_PER_EPOCH)
        return train_step(state, *batch, spec=spec, hyper=hyper, rate=rate)

    return jax.jit(lambda state: jax.lax.scan(step, state, batches()))(state)[0].params


def by_hand(spec, make, rate_at):
    """The same with optax alone: its own optimizer and schedule, its own loop, JAX's own gradients."""
    params, norm_state = init_mlp(jax.random.key(0), spec.mlp, HYPER)
    optimizer = make(HYPER.replace(learning_rate=rate_at))

    def loss(params, x, labels):
        logits, _, _ = nn.apply_mlp(params, norm_state, x, spec=spec.mlp, hyper=HYPER, train=True, backward="autodiff")
        return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()

    def step(carry, batch):
        params, state = carry
        updates, state = optimizer.update(jax.grad(loss)(params, *batch), state, params)
        return (optax.apply_updates(params, updates), state), None

    with jax.numpy_dtype_promotion("standard"):
        return jax.lax.scan(step, (params, optimizer.init(params)), batches())[0][0]


def close(ours, theirs, tolerance=2e-5):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance), ours, theirs)


def distance(a, b):
    return max(float(jnp.abs(x - y).max()) for x, y in zip(*map(jax.tree.leaves, (a, b)), strict=True))


@pytest.mark.parametrize("name", OPTAX)
@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_an_optimizer_of_optax_s_is_what_optax_makes_of_it(name, schedule):
    """Its sign, its state, and the rate of our schedule as its own."""
    row = Optimizer(OPTAX[name], numbers=("user.decay", "user.beta2"))
    spec = RunSpec(
        NET,
        optimizer=OptimizerSpec(OPTIMIZERS.register(f"own {name}", row)),
        schedule=ScheduleSpec(schedule),
        epochs=STEPS // STEPS_PER_EPOCH,
    )
    rates = {"constant": lambda step: 0.02, "cosine": optax.cosine_decay_schedule(0.02, STEPS)}
    close(trained(spec), by_hand(spec, OPTAX[name], rates[schedule]))
    assert distance(trained(spec), init_mlp(jax.random.key(0), NET, HYPER)[0]) > 0.02


def test_adam_by_optax_is_adam_of_the_documents():
    OPTIMIZERS.register("own", OPTAX["adam"])
    ours, theirs = (trained(RunSpec(NET, optimizer=OptimizerSpec(name))) for name in ("adam", "own"))
    close(ours, theirs)


def test_decay_and_clipping_come_before_any_rule():
    OPTIMIZERS.register("own", lambda hyper: optax.sgd(hyper.learning_rate))
    how = {"weight_decay": True, "decay_biases": True, "clip": True}
    hyper = HYPER.replace(clip_norm=0.3)
    ours, theirs = (trained(RunSpec(NET, optimizer=OptimizerSpec(name, **how)), hyper) for name in ("sgd", "own"))
    close(ours, theirs)


def test_a_rule_for_each_number_alone_may_be_packed():
    rules = {
        name: Optimizer(OPTAX["lion"], ("user.beta2",), elementwise=name == "packed") for name in ("packed", "as is")
    }
    for name, row in rules.items():
        OPTIMIZERS.register(name, row)
    specs = {name: RunSpec(NET, optimizer=OptimizerSpec(name)) for name in rules}
    params, norm_state = init_mlp(jax.random.key(0), NET, HYPER)
    leaves = {
        name: len(jax.tree.leaves(init_train_state(params, norm_state, spec=spec, hyper=HYPER).opt_state))
        for name, spec in specs.items()
    }
    assert leaves["packed"] < leaves["as is"]
    close(*(trained(spec) for spec in specs.values()))


def test_a_user_s_rule_that_decays_by_itself_is_not_decayed_again():
    row = Optimizer(OPTAX["adamw"], ("user.decay",), decoupled=True)
    OPTIMIZERS.register("own", row)
    spec = RunSpec(NET, optimizer=OptimizerSpec("own"))
    close(trained(spec), by_hand(spec, OPTAX["adamw"], lambda step: 0.02))
    with pytest.raises(InputError, match="own decays by itself: leave weight_decay off"):
        OptimizerSpec("own", weight_decay=True)
    with pytest.raises(InputError, match="decay_biases, and own decides itself what decays: leave decay_biases off"):
        OptimizerSpec("own", decay_biases=True)


def test_a_schedule_reads_the_clock_and_a_user_s_number():
    def floored(clock, spec, hyper):
        share = clock.step.astype(float) / (clock.epochs * clock.steps_per_epoch)
        return jnp.maximum(1.0 - share, hyper.number("user.floor"))

    SCHEDULES.register("floored", Schedule(floored, ("user.floor",)))
    spec = RunSpec(NET, schedule=ScheduleSpec("floored", warmup_epochs=1), epochs=4)
    hyper = HYPER.replace(user={"floor": 0.4})
    rates = [
        float(learning_rate(jnp.int32(step), spec=spec, hyper=hyper, steps_per_epoch=STEPS_PER_EPOCH))
        for step in range(STEPS)
    ]
    steps = np.arange(STEPS)
    expected = 0.02 * np.maximum(1 - steps / STEPS, 0.4) * np.minimum((steps + 1) / (STEPS_PER_EPOCH + 1), 1.0)
    np.testing.assert_allclose(rates, expected, rtol=1e-6)
    assert not spec.schedule.is_constant


def test_a_plain_number_is_a_schedule_and_an_array_is_none():
    SCHEDULES.register("half", lambda clock, spec, hyper: 0.5)
    SCHEDULES.register("three", lambda clock, spec, hyper: jnp.ones(3))
    rate = {"hyper": HYPER, "steps_per_epoch": STEPS_PER_EPOCH}
    assert learning_rate(jnp.int32(3), spec=RunSpec(NET, schedule=ScheduleSpec("half")), **rate) == pytest.approx(0.01)
    with pytest.raises(InputError, match=r"schedule 'three' gives shape \(3,\): let it give one number, a factor"):
        learning_rate(jnp.int32(3), spec=RunSpec(NET, schedule=ScheduleSpec("three")), **rate)


def swish(x, beta):
    return x * jax.nn.sigmoid(beta * x)


def tempered(logits, labels, temperature):
    return nn.cross_entropy(logits / temperature, labels)


def own_spec(learned=True):
    return RunSpec(
        MLPSpec((6, 5, 4, 3), activation=nn.ACTIVATIONS.register("swish", nn.Activation(swish, "user.beta", learned))),
        loss=LossSpec(nn.Loss(tempered, "user.temperature")),
    )


def test_numbers_that_are_asked_for_must_be_there():
    spec = own_spec()
    assert spec.user_numbers == ("beta", "temperature")
    assert spec.mlp.user_numbers == ("beta",)
    check_numbers(spec, Hyper(user={"beta": 1.0, "temperature": 2.0, "more": 3.0}))
    for user, missing in (({}, "beta"), ({"beta": 1.0}, "temperature"), ({"temperature": 1.0}, "beta")):
        with pytest.raises(InputError, match=f"user.{missing} is missing, user has"):
            check_numbers(spec, Hyper(user=user))
    check_numbers(RunSpec(MLPSpec((6, 5, 3), activation="maxout")), Hyper())


@pytest.mark.parametrize("learned", [True, False])
def test_numbers_of_activation_and_loss_do_what_they_say(learned):
    spec = own_spec(learned)
    hyper = Hyper(user={"beta": 1.5, "temperature": 2.0})
    (first, *_), _ = init_mlp(jax.random.key(0), spec.mlp, hyper)
    assert ("slope" in first) == learned
    assert nn.count_parameters(spec.mlp) == nn.count_parameters(MLPSpec((6, 5, 4, 3))) + 2 * learned
    after = trained(spec, hyper)
    cooler, flatter = (
        trained(spec, hyper.replace(user={**hyper.user, **user})) for user in ({"temperature": 3.0}, {"beta": 0.1})
    )
    assert distance(after, cooler) > 1e-3
    assert distance(after, flatter) > 1e-3
    if learned:
        slopes = [float(layer["slope"]) for layer in after[:2]]
        assert all(1e-3 < abs(slope - 1.5) < 1.0 for slope in slopes)
        assert slopes[0] != slopes[1]


def test_functions_of_a_wrong_shape_are_refused_in_one_line():
    mean = nn.LOSSES.register("mean", lambda logits, labels: nn.cross_entropy(logits, labels).mean())
    with pytest.raises(InputError, match=r"loss 'mean' gives shape \(\) for labels of shape \(8,\): let it give one"):
        trained(RunSpec(NET, loss=LossSpec(mean)))
    total = nn.ACTIVATIONS.register("total", lambda x: x.sum())
    with pytest.raises(
        InputError, match=r"activation 'total' makes \(\) of an x of shape \(8, 5\): let it work on each"
    ):
        trained(RunSpec(replace(NET, activation=total)))


def test_a_spec_tells_its_user_s_components_and_their_fingerprints():
    spec = own_spec()
    assert spec.user_components() == {
        "mlp.activation": nn.ACTIVATIONS.fingerprint("swish"),
        "loss.name": nn.LOSSES.fingerprint("tempered"),
    }
    marker = iter(())
    nn.ACTIVATIONS.register("unreadable", lambda x: (x, marker)[0])
    spec = replace(spec, mlp=replace(spec.mlp, activation="unreadable"))
    assert spec.user_components()["mlp.activation"] is None
    assert RunSpec(MLPSpec((6, 5, 3), activation="maxout", initializer="randn")).user_components() == {}
