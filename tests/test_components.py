"""Tables: a user's rows stand beside the library's, and every name means one thing."""

import functools
import threading

import jax
import jax.numpy as jnp
import optax
import pytest

from jaxmlp import data, nn, training
from jaxmlp.components import Components, Unfingerprintable
from jaxmlp.errors import InputError
from jaxmlp.nn import ACTIVATIONS, Activation, MLPSpec
from jaxmlp.training.spec import COMPONENT_TABLES
from tests.user_rows import user_rows, users

__all__ = ["user_rows"]
pytestmark = pytest.mark.usefixtures("user_rows")


def softsign(x):
    return x / (1.0 + jnp.abs(x))


def own_loss(logits, labels):
    return nn.cross_entropy(logits, labels)


def own_schedule(clock, spec, hyper):
    return 1.0


def own_optimizer(hyper):
    return optax.sgd(hyper.learning_rate)


def test_built_in_rows_come_first_and_have_no_fingerprint():
    assert next(iter(nn.LOSSES)) == "cross_entropy"
    for table in COMPONENT_TABLES.values():
        assert [name for name in table if table.is_user(name) or table.fingerprint(name) is not None] == []
        assert all(isinstance(row, table.row_type) for row in table.values())
    assert ACTIVATIONS.register("softsign", softsign) == "softsign"
    assert list(ACTIVATIONS)[-1] == "softsign"
    assert ACTIVATIONS["softsign"] == Activation(softsign)
    assert ACTIVATIONS.is_user("softsign")
    assert len(ACTIVATIONS.fingerprint("softsign")) == 64


def test_a_name_means_one_thing():
    own = Activation(softsign, "user.a")
    with pytest.raises(
        InputError, match=r"\Aactivation 'relu' is jaxmlp's own, and this is another one: give it anoth"
    ):
        ACTIVATIONS.register("relu", own)
    with pytest.raises(InputError, match="activation 'maxout' is jaxmlp's own"):
        ACTIVATIONS.register("maxout", own)
    assert ACTIVATIONS.register("relu", ACTIVATIONS["relu"]) == "relu"
    assert not ACTIVATIONS.is_user("relu")
    ACTIVATIONS.register("own", own)
    assert ACTIVATIONS.register("own", own) == "own"
    for other in (Activation(softsign), Activation(softsign, "user.b"), Activation(jnp.tanh, "user.a")):
        with pytest.raises(InputError, match="activation 'own' is registered already, and this is another one"):
            ACTIVATIONS.register("own", other)
    assert ACTIVATIONS["own"] is own


def test_a_notebook_s_cell_may_run_twice_but_not_with_other_code():
    def cell(factor):
        scope = {}
        exec(f"def own(x): return {factor} * x", scope)
        return scope["own"]

    MLPSpec((2, 3), activation=cell(2.0))
    assert MLPSpec((2, 3), activation=cell(2.0)).activation == "own"
    with pytest.raises(InputError, match="activation 'own' is registered already"):
        MLPSpec((2, 3), activation=cell(3.0))
    ACTIVATIONS.remove("own")
    first = ACTIVATIONS.fingerprint(ACTIVATIONS.register("own", cell(3.0)))
    ACTIVATIONS.remove("own")
    assert ACTIVATIONS.fingerprint(ACTIVATIONS.register("own", cell(2.0))) != first


def test_what_was_removed_is_not_computed_with_any_more():
    spec = training.RunSpec(MLPSpec((64, 5, 10), activation=ACTIVATIONS.register("own", jnp.abs)))
    params, state = nn.init_mlp(jax.random.key(0), spec.mlp, training.Hyper())
    net = training.Net(params, state, (), training.Hyper(), spec)
    images = data.load("digits").test_inputs[:5]
    before = net.logits(images)
    ACTIVATIONS.remove("own")
    ACTIVATIONS.register("own", jnp.negative)
    assert abs(net.logits(images) - before).max() > 1e-3


def test_what_has_no_fingerprint_is_registered_and_says_so_when_asked():
    lock = threading.Lock()
    locked = lambda x: x if lock else -x
    ACTIVATIONS.register("locked", locked)
    with pytest.raises(Unfingerprintable, match=r"activation 'locked': a value that .* closes over is of _thread.lock"):
        ACTIVATIONS.fingerprint("locked")
    assert ACTIVATIONS.register("locked", locked) == "locked"
    with pytest.raises(InputError, match="registered already"):
        ACTIVATIONS.register("locked", lambda x: x if lock else -x)


def test_a_fingerprint_follows_what_it_depends_on():
    scope = {"factor": 2.0}
    exec("def own(x): return factor * x", scope)
    ACTIVATIONS.register("own", scope["own"])
    before = ACTIVATIONS.fingerprint("own")
    scope["factor"] = 3.0
    assert ACTIVATIONS.fingerprint("own") != before


