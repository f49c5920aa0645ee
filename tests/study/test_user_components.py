"""A study with a component of a user's own: it trains, is resumed in a folder, and leaves nets that flax computes."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pandas as pd
import pytest

from jaxmlp import data, nn, study, training
from jaxmlp.data import PREPROCESSINGS, Preprocessing
from jaxmlp.errors import InputError
from jaxmlp.nn import ACTIVATIONS, Activation, Initializer, Loss
from jaxmlp.training import SCHEDULES, Hyper, Optimizer, Schedule
from tests.study.small import make_spec, numbers, run
from tests.user_rows import user_rows

__all__ = ["user_rows"]
pytestmark = pytest.mark.usefixtures("user_rows")


@pytest.fixture(scope="module")
def digits():
    return data.load("digits")


def softsign(x):
    return x / (1.0 + jnp.abs(x))


def swish(x, beta):
    return x * jax.nn.sigmoid(beta * x)


def tempered(logits, labels, temperature):
    return nn.cross_entropy(logits / temperature, labels)


def truncated(key, shape):
    return jax.random.truncated_normal(key, -2.0, 2.0, shape)


def highest(images, index):
    return jnp.max(images[index]).astype(jnp.float32)


def lion(hyper):
    return optax.lion(hyper.learning_rate, b1=hyper.beta1, b2=hyper.number("user.beta2"))


def inverse_root(clock, spec, hyper):
    epoch = clock.step.astype(float) / clock.steps_per_epoch
    return 1.0 / jnp.sqrt(1.0 + epoch / hyper.number("user.half_life"))


OWN = {
    "activation": ("mlp.activation", Activation(softsign)),
    "activation with a number": ("mlp.activation", Activation(swish, "user.beta")),
    "learned activation": ("mlp.activation", Activation(swish, "user.beta", learned=True)),
    "loss": ("loss.name", Loss(tempered, "user.temperature")),
    "initializer": ("mlp.initializer", Initializer(truncated, lambda fan_in, fan_out: fan_in**-0.5)),
    "preprocessing": (
        "data.preprocessing",
        Preprocessing(highest, lambda top, images: images.astype(jnp.float32) / top - 0.5),
    ),
    "optimizer": ("optimizer.name", Optimizer(lion, ("user.beta2",))),
    "schedule": ("schedule.name", Schedule(inverse_root, ("user.half_life",))),
}
NUMBERS = {
    "mlp.activation": {"beta": 1.5},
    "loss.name": {"temperature": 2.0},
    "optimizer.name": {"beta2": 0.95},
    "schedule.name": {"half_life": 0.5},
}


def arms_with(kind):
    """An arm with the library's own component, and two with the user's, which share a program."""
    path, row = OWN[kind]
    part, _, field = path.partition(".")
    name = training.spec.COMPONENT_TABLES[path].register("own", row)
    base = make_spec(epochs=2)
    spec = replace(base, **{part: replace(getattr(base, part), **{field: name})})
    hyper = Hyper(learning_rate=3e-3, user=NUMBERS.get(path, {}))
    other = hyper.replace(user={key: value / 2 for key, value in hyper.user.items()}, learning_rate=2e-3)
    return [study.Arm("base", base, hyper), study.Arm("own", spec, hyper), study.Arm("other", spec, other)]


@pytest.mark.parametrize("kind", OWN)
def test_it_trains_is_resumed_and_kept(digits, tmp_path, kind):
    arms = arms_with(kind)
    whole = run(arms, digits, seeds=2)
    run(arms[:2], digits, seeds=1, out=tmp_path / "s", keep_params="last")
    resumed = run(arms, digits, seeds=2, lanes=None, out=tmp_path / "s", resume=True, keep_params="last")
    pd.testing.assert_frame_equal(resumed.rows, whole.rows.assign(experiment="study"))
    losses = {arm.name: numbers(whole.rows, arm.name, range(2))["train_loss"][:, 1:] for arm in arms}
    for arm in ("own", "other"):
        assert (losses[arm][:, 1] < losses[arm][:, 0]).all()
        assert (losses[arm] != losses["base"]).all()
    assert (losses["own"] != losses["other"]).all()
    run_id = resumed.rows[resumed.rows["arm"] == "own"]["run_id"].iloc[0]
    net = resumed.nets.get(run_id)
    assert net.spec == arms[1].spec
    assert net.hyper == training.hyper_of(training.hyper_values(arms[1].hyper))
    x = PREPROCESSINGS[net.spec.data.preprocessing].apply(net.preprocessing, jnp.asarray(digits.test_inputs))
    np.testing.assert_allclose(training.export_nnx(net)(x), net.logits(digits.test_inputs), rtol=1e-5, atol=1e-5)
    if kind == "learned activation":
        (slope,) = (layer["slope"] for layer in net.params if "slope" in layer)
        assert slope != 1.5


def test_a_number_that_is_missing_is_said_before_anything_is_written(digits, tmp_path):
    _, arm, _ = arms_with("learned activation")
    with pytest.raises(InputError, match=r"user\.beta is missing, user has nothing"):
        run([replace(arm, hyper=Hyper())], digits, out=tmp_path / "s")
    with pytest.raises(InputError, match=r"user\.beta is inf"):
        run([replace(arm, hyper=Hyper(user={"beta": np.inf}))], digits, out=tmp_path / "s")
    assert not (tmp_path / "s").exists()


def test_what_no_row_names_does_not_go_along(digits):
    """Runs of one spec share a program, whatever further numbers they have."""
    SCHEDULES.register("own", lambda clock, spec, hyper: hyper.number("user.half_life"))
    spec = make_spec(schedule=training.ScheduleSpec("own"))
    with pytest.raises(InputError, match=r"user\.half_life is missing, user has nothing: .* list it in the row"):
        run([study.Arm("a", spec, Hyper(user={"half_life": 1.0}))], digits)


def test_a_grid_of_a_user_s_components_and_numbers(digits):
    ACTIVATIONS.register("swish", Activation(swish, "user.beta"))
    base = make_spec(epochs=1)
    axes = {"mlp.activation": ["relu", softsign, "swish"], "hyper.user.beta": [1.0, 2.0]}
    arms = study.grid(base, Hyper(), axes)
    assert [arm.name for arm in arms] == [
        f"activation={a} beta={b}" for a in ("relu", "softsign", "swish") for b in (1, 2)
    ]
    assert [(arm.spec.mlp.activation, arm.hyper.user["beta"]) for arm in arms[-2:]] == [("swish", 1.0), ("swish", 2.0)]
    with pytest.raises(InputError, match="this activation has no name of its own"):
        study.grid(base, Hyper(), {"mlp.activation": [lambda x: x]})
    with pytest.raises(InputError, match=r"beta=nan: user.beta is nan: give a finite number"):
        study.grid(base, Hyper(), {"hyper.user.beta": [float("nan")]})
    with pytest.raises(InputError, match=r"unknown setting 'hyper.user': in hyper are"):
        study.grid(base, Hyper(), {"hyper.user": [1.0]})
    rows = run(arms[-3:], digits, seeds=1).final()
    assert rows.set_index("arm")["train_loss"].nunique() == 3


def test_arms_without_a_number_stand_beside_those_with_it(digits, tmp_path):
    ACTIVATIONS.register("swish", Activation(swish, "user.beta"))
    spec = make_spec(epochs=1)
    own = replace(spec, mlp=replace(spec.mlp, activation="swish"))
    arms = [study.Arm("a", spec), study.Arm("b", own, Hyper(user={"beta": 2.0}))]
    rows = run(arms, digits, seeds=1, out=tmp_path / "s").rows.drop_duplicates("arm").set_index("arm")
    assert rows["hyper.user.beta"].isna()["a"]
    assert rows["hyper.user.beta"]["b"] == 2.0


def test_ids_of_settings_without_user_s_numbers_are_what_they_were():
    """Those of the second are hashes of values that were there before a user could have any."""
    run_of = study.arms.make_run
    plain, own = (
        run_of(study.Arm("a", make_spec(), hyper), 0, "-").run_id for hyper in (Hyper(), Hyper(user={"a": 1.0}))
    )
    assert plain == "72a2e2b4796e61e7"
    assert own != plain
