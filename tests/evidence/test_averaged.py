"""Averaged arms: the mean per seed and epoch, where every arm has one."""

import numpy as np
import pytest

from jaxmlp.evidence import Value, at, final, synthetic_rows, with_averaged
from jaxmlp.evidence.readings import check_rows, read

ARMS = {
    "a": {"test_accuracy": [[0.1, 0.2], [0.3, 0.4]], "diverged": [[False, False], [False, True]]},
    "b": {"test_accuracy": [[0.3, 0.8], [0.5, 0.0]], "diverged": [[False, False], [False, False]]},
}


def test_numbers_are_means_by_seed_and_epoch():
    rows = with_averaged(synthetic_rows(ARMS), {"both": ("a", "b")})
    check_rows(rows)
    first, last = read([Value("both", at("test_accuracy", epoch=0)), Value("both", final("test_accuracy"))], rows)
    assert first.to_dict() == pytest.approx({0: 0.2, 1: 0.4})
    assert last.to_dict() == pytest.approx({0: 0.5, 1: 0.2})
    own = rows[rows["arm"] == "both"]
    assert own["diverged"].tolist() == [False, False, False, True]
    assert own["run_id"].nunique() == 2


def test_only_seeds_and_epochs_of_all_arms_are_there():
    arms = {"a": {"test_accuracy": [0.1, 0.2]}, "b": {"test_accuracy": [0.3, 0.4]}}
    rows = with_averaged(synthetic_rows(arms, seeds={"a": [0, 1], "b": [1, 2]}), {"both": ("a", "b")})
    assert set(rows.loc[rows["arm"] == "both", "seed"]) == {1}


def test_a_lost_loss_is_not_averaged_away():
    arms = {"a": {"train_loss": [np.nan]}, "b": {"train_loss": [1.0]}}
    rows = with_averaged(synthetic_rows(arms), {"both": ("a", "b")})
    assert rows.loc[rows["arm"] == "both", "train_loss"].isna().all()


@pytest.mark.parametrize("averaged", [{"both": ("a", "c")}, {"a": ("a", "b")}])
def test_what_cannot_be_averaged_or_is_there_is_left_out(averaged):
    rows = synthetic_rows(ARMS)
    assert with_averaged(rows, averaged).equals(rows)