PASSED = {
    "mlp.activation": (lambda given: MLPSpec((64, 5, 10), activation=given), "activation", softsign),
    "loss.name": (lambda given: training.LossSpec(given), "name", own_loss),
    "schedule.name": (lambda given: training.ScheduleSpec(given), "name", own_schedule),
    "optimizer.name": (lambda given: training.OptimizerSpec(given), "name", own_optimizer),
}


@pytest.mark.parametrize("path", PASSED)
def test_passing_a_function_or_a_row_is_registering_it(path):
    make, field, function = PASSED[path]
    table = COMPONENT_TABLES[path]
    registered = make(table.register(function.__name__, function))
    for given in (function, table.row_type(function)):
        spec = make(given)
        assert spec == registered
        assert hash(spec) == hash(registered)
        assert getattr(spec, field) == function.__name__
    table.remove(function.__name__)
    assert make(table.row_type(function)) == registered
    assert users() == [(table, function.__name__)]
    with pytest.raises(InputError, match=f"this {table.kind} has no name of its own: give it one with register"):
        make(lambda *x: x)
    with pytest.raises(InputError, match="has no name of its own"):
        make(functools.partial(function))
    with pytest.raises(InputError, match=f"^3 is no {table.kind}: give an? {table.row_type.__name__} or a function"):
        make(3)


@pytest.mark.parametrize(
    ("make", "row"),
    [
        (lambda given: MLPSpec((2, 3), initializer=given), nn.Initializer(jax.random.normal, lambda i, o: 1.0)),
        (
            lambda given: training.DataSpec(preprocessing=given),
            data.Preprocessing(lambda images, index: (), lambda state, images: images),
        ),
    ],
)
def test_rows_of_several_functions_need_a_name(make, row):
    with pytest.raises(InputError, match="has no name of its own: give it one with register"):
        make(row)
    with pytest.raises(InputError, match=r"is no .*: give an? (Initializer|Preprocessing)$"):
        make(row[0])
    assert users() == []


@pytest.mark.parametrize("name", ["", " own", "two\nlines", 3, None])
def test_a_name_is_a_word(name):
    with pytest.raises(InputError, match="is no name for an activation: give a word such as 'softsign'"):
        ACTIVATIONS.register(name, softsign)


@pytest.mark.parametrize(
    ("table", "row", "message"),
    [
        (ACTIVATIONS, 3, "3 is no activation: give an Activation or a function"),
        (ACTIVATIONS, nn.LOSSES["hinge"], "is no activation: give"),
        (ACTIVATIONS, dict, "is no activation: give"),
        (
            ACTIVATIONS,
            Activation(softsign, "slope"),
            r"number 'slope': give 'user.NAME' for one of your own, or one of",
        ),
        (ACTIVATIONS, Activation(softsign, "user.a b"), "number 'user.a b': give 'user.NAME'"),
        (ACTIVATIONS, Activation(softsign, "user"), "number 'user': give 'user.NAME'"),
        (ACTIVATIONS, Activation(softsign, learned=True), "a learned activation without number: name the one that"),
        (nn.LOSSES, nn.Loss(own_loss, "temperature"), "number 'temperature': give 'user.NAME'"),
        (
            training.SCHEDULES,
            training.Schedule(own_schedule, ("floor",)),
            r"numbers \('floor',\): give the user's numbers",
        ),
        (training.OPTIMIZERS, optax.lion, r"lion is optax's own, called with numbers: .* lambda hyper: optax.lion\("),
        (
            training.SCHEDULES,
            optax.linear_schedule(1.0, 0.0, 9),
            r"is optax's, of the step alone: give optax_schedule\(",
        ),
        (training.OPTIMIZERS, training.Optimizer(own_optimizer, "user.a"), "numbers 'user.a': give the user's numbers"),
        (training.OPTIMIZERS, training.Optimizer(own_optimizer, rate_inside=True), "rate_inside is of rules that give"),
    ],
)
def test_a_row_that_cannot_be_is_refused(table, row, message):
    with pytest.raises(InputError, match=message) as caught:
        table.register("own", row)
    assert "\n" not in str(caught.value)
    assert users() == []


def test_only_a_user_s_row_can_be_removed():
    with pytest.raises(InputError, match="'relu' is no activation of a user's: there is none"):
        ACTIVATIONS.remove("relu")
    ACTIVATIONS.register("own", softsign)
    with pytest.raises(InputError, match="'other' is no activation of a user's: own"):
        ACTIVATIONS.remove("other")
    with pytest.raises(KeyError):
        ACTIVATIONS.fingerprint("other")


def test_a_table_is_a_mapping_with_a_short_text():
    table = Components("activation", Activation, {"a": softsign}, from_function=Activation)
    assert (dict(table), len(table), "b" in table, table.get("b")) == ({"a": Activation(softsign)}, 1, False, None)
    assert repr(table) == "<1 rows of activation: a>"
