"""`check`: nets that fail at the start fail with the right line, and healthy ones pass."""

import re
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmlp import data, study
from jaxmlp.diagnosis import check, why
from jaxmlp.errors import InputError
from jaxmlp.nn import INITIALIZERS, Initializer, MLPSpec
from jaxmlp.training import DataSpec, Hyper, LossSpec, OptimizerSpec, ResetMoments, RunSpec
from tests.diagnosis.nets import CONSTANT, FAULTY, HEALTHY, SQUARED, Case, digits
from tests.user_rows import user_rows

__all__ = ["user_rows"]


@pytest.fixture(autouse=True)
def constant_start(user_rows):
    """An initializer whose weights are all 0.01, for one test: what a test registers is gone after it."""
    row = Initializer(lambda key, shape: jnp.ones(shape), lambda fan_in, fan_out: 0.01)
    INITIALIZERS.register(CONSTANT, row)


QUICK = "iris, leaky, batch of 7"
"""The healthy net that is looked at in every run of the suite; the others are slow."""


def levels(found, level):
    return {name for name, one in found.items() if one.level == level}


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.long] * (name == "A1")) for name in FAULTY])
def test_a_net_that_fails_at_the_start_fails_with_the_right_line(name):
    found = FAULTY[name].findings()
    assert set(FAULTY[name].failing) <= levels(found, "fail"), found
    assert found["gradient check"].passed
    for one in found.values():
        assert "\n" not in one.sentence + one.advice
        assert bool(one.advice) == (not one.passed)


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.long] * (name != QUICK)) for name in HEALTHY])
def test_a_healthy_net_passes(name):
    found = HEALTHY[name].findings()
    assert levels(found, "fail") == set(), found
    assert len(levels(found, "warn")) <= 1, found
    assert {"overfit 20", "gradient check", "signal"} <= levels(found, "pass")


@jax.custom_vjp
def bent(x):
    """Leaky, with a derivative that is 5 % wrong."""
    return jnp.maximum(x, 0.3 * x)


bent.defvjp(lambda x: (bent(x), x), lambda x, g: (1.05 * jnp.where(x > 0, g, 0.3 * g),))


def test_a_wrong_derivative_is_found_where_it_is():
    found = Case(digits, (12,), net={"activation": bent}).findings()["gradient check"]
    assert found.level == "fail"
    assert 0.04 < found.number < 0.06
    assert "layer 0" in found.sentence


def sorted_rows(**spec):
    rng = np.random.default_rng(0)
    labels = np.sort(np.arange(200) % 4)
    inputs = rng.normal(size=(200, 5)).astype(np.float32) * 300
    dataset = data.from_arrays(inputs, labels, test=(inputs[:20], labels[:20]))
    return RunSpec(MLPSpec((5, 6, 4)), DataSpec(preprocessing="none", batch_size=10, **spec)), dataset


def test_the_data_are_looked_at():
    """Scale, order, and a class that the last fifth alone has."""
    spec, dataset = sorted_rows(split="last_50", shuffle=False)
    found = {one.name: one for one in check(spec, Hyper(), dataset)}
    assert (found["inputs"].level, found["order"].level, found["classes"].level) == ("warn", "fail", "fail")
    assert "training part without class 3" in found["classes"].sentence
    assert round(found["inputs"].number, -1) == pytest.approx(300, rel=0.1)


def test_the_first_loss_and_what_the_penalty_adds_are_those_of_numpy():
    spec = RunSpec(MLPSpec((64, 10), initializer="randn"), loss=LossSpec(penalty="l2"))
    found = {one.name: one for one in check(spec, Hyper(penalty=0.5, init_gain=1.0), digits())}
    from jaxmlp.training import start_run

    run = start_run(0, digits(), spec=spec, hyper=Hyper())
    rows = np.asarray(run.train_index)[:1000]
    x = np.asarray(digits().train_inputs, np.float64)[rows] / 255
    weight, bias = (np.asarray(run.train.params[0][name], np.float64) for name in ("weight", "bias"))
    z = x @ weight.T + bias
    loss = np.mean(np.log(np.exp(z).sum(axis=1)) - z[np.arange(1000), np.asarray(digits().train_targets)[rows]])
    assert found["initial loss"].number == pytest.approx(loss / np.log(10), rel=1e-4)
    assert found["penalty"].number * loss == pytest.approx(0.5 * np.sum(weight**2), rel=1e-4)


NET = RunSpec(MLPSpec((64, 10)))
REFUSED = {
    "widths": (replace(NET, mlp=MLPSpec((63, 10))), {}, {}),
    "loss": (replace(NET, loss=SQUARED), {}, {}),
    "rate": (NET, {"learning_rate": -1.0}, {}),
    "batch": (replace(NET, data=DataSpec(batch_size=5000)), {}, {}),
    "preprocessing": (replace(NET, data=DataSpec(preprocessing="none")), {}, {}),
    "rows in time order": (replace(NET, data=DataSpec("random_fifth")), {}, {"split": "last_50"}),
    "intervention": (replace(NET, optimizer=OptimizerSpec("sgd"), interventions=(ResetMoments(5),)), {}, {}),
    "labels": (NET, {}, {"num_classes": 9}),
    "memory": (replace(NET, mlp=MLPSpec((64, 10**6, 10**6, 10))), {}, {}),
    "steps": (replace(NET, epochs=2**31 - 1), {}, {}),
    "no spec": ("a net", {}, {}),
    "no data": (NET, {}, None),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_study_refuses_is_refused_in_the_same_words(name):
    spec, numbers, changes = REFUSED[name]
    dataset = 7 if changes is None else digits().replace(**changes)
    said = []
    for ask in (
        lambda: study.run([study.Arm("as given", spec, Hyper(**numbers))], dataset, seeds=1),
        lambda: check(spec, Hyper(**numbers), dataset),
        lambda: why(spec, Hyper(**numbers), dataset),
    ):
        with pytest.raises(InputError) as refused:
            ask()
        said.append(re.sub(r"[\d.]+ GB of", "GB of", str(refused.value)))  # what is free moves
    assert len(set(said)) == 1


def test_a_seed_that_no_study_takes_is_refused():
    with pytest.raises(InputError, match="integers from 0"):
        check(NET, Hyper(), digits(), seed=-1)


def test_a_start_that_is_looked_at_is_the_run_s_own():
    spec = RunSpec(MLPSpec((64, 4, 10)))
    a, b = (check(spec, Hyper(), digits(), seed=seed) for seed in (0, 1))
    assert check(replace(spec, epochs=3), Hyper(), digits())[5] == a[5] != b[5]
