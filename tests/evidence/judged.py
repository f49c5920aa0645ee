"""Made-up tables of end accuracies, and the verdict of a claim on them: what the tests of the rules share."""

import json

import numpy as np

from jaxmlp.evidence.claims import Claim
from jaxmlp.evidence.measures import Value, final
from jaxmlp.evidence.synthetic import synthetic_rows
from jaxmlp.evidence.verdicts import judge
from jaxmlp.evidence.words import VERDICTS

LEDGER = {"C-1": ("D0", "a statement"), "C-2": ("D3", "another statement")}
NOISE = np.random.default_rng(0).normal(size=10)

A, B, C = (Value(arm, final("test_accuracy")) for arm in "abc")


def ends(**arms):
    """Rows of arms that end at these test accuracies, seed by seed."""
    return synthetic_rows(
        {arm: {"test_accuracy": [float(end) for end in accuracies]} for arm, accuracies in arms.items()}
    )


def verdict_of(parts, rows, *, dataset="mnist", preset="full", **declared):
    parts = parts if isinstance(parts, tuple) else (parts,)
    claim = Claim("C-1", parts, **({"planned_n": 10} | declared))
    (verdict,) = judge([claim], rows, ledger=LEDGER, dataset=dataset, device="CPU", preset=preset)
    # Whatever the verdict: one of the six, plain types, no NaN.
    assert verdict["verdict"] in VERDICTS
    assert json.loads(json.dumps(verdict, allow_nan=False)) == verdict
    return verdict


def around(mean, spread):
    return mean + spread * NOISE
