"""What a diagnosis says stands on paired shares: an interval against a published example, corrections against R's."""

import numpy as np
import pytest

from jaxmlp.diagnosis.verdict import Effect, effects, holm, paired_share_interval
from jaxmlp.errors import InputError


def outcomes(both, only_a, only_b, neither):
    """Paired outcomes from the four counts of their table."""
    a = [True] * both + [True] * only_a + [False] * only_b + [False] * neither
    b = [True] * both + [False] * only_a + [True] * only_b + [False] * neither
    return a, b


def test_the_paired_interval_is_the_one_of_newcombes_table():
    # Newcombe 1998, Statistics in Medicine 17, 2635-2650: the method-10 interval of the table (36, 12, 2, 0).
    low, high = paired_share_interval(*outcomes(36, 12, 2, 0))
    assert (round(low, 4), round(high, 4)) == (0.0569, 0.3404)


def test_the_paired_interval_turns_round_with_its_sides():
    a, b = outcomes(20, 9, 3, 8)
    low, high = paired_share_interval(a, b)
    assert paired_share_interval(b, a) == pytest.approx((-high, -low))


def test_the_paired_interval_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(0)
    p_a, p_b, n, hits = 0.9, 0.4, 24, 0
    for _ in range(400):
        shared = rng.random(n)  # one seed, one draw: the pairs are correlated
        low, high = paired_share_interval(list(shared < p_a), list(shared < p_b))
        hits += low <= p_a - p_b <= high
    assert hits / 400 > 0.92


@pytest.mark.parametrize(("a", "b"), [([], []), ([True], [True, False])])
def test_outcomes_that_are_no_pairs_are_refused(a, b):
    with pytest.raises(InputError, match="not pairs"):
        paired_share_interval(a, b)


@pytest.mark.parametrize(
    ("p_values", "corrected"),
    [
        ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),  # R's p.adjust(p, "holm")
        ([0.5, 0.9], [1.0, 1.0]),
        ([0.2], [0.2]),
    ],
)
def test_holms_correction_is_that_of_r(p_values, corrected):
    named = dict(enumerate(p_values))
    assert list(holm({str(k): v for k, v in named.items()}).values()) == pytest.approx(corrected)


@pytest.mark.parametrize(
    ("with_change", "before", "helps", "repairs"),
    [
        (24, 0, True, True),
        (22, 0, True, True),  # 92 %
        (21, 0, True, False),  # 88 %: under nine in ten
        (12, 0, True, False),
        (2, 0, False, False),
        (24, 22, False, False),  # as good before
        (0, 24, False, False),  # harm
    ],
)
def test_a_change_repairs_where_nine_runs_in_ten_succeed_that_failed_before(with_change, before, helps, repairs):
    n = 24
    runs = [i < with_change for i in range(n)]
    found = effects({"change": runs}, [i < before for i in range(n)])["change"]
    assert (found.helps, found.repairs) == (helps, repairs)


def test_what_helps_alone_may_not_help_among_many():
    n = 12
    before = [False] * n
    weak = [i < 6 for i in range(n)]  # McNemar: p = 1/32
    alone = effects({"weak": weak}, before)["weak"]
    among = effects({"weak": weak} | {f"idle {i}": before for i in range(4)}, before)["weak"]
    assert alone.helps
    assert not among.helps
    assert among.p_value == pytest.approx(5 * alone.p_value)


def test_an_effect_is_the_difference_of_the_shares():
    assert Effect(18, 6, 24, 0.2, 0.7, 0.001).estimate == 0.5
