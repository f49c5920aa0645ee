"""`jaxmlp why`: why does this net not train? Table on the terminal, page and JSON in OUT."""

import argparse
import signal
from pathlib import Path

from rich.console import Console

from jaxmlp.cli.parsing import SIGNALLED
from jaxmlp.errors import InputError

WHY_FOLDER = "why"
WHY_SEEDS, WHY_BUDGET = 24, 60.0
"""As `diagnosis.why` has them: written out, so that `--help` need not wait for JAX."""


def tell_why(arguments: argparse.Namespace, console: Console) -> int:
    """Diagnose the net that was asked for; returns the exit code, that of Ctrl-C where it was interrupted."""
    from jaxmlp.cli.settings import given_settings

    settings = given_settings(arguments)
    if "compare" in settings:
        raise InputError("compare asks for several nets, and why is about one: leave it out")
    from jaxmlp import diagnosis, study
    from jaxmlp.cli.building import load_data, make_setting
    from jaxmlp.cli.jax_settings import keep_programs
    from jaxmlp.cli.training import described
    from jaxmlp.files import check_writable

    dataset = load_data(settings)
    spec, hyper = make_setting(settings, dataset)
    folder: Path = arguments.out / WHY_FOLDER
    if folder.exists():
        raise InputError(f"{folder} exists already: give another --out")
    check_writable(folder)
    keep_programs()

    def say(line: str) -> None:
        console.print(line, highlight=False, soft_wrap=True, markup=False)

    say(dataset.found or f"data: {dataset.name}")
    (line,) = described({"as given": (spec, hyper)})
    say(line)
    found = diagnosis.why(
        spec,
        hyper,
        dataset,
        # Not those of a spec file, which are how many nets `jaxmlp train` trained.
        seeds=WHY_SEEDS if arguments.seeds is None else arguments.seeds,
        budget=arguments.budget,
        say=say,
        display=study.LineDisplay("", Console(quiet=True)),
    )
    found.save(folder)
    console.print(diagnosis.trials_table(found))
    for line in diagnosis.sentences(found):
        say(line)
    for repair in found.to_json()["repairs"]:
        say(f"to {repair['sentence']}: {repair['options'] or 'no option'} | {repair['python']}")
    say(f"page: {folder / 'diagnosis.html'}")
    return SIGNALLED + signal.SIGINT if found.interrupted else 0
