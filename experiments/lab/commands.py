"""What each command of `python -m experiments` does; `experiments.lab.cli` reads the command line for them."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from jaxmlp.cli.options import join_processes, study_options
from jaxmlp.errors import InputError, check_choice
from jaxmlp.files import REPORT_FILE

MNIST_LIKE = ("digits", "mnist", "fashion_mnist", "kmnist")
_PRESETS = ("quick", "full")
EXPERIMENT_RESULTS = Path("results")

# Each command imports what it needs: jax takes a second to load, and an error in the arguments should not.


def tour(arguments: argparse.Namespace, console: Console) -> None:
    """The quick studies on the digits, one page for all."""
    from experiments.lab.registry import EXPERIMENTS, TOUR
    from experiments.lab.session import run_experiment
    from jaxmlp import data
    from jaxmlp.cli.jax_settings import keep_programs
    from jaxmlp.evidence import print_verdicts, write_report

    keep_programs()
    out = EXPERIMENT_RESULTS / "tour"
    digits = data.load("digits")
    if out.exists():
        console.print(f"{out} holds a tour already: its finished runs are kept (delete it to train anew)")
    studies = [
        run_experiment(
            EXPERIMENTS[name],
            digits,
            preset_name="quick",
            preset=EXPERIMENTS[name].presets["quick"],
            out=out,
            console=console,
            command=arguments.line,
            resume=True,
        )
        for name in TOUR
    ]
    done = [study for study in studies if study is not None]
    print_verdicts([verdict for study in done for verdict in study.verdicts], console)
    path = write_report(out / REPORT_FILE, studies=done)
    console.print(f"report: {path}", highlight=False, soft_wrap=True)


def list_experiments(arguments: argparse.Namespace, console: Console) -> None:
    """One row per experiment."""
    from experiments.lab.registry import EXPERIMENTS
    from jaxmlp import data

    digits = data.load("digits")
    for experiment in EXPERIMENTS.values():
        console.rule(experiment.name)
        console.print(experiment.question)
        table = Table(box=None, show_header=False, pad_edge=False)
        table.add_column(no_wrap=True)
        table.add_column()
        dataset = digits if experiment.dataset is None else experiment.dataset()
        arms = experiment.arms(dataset, experiment.presets["quick"])
        table.add_row("arms", ", ".join(arm.name for arm in arms))
        for name, preset in experiment.presets.items():
            seeds = sorted(preset.seeds_of(arms).values())
            each = f"{seeds[0]} to {seeds[-1]}" if seeds[0] < seeds[-1] else f"{seeds[0]}"
            table.add_row(f"{name} preset", f"{sum(seeds)} runs: {each} seeds, {preset.epochs} epochs")
        table.add_row("claims", ", ".join(claim.id for claim in experiment.claims))
        table.add_row("reruns", ", ".join(experiment.ledger))
        console.print(table, highlight=False)


def run_named(arguments: argparse.Namespace, console: Console) -> None:
    """Everything is checked, for all experiments named, before the first one starts."""
    check_choice("dataset", arguments.dataset, MNIST_LIKE)
    check_choice("preset", arguments.preset, _PRESETS)
    from experiments.lab.claim_list import experiment_names

    for name in arguments.names:
        check_choice("experiment", name, experiment_names())
    from experiments.lab.base import choose_arms, resize
    from experiments.lab.registry import EXPERIMENTS
    from experiments.lab.session import run_experiment
    from jaxmlp import data
    from jaxmlp.cli.jax_settings import keep_programs
    from jaxmlp.evidence import print_verdicts
    from jaxmlp.nn import PRECISIONS
    from jaxmlp.study.folder import is_new

    if arguments.precision is not None:
        check_choice("precision", arguments.precision, PRECISIONS)
    chosen = [EXPERIMENTS[name] for name in dict.fromkeys(arguments.names)]
    for experiment in chosen:
        folder = arguments.out / experiment.name
        if not is_new(folder) and not arguments.resume:
            raise InputError(f"{folder} exists already: give another --out, or --resume to continue it")
    loaded = data.load(arguments.dataset, data_dir=arguments.data_dir)
    datasets = [loaded if experiment.dataset is None else experiment.dataset() for experiment in chosen]
    presets = [
        resize(
            experiment.presets[arguments.preset],
            seeds=arguments.seeds,
            epochs=arguments.epochs,
            first_seed=arguments.first_seed,
        )
        for experiment in chosen
    ]
    for experiment, dataset, preset in zip(chosen, datasets, presets, strict=True):
        choose_arms(experiment.arms(dataset, preset), arguments.arms)
    join_processes(arguments)
    keep_programs()
    for experiment, dataset, preset in zip(chosen, datasets, presets, strict=True):
        study = run_experiment(
            experiment,
            dataset,
            preset_name=arguments.preset if arguments.epochs is None else f"{arguments.preset}, other epochs",
            preset=preset,
            out=arguments.out,
            console=console,
            command=arguments.line,
            arms=arguments.arms,
            precision=arguments.precision,
            **study_options(arguments),
        )
        if study is None:
            continue  # the first process reports
        print_verdicts(study.verdicts, console)
        path = arguments.out / experiment.name / REPORT_FILE
        console.print(f"report: {path}", highlight=False, soft_wrap=True)


def report(arguments: argparse.Namespace, console: Console) -> None:
    """Pages from results: nothing is trained."""
    if arguments.out is not None and not arguments.out.is_dir():
        from experiments.lab.claim_list import no_study

        raise no_study(arguments.out)
    from experiments.lab.own import OWN
    from experiments.lab.published import rebuild_reports
    from experiments.lab.session import changed_rules, find_studies, write_pages
    from jaxmlp.evidence import print_verdicts, write_own_page

    if arguments.out is None:
        for page in rebuild_reports(EXPERIMENT_RESULTS / "published"):
            console.print(f"report: {page}", highlight=False, soft_wrap=True)
        return

    def write_one(experiment: Any, folder: Path) -> None:
        if experiment is OWN:
            console.print(f"report: {write_own_page(folder)}", highlight=False, soft_wrap=True)
            return
        if changed := changed_rules(experiment, folder):
            console.print(
                f"{folder}: since its runs began the rule has changed of {', '.join(changed)}", soft_wrap=True
            )
        print_verdicts(write_pages(experiment, folder).verdicts, console)
        console.print(f"report: {folder / REPORT_FILE}", highlight=False, soft_wrap=True)

    refused = []
    for experiment, folder in find_studies(arguments.out):
        try:
            write_one(experiment, folder)
        except InputError as error:  # the others can still be told of
            refused.append(str(error))
    if refused:
        raise InputError("; ".join(refused))


def claims(arguments: argparse.Namespace, console: Console) -> None:
    """The published verdict of every claim."""
    from experiments.lab.claim_list import PUBLISHED, claims_in
    from experiments.lab.ledger import load_ledger
    from jaxmlp.evidence import VERDICTS, print_verdicts

    def dated(row: Mapping) -> list[str]:
        """The dates of its amendments alone: `claims C-103` tells them."""
        return [text.partition(":")[0] for text in row["amended"]]

    if arguments.doc is not None:
        check_choice("document", arguments.doc, load_ledger().documents)
    for claim in arguments.ids:
        check_choice("claim", claim, load_ledger().claims)
    if arguments.verdict is not None:
        check_choice("verdict", arguments.verdict, VERDICTS)
    rows = [row for row in claims_in(PUBLISHED) if arguments.doc in (None, row["doc"])]
    rows = [row for row in rows if arguments.verdict in (None, row["verdict"])]
    chosen = [row for row in rows if row["claim"] in arguments.ids]
    print_verdicts(chosen if arguments.ids else [row | {"amended": dated(row)} for row in rows], console)


def publish(arguments: argparse.Namespace, console: Console) -> None:
    """Keep the studies' small files in the repository, or judge those anew, and the pages' findings with them."""
    from experiments.lab.docs import renew
    from experiments.lab.published import publish_studies, rejudge_published

    written = rejudge_published() if arguments.out is None else publish_studies(arguments.out)
    for path in (*written, *renew()):
        console.print(f"wrote {path}", highlight=False, soft_wrap=True)


def benchmark(arguments: argparse.Namespace, console: Console) -> None:
    """Measure, keep, and renew the pages' tables of what was measured."""
    from experiments.benchmarks.running import BENCHMARKS, published_table, run_benchmark
    from experiments.lab.docs import renew

    check_choice("benchmark", arguments.name, BENCHMARKS)
    path = run_benchmark(arguments.name, rounds=arguments.rounds, command=arguments.line)
    console.print(published_table(arguments.name), highlight=False, soft_wrap=True)
    for written in (path, *renew()):
        console.print(f"wrote {written}", highlight=False, soft_wrap=True)


def renew_docs(arguments: argparse.Namespace, console: Console) -> None:
    """Generated blocks and figures of the pages, from what is published and from the code."""
    from experiments.lab.docs import renew

    for path in renew():
        console.print(f"wrote {path}", highlight=False, soft_wrap=True)
