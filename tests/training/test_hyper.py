"""The numbers of a run: each has a range, and one outside it is refused in one line."""

from dataclasses import fields

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmlp.errors import InputError
from jaxmlp.training import Hyper, check_hyper, hyper_of, hyper_values

FIELDS = [field.name for field in fields(Hyper) if field.name != "user"]


@pytest.mark.parametrize(
    ("field", "bad", "bounds"),
    [
        ("momentum", 1.0, "at least 0 and below 1"),
        ("momentum", -0.1, "at least 0"),
        ("rmsprop_decay", 1.0, "at least 0 and below 1"),
        ("cache_eps", 0.0, "above 0"),
        ("weight_decay", -1e-4, "at least 0"),
        ("clip_norm", 0.0, "above 0"),  # it would stop every parameter
        ("penalty", -1.0, "at least 0"),
        ("decay_factor", 0.0, "above 0 and at most 1"),
        ("decay_factor", 1.5, "above 0 and at most 1"),
        ("plateau_factor", 1.5, "above 0 and at most 1"),
        ("plateau_patience", -1, "at least 0"),
        ("plateau_threshold", 1.0, "at least 0 and below 1"),
        ("stop_patience", 0, "at least 1"),
    ],
)
def test_numbers_out_of_range_say_what_is_accepted(field, bad, bounds):
    with pytest.raises(InputError, match=f"{field.replace('_', ' ')} is .*: give a number {bounds}"):
        check_hyper(Hyper(**{field: bad}))


@pytest.mark.parametrize("field", FIELDS)
def test_no_number_may_be_nan_and_every_default_may_stand(field):
    check_hyper(Hyper())
    with pytest.raises(InputError, match=f"{field.replace('_', ' ')} is nan"):
        check_hyper(Hyper(**{field: float("nan")}))


def test_every_default_is_a_float_so_that_no_other_float_traces_anew():
    assert [field for field in FIELDS if type(getattr(Hyper(), field)) is not float] == []


@pytest.mark.parametrize("field", ["momentum", "weight_decay", "penalty", "plateau_patience", "plateau_threshold"])
def test_neutral_zeros_are_accepted(field):
    check_hyper(Hyper(**{field: 0}))


OWN = {"temperature": 2.0, "beta": 0.5}


def test_a_user_s_numbers_are_traced_as_all_others():
    traces = []

    @jax.jit
    def sum_of(hyper):
        traces.append(1)
        return hyper.number("user.temperature") + hyper.number("user.beta") + hyper.number("beta1")

    assert sum_of(Hyper(user=OWN)) == pytest.approx(3.4)
    assert sum_of(Hyper(user={"beta": 1, "temperature": jnp.float32(3.0)}).replace(user=OWN)) == pytest.approx(3.4)
    assert sum_of(jax.tree.map(float, Hyper(user={"beta": 1.0, "temperature": 7.0}))) == pytest.approx(8.9)
    assert len(traces) == 1
    doubled = jax.tree.map(lambda number: 2 * number, Hyper(user=OWN))
    assert (dict(doubled.user), doubled.beta1) == ({"temperature": 4.0, "beta": 1.0}, 1.8)


def test_a_user_s_numbers_are_values_only_where_there_are_any():
    """Ids of runs hash these values."""
    assert list(hyper_values(Hyper())) == FIELDS
    assert hyper_values(Hyper(user=OWN)) == hyper_values(Hyper()) | {"user.beta": 0.5, "user.temperature": 2.0}
    assert hyper_of(hyper_values(Hyper(user=OWN, margin=1.0))) == Hyper(user=OWN, margin=1.0)
    assert hyper_of({}) == Hyper()
    (own,) = (field for field in fields(Hyper) if field.name == "user")
    assert own.metadata["neutral"] == Hyper().user == {}
    with pytest.raises(TypeError, match="flavour"):
        hyper_of({"flavour": 1.0})


def test_numbers_stay_hashable_and_are_copied():
    given = dict(OWN)
    hyper = Hyper(user=given)
    given["beta"] = 9.0
    assert hyper == Hyper(user=OWN)
    assert hash(hyper) == hash(Hyper(user=OWN))
    with pytest.raises(ValueError, match="immutable"):
        hyper.user["beta"] = 9.0


@pytest.mark.parametrize(
    ("user", "message"),
    [
        ({"a": float("nan")}, "user.a is nan: give a finite number"),
        ({"a": float("inf")}, "user.a is inf: give a finite number"),
        ({"a": "2"}, "user.a is '2': give a finite number"),
        ({"a": np.ones(2)}, r"user.a is array\(\[1., 1.\]\): give a finite number"),
        ({"a b": 1.0}, "user has a number called 'a b': give a word such as 'temperature'"),
        ({3: 1.0}, "user has a number called 3: give a word"),
        (3.0, "user is 3.0: give names and numbers, such as"),
    ],
)
def test_a_user_s_numbers_are_finite_and_have_names(user, message):
    check_hyper(Hyper(user={"a": 1, "b": np.float32(2.0), "c": jnp.ones(()), "d": -1e9}))
    with pytest.raises(InputError, match=message):
        check_hyper(Hyper(user=user))


def test_a_number_that_is_not_there_says_what_is():
    with pytest.raises(InputError, match=r"user.x is missing, user has nothing: give Hyper\(user={'x': ...}\)"):
        Hyper().number("user.x")
    with pytest.raises(InputError, match=r"user\.x is missing, user has 'beta', 'temperature'"):
        Hyper(user=OWN).number("user.x")
