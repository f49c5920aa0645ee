"""Interventions: what each kind does to the next update, against NumPy; what is refused; and ids that stand."""

from dataclasses import replace
from typing import Any

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxmlp import nn, training
from jaxmlp.errors import InputError
from jaxmlp.identity import canonical
from jaxmlp.training import (
    ClipFrom,
    FreezeSecondMoment,
    Hyper,
    OptimizerSpec,
    ResetMoments,
    RunSpec,
    ScaleRate,
    SetNumbers,
    check_interventions,
    phases,
)
from jaxmlp.training.interventions import INTERVENTIONS, MOMENTS
from jaxmlp.training.optimizers import OPTIMIZERS, Optimizer, folded, init_optimizer, unfolded, update

HALF: Any = "half"
MLP = nn.MLPSpec((3, 4, 2), initializer="zeros")
HYPER = Hyper(learning_rate=0.02, beta1=0.7, beta2=0.95, rmsprop_decay=0.85, momentum=0.8, adam_eps=1e-3)
BEFORE, AFTER = 12, 10
"""Updates before and after the intervention."""
START = np.random.default_rng(0).standard_normal(5)
STEEPNESS = np.random.default_rng(1).uniform(0.5, 3.0, 5)


def gradient(x, sin):
    return STEEPNESS * (x + 0.4 * sin(2 * x))


def spec_of(optimizer, *interventions):
    return RunSpec(MLP, optimizer=OptimizerSpec(optimizer), interventions=interventions, epochs=10)


def alone(params, opt_state, *, diverged=False):
    """A run of which only parameters and the optimizer's state are looked at."""
    train = training.TrainState(params, (), opt_state, jnp.int32(BEFORE))
    others: dict[str, Any] = dict.fromkeys(training.RunState.__dataclass_fields__)
    status = training.RunStatus.DIVERGED if diverged else training.RunStatus.TRAINING
    return training.RunState(**others | {"train": train, "status": jnp.int8(status)})


def library(optimizer, intervention):
    """The parameters after the updates before and after an intervention."""
    first, last = phases(spec_of(optimizer, intervention), HYPER)
    params = ({"weight": jnp.asarray(START)[:, None]},)
    run = alone(params, init_optimizer(first.spec.optimizer, first.hyper, folded(first.spec.optimizer, params)))

    def train(run, phase, count):
        spec = phase.spec.optimizer
        for _ in range(count):
            params = run.train.params
            grads = ({"weight": gradient(params[0]["weight"][:, 0], jnp.sin)[:, None]},)
            trees = folded(spec, grads), run.train.opt_state, folded(spec, params)
            new, opt_state = update(spec, phase.hyper, phase.hyper.learning_rate, *trees)
            run = run.replace(train=run.train.replace(params=unfolded(spec, new, params), opt_state=opt_state))
        return run

    run = train(run, first, BEFORE)
    run = training.intervene(run, last.opening, spec=first.spec, hyper=first.hyper)
    return np.asarray(train(run, last, AFTER).train.params[0]["weight"])[:, 0]


def numpy_adam(optimizer, act):
    """Adam's family on a vector; `act` changes a dict of m, v, t, numbers and flags after `BEFORE` updates."""
    s = {"m": 0.0, "v": 0.0, "t": 0, "held": None, "clip": np.inf, **HYPER.__dict__}
    x = START.copy()
    for i in range(BEFORE + AFTER):
        if i == BEFORE:
            act(s)
        g = gradient(x, np.sin)
        g = g * min(1.0, s["clip"] / np.linalg.norm(g))
        s["t"] += 1
        s["m"] = s["beta1"] * s["m"] + (1 - s["beta1"]) * g
        if s["held"] is None:
            s["v"] = s["beta2"] * s["v"] + (1 - s["beta2"]) * g**2
        corrected = optimizer != "adam_nobc"
        m = s["m"] / (1 - s["beta1"] ** s["t"]) if corrected else s["m"]
        v = s["v"] / (1 - s["beta2"] ** s["t"]) if corrected else s["v"]
        v = v if s["held"] is None else s["held"]
        d = m / (np.sqrt(v) + (s["adam_eps"] if corrected else s["cache_eps"]))
        d = d + (s["weight_decay"] * x if optimizer == "adamw" else 0.0)
        x = x - s["learning_rate"] * d
    return x


