"""`why`: train counterfactuals until the question why a net does not train has an answer.

The steps: train as given, train a reference, try changes one at a time, confirm on fresh seeds, put the fault into the
reference, report. Few seeds screen, others judge: what is said about a change stands on runs that had no part in
choosing it, so intervals stay valid however many changes were screened.
"""

import math
from collections.abc import Sequence

from jaxmlp.data import Dataset
from jaxmlp.diagnosis.budget import Budget
from jaxmlp.diagnosis.changes import CHANGES
from jaxmlp.diagnosis.diagnosis import Diagnosis
from jaxmlp.diagnosis.inquiry import JUDGING_RUNS, Inquiry, Tell
from jaxmlp.diagnosis.outcomes import check_setting
from jaxmlp.diagnosis.setting import Setting
from jaxmlp.errors import InputError, check_choice, check_count
from jaxmlp.study.progress import Display
from jaxmlp.training import Hyper, RunSpec

LEAST_RUNS = 12
"""A share of fewer runs decides nothing: its interval is wider than half of the line."""
BUDGET = 60.0
"""Seconds."""


def why(
    spec: RunSpec,
    hyper: Hyper,
    dataset: Dataset,
    *,
    seeds: int = JUDGING_RUNS,
    budget: float = BUDGET,
    changes: Sequence[str] | None = None,
    say: Tell = lambda line: None,
    display: Display | None = None,
) -> Diagnosis:
    """Tell why a net does not train, by training counterfactuals with many seeds.

    Ctrl-C ends it with what is known by then, once the net as given and a reference are trained.

    Args:
        spec: the net and how it is trained.
        hyper: its numbers.
        dataset: from `data.load` or `data.from_arrays`.
        seeds: fresh runs that judge the net as given and every confirmed change, at least 12.
        budget: seconds that the whole answer may take, about; what does not fit is listed in `not_tried`. The net as
            given, a reference and changes of its numbers are trained whatever it is.
        changes: names of `CHANGES` to try; None tries all that apply.
        say: takes a line about every stage.
        display: where the progress of each stage goes; by default as `study.run` chooses.

    Returns:
        The diagnosis.

    Raises:
        InputError: a net that cannot run on these data, fewer than 12 seeds, an unknown change, or a budget that is no
            positive number.
        KeyboardInterrupt: Ctrl-C before anything is known.

    >>> from jaxmlp import data, nn, training
    >>> why(training.RunSpec(nn.MLPSpec((64, 30, 10))), training.Hyper(), data.load("digits"), seeds=3)
    Traceback (most recent call last):
        ...
    jaxmlp.errors.InputError: seeds is 3: give at least 12, since a share of fewer runs decides nothing
    """
    check_count("seeds", seeds)
    if seeds < LEAST_RUNS:
        raise InputError(f"seeds is {seeds}: give at least {LEAST_RUNS}, since a share of fewer runs decides nothing")
    if not 0 < budget < math.inf:
        raise InputError(f"budget is {budget:g}: give seconds, such as 60")
    for name in changes or ():
        check_choice("change", name, CHANGES)
    given = Setting(spec, hyper)
    check_setting(given, dataset)
    return Inquiry(given, dataset, seeds, Budget(budget), changes or tuple(CHANGES), say, display).answer()
