"""Made-up results and verdicts that the tests of figures, report and table share."""

import numpy as np
import pandas as pd

from jaxmlp.evidence.synthetic import synthetic_rows

# [S, E + 1] of the arm "he"; epoch 0, before training, has no training loss.
LOSS = [[np.nan, 0.5, 0.2, 0.10], [np.nan, 0.6, 0.3, 0.12], [np.nan, 0.4, 0.1, 0.05]]
TRAIN = [[0.1, 0.90, 0.95, 0.99], [0.1, 0.91, 0.96, 0.98], [0.1, 0.92, 0.94, 0.97]]
VAL = [[0.1, 0.89, 0.94, 0.97], [0.1, 0.90, 0.95, 0.96], [0.1, 0.91, 0.93, 0.95]]
TEST = [0.975, 0.965, 0.940]


def he_columns() -> dict[str, list]:
    """One arm of three runs that learn."""
    test = [[np.nan] * 3 + [value] for value in TEST]
    return {"train_loss": LOSS, "train_accuracy": TRAIN, "val_accuracy": VAL, "test_accuracy": test}


def randn_columns() -> dict[str, list]:
    """Three runs at chance: the second diverges at epoch 2, the third at epoch 1, before any finite loss."""
    nan = np.nan
    chance = [[0.1, 0.11, 0.11, 0.11], [0.1, 0.12, 0.1, 0.1], [0.1, 0.1, 0.1, 0.1]]
    return {
        "train_loss": [[nan, 300.0, 3.0, 2.3], [nan, 400.0, nan, nan], [nan, nan, nan, nan]],
        "train_accuracy": chance,
        "val_accuracy": chance,
        "test_accuracy": [[nan, nan, nan, 0.1135], [nan, nan, nan, 0.0980], [nan, nan, nan, 0.0980]],
        "diverged": [[False] * 4, [False, False, True, True], [False, True, True, True]],
    }


def two_arms() -> pd.DataFrame:
    """Both arms, as a study writes them."""
    return synthetic_rows({"randn": randn_columns(), "he": he_columns()})


def verdict(claim: str = "C-001", **changes) -> dict:
    """One entry of verdicts.json: a reproduced difference of 75.27 points, with `changes`."""
    entry = {
        "claim": claim,
        "doc": "D0",
        "statement": "He initialization cures the network.",
        "ours": False,
        "verdict": "reproduced",
        "how": "",
        "cause_found": "",
        "margins": {"half": "reproduced", "double": "reproduced"},
        "fragile": False,
        "qualified": [],
        "kind": "difference",
        "effect": 0.7527,
        "unit": "accuracy",
        "delta": 0.1,
        "ci_low": 0.701,
        "ci_high": 0.805,
        "n": 10,
        "planned_n": 10,
        "first_seed": 0,
        "margin_reason": "",
        "limits": "",
        "rule": "reproduced where the interval lies entirely above 10 percentage points",
        "arms": ["he", "randn"],
        "factor": None,
        "seeds_needed": None,
        "dataset": "mnist",
        "device": "CPU",
        "preset": "full",
        "evidence": "Mean 97.7 %, other mean 22.4 %.",
        "preview": False,
        "parts": [],
        "amended": [],
    }
    return entry | changes


def not_tested(claim: str = "C-010") -> dict:
    """A claim whose arm is missing: nothing was measured."""
    empty = dict.fromkeys(("effect", "ci_low", "ci_high"))
    return verdict(claim, verdict="not_tested", n=0, evidence="Missing: arm he_bn is not in the results.", **empty)