def numpy_cache(optimizer, act):
    """AdaGrad and RMSProp."""
    s = {"v": 0.0, "held": False, "clip": np.inf, **HYPER.__dict__}
    x = START.copy()
    for i in range(BEFORE + AFTER):
        if i == BEFORE:
            act(s)
        g = gradient(x, np.sin)
        g = g * min(1.0, s["clip"] / np.linalg.norm(g))
        decay = s["rmsprop_decay"]
        moved = s["v"] + g**2 if optimizer == "adagrad" else decay * s["v"] + (1 - decay) * g**2
        s["v"] = s["v"] if s["held"] else moved
        x = x - s["learning_rate"] * g / (np.sqrt(s["v"]) + s["cache_eps"])
    return x


def numpy_velocity(optimizer, act):
    """D2's momentum."""
    s = {"m": 0.0, "clip": np.inf, **HYPER.__dict__}
    x = START.copy()
    for i in range(BEFORE + AFTER):
        if i == BEFORE:
            act(s)
        g = gradient(x, np.sin)
        g = g * min(1.0, s["clip"] / np.linalg.norm(g))
        s["m"] = s["momentum"] * s["m"] + g
        x = x - s["learning_rate"] * s["m"]
    return x


FAMILIES = dict.fromkeys(("adam", "adamw", "adam_nobc"), numpy_adam)
FAMILIES |= {"adagrad": numpy_cache, "rmsprop": numpy_cache, "momentum_d2": numpy_velocity}


def reset(*names):
    return lambda s: s.update({name: 0 for name in names if name in s})


def hold(s):
    corrected = "t" in s
    s["held"] = s["v"] / (1 - s["beta2"] ** s["t"]) if corrected else True


CASES = [
    *((name, ResetMoments(5), reset("m", "v", "t")) for name in FAMILIES),
    *((name, ResetMoments(5, moments="first"), reset("m")) for name in ("adam", "adamw", "adam_nobc", "momentum_d2")),
    *((name, ResetMoments(5, moments="second"), reset("v")) for name in FAMILIES if name != "momentum_d2"),
    *((name, FreezeSecondMoment(5), hold) for name in ("adam", "adamw", "adagrad", "rmsprop")),
    ("adam_nobc", FreezeSecondMoment(5), lambda s: s.update(held=s["v"])),
    *((name, ClipFrom(5, norm=0.05), lambda s: s.update(clip=0.05)) for name in FAMILIES),
    ("adam", SetNumbers(5, {"beta2": 0.5, "adam_eps": 0.1}), lambda s: s.update(beta2=0.5, adam_eps=0.1)),
    ("rmsprop", SetNumbers(5, {"rmsprop_decay": 0.2}), lambda s: s.update(rmsprop_decay=0.2)),
    *((name, ScaleRate(5, 0.25), lambda s: s.update(learning_rate=0.25 * s["learning_rate"])) for name in FAMILIES),
]


def label(value):
    return value if isinstance(value, str) else getattr(value, "kind", "")


@pytest.mark.parametrize(("optimizer", "one", "act"), CASES, ids=label)
def test_updates_after_an_intervention_are_those_of_the_formula(x64, optimizer, one, act):
    wanted = FAMILIES[optimizer](optimizer, act)
    unmoved = FAMILIES[optimizer](optimizer, lambda s: None)
    assert np.abs(wanted - unmoved).max() > 1e-4, "the intervention must matter"
    np.testing.assert_allclose(library(optimizer, one), wanted, rtol=1e-9)


