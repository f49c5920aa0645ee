"""The numbers of a run: each has a range, and one outside it is refused in one line."""

import pytest

from jaxmlp.errors import InputError
from jaxmlp.training import Hyper, check_hyper


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


@pytest.mark.parametrize("field", Hyper.__dataclass_fields__)
def test_no_number_may_be_nan_and_every_default_may_stand(field):
    check_hyper(Hyper())
    with pytest.raises(InputError, match=f"{field.replace('_', ' ')} is nan"):
        check_hyper(Hyper(**{field: float("nan")}))


def test_every_default_is_a_float_so_that_no_other_float_traces_anew():
    assert [field for field in Hyper.__dataclass_fields__ if type(getattr(Hyper(), field)) is not float] == []


@pytest.mark.parametrize("field", ["momentum", "weight_decay", "penalty", "plateau_patience", "plateau_threshold"])
def test_neutral_zeros_are_accepted(field):
    check_hyper(Hyper(**{field: 0}))
