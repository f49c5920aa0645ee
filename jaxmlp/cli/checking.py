"""`jaxmlp check`: look at a net and its data before training; exit code 1 where a check fails."""

import argparse
from typing import TYPE_CHECKING

from rich.console import Console

from jaxmlp.errors import InputError

if TYPE_CHECKING:
    from jaxmlp.diagnosis import Finding

STYLES = {"pass": "", "warn": "yellow", "fail": "bold red"}


def report_check(arguments: argparse.Namespace, console: Console) -> int:
    """Print what was found; returns the exit code, 1 where a check failed."""
    from jaxmlp.cli.settings import given_settings

    settings = given_settings(arguments)
    if "compare" in settings:
        raise InputError("--compare is for training: check one net at a time")
    from jaxmlp.cli.building import load_data, make_setting
    from jaxmlp.cli.jax_settings import keep_programs
    from jaxmlp.cli.training import described
    from jaxmlp.diagnosis import check

    dataset = load_data(settings)
    spec, hyper = make_setting(settings, dataset)
    keep_programs()
    found = check(spec, hyper, dataset, seed=arguments.seed)
    for line in (dataset.found, *described({"own": (spec, hyper)})):
        console.print(line, highlight=False, soft_wrap=True, markup=False)
    for one in found:
        console.print(told(one), style=STYLES[one.level], highlight=False, soft_wrap=True, markup=False)
    counts = {level: sum(one.level == level for one in found) for level in STYLES}
    summary = f"{counts['pass']} passed, {counts['warn']} to look at, {counts['fail']} failed"
    console.print(summary, highlight=False, soft_wrap=True, markup=False)
    return 1 if counts["fail"] else 0


def told(one: "Finding") -> str:
    """A finding as a line of the terminal's table, and what to do on a second one."""
    line = f"{one.level:4}  {one.name:15} {one.sentence}"
    return f"{line}\n{'':22}{one.advice}" if one.advice else line