def test_every_rule_with_a_second_moment_can_hold_it():
    moving = {name for name, row in OPTIMIZERS.items() if row.held is not None}
    assert moving == {"adagrad", "rmsprop", "adam", "adam_nobc", "adamw"}
    assert moving | {"momentum_d2"} == set(FAMILIES)


def test_a_users_optimizer_is_reset_by_the_names_of_optax():
    def belief(hyper):
        return optax.adabelief(hyper.learning_rate, b1=hyper.beta1, b2=hyper.beta2)

    name = OPTIMIZERS.register("belief", Optimizer(belief))
    try:
        params = ({"weight": jnp.ones((5, 1))},)
        run = alone(params, jax.tree.map(jnp.ones_like, init_optimizer(OptimizerSpec(name), HYPER, params)))
        zeros = {}
        for which in MOMENTS:
            first, last = phases(spec_of(name, ResetMoments(5, moments=which)), HYPER)
            new = training.intervene(run, last.opening, spec=first.spec, hyper=first.hyper)
            zeros[which] = [not np.any(leaf) for leaf in jax.tree.leaves(new.train.opt_state)]
        # The count, the moving mean and the moving square of what differs from it.
        assert zeros == {"both": [True] * 3, "first": [False, True, False], "second": [False, False, True]}
    finally:
        OPTIMIZERS.remove(name)


@pytest.mark.parametrize("diverged", [False, True])
def test_an_intervention_leaves_a_run_alone_that_has_ended_and_the_parameters_always(diverged):
    first, last = phases(spec_of("adam", ResetMoments(5)), HYPER)
    params = ({"weight": jnp.ones((2, 2)), "bias": jnp.ones(2)},)
    state = init_optimizer(first.spec.optimizer, HYPER, folded(first.spec.optimizer, params))
    run = alone(params, jax.tree.map(jnp.ones_like, state), diverged=diverged)
    after = training.intervene(run, last.opening, spec=first.spec, hyper=first.hyper)
    assert all(np.all(np.asarray(leaf) == diverged) for leaf in jax.tree.leaves(after.train.opt_state))
    chex.assert_trees_all_equal(after.train.params, params)
    assert after.train.step == BEFORE


def test_phases_gather_what_came_before():
    spec = spec_of("adam", ScaleRate(7, 0.1), ClipFrom(5, 1), FreezeSecondMoment(5), SetNumbers(7, {"beta1": 0.5}))
    first, middle, last = phases(spec, HYPER)
    assert [phase.begin for phase in (first, middle, last)] == [0, 5, 7]
    assert first.spec == spec_of("adam")
    assert (first.hyper, first.opening) == (HYPER, ())
    assert middle.spec.optimizer == OptimizerSpec("adam", clip=True, hold_second_moment=True)
    assert middle.hyper == HYPER.replace(clip_norm=1.0)
    assert [one.kind for one in middle.opening] == ["freeze_second_moment", "clip_from"]
    assert last.spec == middle.spec
    assert last.hyper == middle.hyper.replace(beta1=0.5, learning_rate=0.1 * HYPER.learning_rate)


def test_order_and_ways_to_write_a_number_make_no_other_setting():
    a = spec_of("adam", ScaleRate(7, 1), SetNumbers(3, {"beta2": 0.5, "beta1": 1 / 2}))
    b = spec_of("adam", SetNumbers(3, (("beta1", 0.5), ("beta2", 0.5))), ScaleRate(7, 1.0))
    assert a == b
    assert hash(a) == hash(b)
    assert canonical(a) == canonical(b)
    assert canonical(a)["interventions"][1] == {"kind": "scale_rate", "epoch": 7, "factor": 1.0}
    assert canonical(spec_of("adam")).keys() == canonical(RunSpec(MLP)).keys()
    assert "interventions" not in canonical(spec_of("adam"))
    assert "hold_second_moment" not in canonical(spec_of("adam"))["optimizer"]


