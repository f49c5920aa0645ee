"""The options that a repair is told as: typed after the command that was given, they make the repaired net."""

import numpy as np
import pytest

from jaxmlp import data
from jaxmlp.cli.building import make_setting
from jaxmlp.cli.main import make_parser
from jaxmlp.cli.settings import given_settings
from jaxmlp.diagnosis import CHANGES, Setting
from jaxmlp.diagnosis.changes import changed_by
from jaxmlp.diagnosis.setting import as_options

DIGITS = data.load("digits")
DEEP = "--widths 30,20,30,30 --activation sigmoid --initializer randn --no-shuffle --optimizer sgd"
DEEP += " --learning-rate 20.123456789"
NORMED = "--widths 30,30 --norm batch_norm --dropout-rate 0.5 --clip-norm 3 --loss euclidean --output sigmoid"
NORMED += " --init-gain 0.123456789"
UNEVEN = data.from_arrays(
    np.random.default_rng(0).normal(size=(100, 64)).astype(np.float32), [0] * 85 + [1] * 15, name="uneven"
)
LINES = {"deep": (DIGITS, DEEP), "normed": (DIGITS, NORMED), "uneven": (UNEVEN, "--widths 8,8 --split random_fifth")}


def setting_of(line, dataset):
    """The setting that a command line asks for."""
    arguments = make_parser().parse_args(["why", "--dataset", "digits", *line.split()])
    return Setting(*make_setting(given_settings(arguments), dataset))


@pytest.mark.parametrize("name", [name for name in CHANGES if name != "scaled_targets"])
def test_the_options_of_a_change_make_it(name):
    """On every line that it applies to, one at least; to scale targets there is no option."""
    applied = 0
    for dataset, words in LINES.values():
        given = setting_of(words, dataset)
        changed = changed_by(name, given, dataset)
        if changed is not None:
            told = as_options(given, changed)
            assert told
            assert setting_of(f"{words} {told}", dataset) == changed
            applied += 1
    assert applied