def test_every_kind_has_a_name_of_its_own():
    assert len({kind.__dataclass_fields__["kind"].default for kind in INTERVENTIONS}) == len(INTERVENTIONS)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ResetMoments(0), "the epoch of reset_moments is 0"),
        (lambda: ResetMoments(True), "the epoch of reset_moments is True"),
        (lambda: ResetMoments(5, moments="third"), "unknown moments 'third'"),
        (lambda: ClipFrom(5, norm=0.0), r"norm of clip_from is 0\.0: give a number above 0"),
        (lambda: ClipFrom(5, norm=float("nan")), "norm of clip_from is nan"),
        (lambda: ScaleRate(5, factor=HALF), "factor of scale_rate is 'half'"),
        (lambda: SetNumbers(5, {}), r"numbers of set_numbers are \{\}"),
        (lambda: SetNumbers(5, {"beta2": HALF}), "numbers of set_numbers are"),
        (lambda: spec_of("adam", ScaleRate(10, 0.1)), "scale_rate after epoch 10 of 10 changes nothing: give 1 to 9"),
        (lambda: spec_of("adam", "reset"), "'reset' is no intervention: give one of ResetMoments"),
        (lambda: spec_of("adam", ScaleRate(5, 0.1), ScaleRate(5, 0.2)), "two of scale_rate after epoch 5"),
        (lambda: replace(spec_of("adam"), interventions=ResetMoments(5)), "give a tuple of them"),
        (lambda: OptimizerSpec("sgd", hold_second_moment=True), "sgd has no second moment that can be held: choose"),
    ],
)
def test_what_cannot_be_is_refused_where_it_is_written(make, message):
    with pytest.raises(InputError, match=message):
        make()


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (spec_of("sgd", ResetMoments(5)), "reset_moments after epoch 5: sgd has no state to reset"),
        (spec_of("momentum", ResetMoments(5, moments="second")), "momentum has no second moment to reset"),
        (spec_of("rmsprop", ResetMoments(5, moments="first")), "rmsprop has no first moment to reset"),
        (spec_of("momentum", FreezeSecondMoment(5)), "momentum has no second moment that can be held"),
        (spec_of("adam", SetNumbers(5, {"beta3": 0.5})), "set_numbers after epoch 5: unknown number 'beta3'"),
        (spec_of("adam", SetNumbers(5, {"user.x": 0.5})), r"unknown number 'user\.x'"),
        (spec_of("adam", SetNumbers(5, {"init_gain": 0.5})), "init_gain is read at the start only"),
        (spec_of("adam", SetNumbers(5, {"beta2": 1.0})), "after epoch 5, beta2 is 1: give a number at least 0 and"),
        (spec_of("adam", FreezeSecondMoment(5), FreezeSecondMoment(7)), r"after epochs \[5, 7\]: it stays frozen"),
        (spec_of("adam", FreezeSecondMoment(5), ResetMoments(5)), "would freeze a second moment of 0"),
        (
            replace(spec_of("adam"), optimizer=OptimizerSpec("adam", hold_second_moment=True)),
            "hold_second_moment holds nothing at the start",
        ),
    ],
)
def test_what_has_nothing_to_act_on_is_refused_before_it_runs(spec, message):
    with pytest.raises(InputError, match=message):
        check_interventions(spec, HYPER)


def test_every_kind_passes_the_check_where_it_can_act():
    check_interventions(
        spec_of(
            "adam",
            ResetMoments(3, moments="second"),
            FreezeSecondMoment(5),
            ResetMoments(7, moments="first"),
            ClipFrom(2, 1.0),
            SetNumbers(2, {"norm_momentum": 0.01, "learning_rate": 1e-4}),
            ScaleRate(2, 0.5),
        ),
        HYPER,
    )
