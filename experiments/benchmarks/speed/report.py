"""The comparison told: ratios with intervals, tables in Markdown, and a figure."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from experiments.benchmarks.speed.peers import FLOOR, GRID_KEY, OURS, PEERS, VARIANTS
from experiments.benchmarks.speed.workloads import WORKLOADS
from jaxmlp.evidence import plotting
from jaxmlp.evidence.statistics import Interval, mean_interval

PEER_TITLES = {name: one.title for name, one in (VARIANTS | PEERS).items()}
TOLERANCE = 0.02
"""Share by which a peer's mean first loss may differ: orders of the data are each peer's own."""

ORDER = (*WORKLOADS, GRID_KEY)

GOALS = {
    ("a", 1024): 300,
    ("b", 32): 6,
    ("c", 16): 2.5,
    ("d", 16): 2.5,
    ("e", 1): 1.5,
    ("f", 1): 1.5,
    ("fr", 1): 1.5,
    ("d", 1024): 100,
}
"""How many times as long PyTorch eager with a DataLoader was to take per run, by workload and runs: on two cores, and
for 1,024 runs of (d) on a GPU."""
OVER_FLOOR = 1.3
"""And how many times the floor ours was to take at most."""
SHORTEST = 2.0
"""Seconds that no sample was to be under."""
SPREAD = 1.3
"""Times the smallest that the largest of several rounds may be and go untold."""

Cells = Mapping[tuple[str, int, str], dict[str, Any]]
"""By workload, runs and peer."""


def cells_of(measured: Mapping[str, Any]) -> Cells:
    """Those that did not fail."""
    cells = measured["cells"]
    return {(cell["workload"], cell["runs"], cell["peer"]): cell for cell in cells if "failed" not in cell}


def microseconds(cell: Mapping[str, Any]) -> np.ndarray:
    """Of one step of one run, round by round."""
    if cell["peer"] == FLOOR:
        return np.array([sample["floor"] for sample in cell["samples"]]) / cell["runs"] * 1e6
    return np.array([sample["seconds"] for sample in cell["samples"]]) / cell["steps"] / cell["runs"] * 1e6


def rival_of(cells: Cells, key: str, runs: int, peer: str) -> dict[str, Any] | None:
    """A peer's cell for so many runs: who trains one at a time trains them at the rate of one."""
    return cells.get((key, runs, peer)) or cells.get((key, 1, peer))


def ratio(over: Mapping[str, Any], under: Mapping[str, Any]) -> Interval:
    """How many times as long one takes as the other, paired by round: geometric mean and its 95 % interval."""
    return geometric_interval(microseconds(over) / microseconds(under))


def geometric_interval(ratios: np.ndarray) -> Interval:
    """Geometric mean of the rounds' ratios [R] and its 95 % interval."""
    interval = mean_interval(np.log(ratios))
    return replace(
        interval, estimate=math.exp(interval.estimate), low=math.exp(interval.low), high=math.exp(interval.high)
    )


def places_of(measured: Mapping[str, Any]) -> list[tuple[str, int]]:
    """(workload, runs) of every comparison."""
    found = {(key, runs) for key, runs, peer in cells_of(measured) if peer == OURS}
    return sorted(found, key=lambda row: (ORDER.index(row[0]), row[1]))


def workload_title(key: str) -> str:
    """A workload in words; what is counted of D2's grid are epochs of a run."""
    words = "sample of D2's grid, an epoch of a run as a step" if key == GRID_KEY else WORKLOADS[key].title
    return f"({key}) {words}"


def speed_table(measured: Mapping[str, Any]) -> str:
    """How fast we are, and how many times as long every peer takes: a table for the largest number of runs of each
    workload, one for the next, and so on.
    """
    by_key: dict[str, list[int]] = {}
    for key, runs in places_of(measured):
        by_key.setdefault(key, []).insert(0, runs)
    depth = max(map(len, by_key.values()))
    places = [[(key, runs[i]) for key, runs in by_key.items() if i < len(runs)] for i in range(depth)]
    cells = cells_of(measured)
    tables = [_speed_table(cells, columns) for columns in places]
    legend = "; ".join(map(workload_title, by_key))
    legend = (
        f"{legend}. ×: runs at once. First row: median; below it, how many times as long a peer takes, above 1 slower: "
        f"geometric mean of {_rounds(measured)} [95 %]."
    )
    return "\n\n".join([*tables, legend, *_judged(measured), *_remarks(measured)])


def _speed_table(cells: Cells, places: Sequence[tuple[str, int]]) -> str:
    def row(title: str, entry: Callable[[str, int], str]) -> str:
        return f"| {title} | {' | '.join(entry(*place) for place in places)} |"

    def ratio_to(key: str, runs: int, peer: str) -> str:
        rival = rival_of(cells, key, runs, peer)
        return _ratio_text(ratio(rival, cells[key, runs, OURS])) if rival else "–"

    lines = [
        row("workload", lambda key, runs: f"({key}) ×{runs:,}"),
        "|" + "---|" * (len(places) + 1),
        row("jaxmlp, µs per step and run", lambda *place: _number(float(np.median(microseconds(cells[*place, OURS]))))),
    ]
    rivals = [peer for peer in PEERS if any(rival_of(cells, *place, peer) for place in places)]
    ratios = [row(f"{PEER_TITLES[peer]} over jaxmlp", partial(ratio_to, peer=peer)) for peer in rivals]
    return "\n".join([*lines, *ratios])


def floor_table(measured: Mapping[str, Any]) -> str:
    """What a step's products and its update take by themselves, how long ours takes, and where the rest goes."""
    cells = cells_of(measured)
    lines = [
        "| workload | products | in turn | update | jaxmlp | over the floor [95 %] | over in turn and update "
        "| not products, at most |",
        "|---|---|---|---|---|---|---|---|",
    ]
    above = []
    for key, runs in places_of(measured):
        ours, floor = cells[key, runs, OURS], cells.get((key, runs, FLOOR))
        if floor is None:
            continue
        whole, over = microseconds(ours), ratio(ours, floor)
        least = {
            part: np.array([sample[part] for sample in floor["samples"]]) / runs * 1e6
            for part in ("products", "in_turn", "update")
            if part in floor["samples"][0]
        }
        in_turn = (
            _ratio_text(geometric_interval(whole / (least["in_turn"] + least["update"]))) if "in_turn" in least else "–"
        )
        columns = (least["products"], least.get("in_turn"), least["update"], whole)
        parts = sorted(ours.get("parts", {}).items(), key=lambda part: -part[1])
        shares = [(part, seconds / runs * 1e6) for part, seconds in parts]
        rest = ", ".join(f"{part} {_number(one)} µs ({one / np.median(whole):.0%})" for part, one in shares)
        entries = [f"({key}) ×{runs:,}", *map(_rounds_text, columns), _ratio_text(over), in_turn, rest or "–"]
        lines.append(f"| {' | '.join(entries)} |")
        above += [f"({key}) ×{runs:,}"] * (over.estimate > OVER_FLOOR)
    legend = (
        f"Per step and run; {_rounds(measured)}: medians, and smallest to largest where they are more than {SPREAD} "
        "times apart; ratios are geometric means."
    )
    judged = f"{legend} More than {OVER_FLOOR} times the floor: {', '.join(above) or 'none'}."
    return "\n".join([*lines, "", "\n\n".join([judged, *_failures(measured)])])


def _rounds_text(values: np.ndarray | None) -> str:
    """Of microseconds, round by round."""
    if values is None:
        return "–"
    spread = f" ({_number(values.min())} to {_number(values.max())})" if _is_uneven(values) else ""
    return f"{_number(float(np.median(values)))} µs{spread}"


def _is_uneven(values: np.ndarray) -> bool:
    return bool(values.max() > SPREAD * values.min())


def cost_table(measured: Mapping[str, Any]) -> str:
    """Seconds until the first step is done, compiling included, and memory on top of imports and data: for one run, or
    where a peer trains only ensembles, for so many.
    """
    cells = cells_of(measured)
    names = [name for name in PEER_TITLES if any(peer == name for _, _, peer in cells)]
    keys = list(dict.fromkeys(key for key, _ in places_of(measured)))
    lines = [f"| to the first step, memory | {' | '.join(f'({key})' for key in keys)} |", "|---|" + "---|" * len(keys)]

    def entry(key: str, name: str) -> str:
        least = min((runs for workload, runs, peer in cells if (workload, peer) == (key, name)), default=None)
        if least is None:
            return "–"
        cell = cells[key, least, name]
        times = f"×{least:,}: " if least > 1 else ""
        return f"{times}{cell['first_seconds']:.1f} s, {cell['peak_bytes'] / 1e6:,.0f} MB"

    lines += [f"| {PEER_TITLES[name]} | {' | '.join(entry(key, name) for key in keys)} |" for name in names]
    ours = [(place, cells[*place, OURS]["compile_seconds"]) for place in places_of(measured)]
    compiling = [f"({key}) ×{runs:,} {seconds:.1f} s" for (key, runs), seconds in ours if key != GRID_KEY]
    of_grid = [
        f"; ({key})'s, two at a time, add up to {seconds:.1f} s" for (key, _), seconds in ours if key == GRID_KEY
    ]
    legend = (
        "One measurement of each: seconds after imports and reading the files; the most memory that the process took "
        "beyond what it had then, compilers and allocators included. "
        f"({GRID_KEY}): of jaxmlp's first whole study, of PyTorch's first epoch of every setting."
    )
    compiled = f"Compiling jaxmlp's program for one device took: {', '.join(compiling)}{''.join(of_grid)}."
    return "\n".join([*lines, "", f"{legend} {compiled}"])


def variants_table(measured: Mapping[str, Any]) -> str:
    """What other products and other backward rules cost, against ours as it is; memory as the compiler plans it."""
    cells = cells_of(measured)
    lines = ["| workload | runs | variant | times as long [95 %] | times the planned memory |", "|---|---|---|---|---|"]
    for key, runs in places_of(measured):
        ours = cells[key, runs, OURS]
        for name in VARIANTS:
            cell = cells.get((key, runs, name))
            if name == OURS or cell is None:
                continue
            memory = cell["plan_bytes"] / ours["plan_bytes"]
            entries = f"{workload_title(key)} | {runs} | {PEER_TITLES[name]}"
            lines.append(f"| {entries} | {_ratio_text(ratio(cell, ours))} | {memory:.2f} |")
    return "\n".join(lines)


def _judged(measured: Mapping[str, Any]) -> list[str]:
    """In words, whether the benchmark's goals were reached: they were set before it first ran as a whole."""
    cells = cells_of(measured)
    slower, unsure, goals, missed = [], [], [], []
    for key, runs in places_of(measured):
        ours, place = cells[key, runs, OURS], f"({key}) ×{runs:,}"
        for peer in PEERS:
            rival = rival_of(cells, key, runs, peer)
            over = ratio(rival, ours) if rival else None
            if over and over.high < 1:
                slower.append(f"{PEER_TITLES[peer]} at {place}")
            unsure += [place] * (over is not None and not math.isfinite(over.high) and place not in unsure)
        loader = rival_of(cells, key, runs, "torch_loader")
        if loader and (key, runs) in GOALS:
            goal = GOALS[key, runs]
            goals.append(f"{place} {goal:g}")
            missed += [place] * (ratio(loader, ours).estimate < goal)
    return [
        f"Faster than jaxmlp: {', '.join(slower) or ('not known' if unsure else 'no peer on any workload')}. "
        f"{'One round cannot tell who is faster at ' + ', '.join(unsure) + '. ' if unsure else ''}"
        f"Goals for PyTorch eager with a DataLoader over jaxmlp: {', '.join(goals)}; "
        f"{'missed at ' + ', '.join(missed) if missed else 'all reached'}."
    ]


def _remarks(measured: Mapping[str, Any]) -> list[str]:
    """What a reader of the table must know: who failed, whose loss is another one."""
    cells = cells_of(measured)
    remarks = _failures(measured)
    seconds = [sample["seconds"] for cell in cells.values() for sample in cell["samples"]]
    short = [one for one in seconds if one < SHORTEST]
    if short:
        share = f"{len(short)} of {len(seconds)} samples"
        remarks.append(f"{share} took less than {SHORTEST:g} s, the shortest {min(short):.2f} s.")
    ours = {place: microseconds(cells[*place, OURS]) for place in places_of(measured)}
    uneven = [f"({key}) ×{runs:,} {_rounds_text(one)}" for (key, runs), one in ours.items() if _is_uneven(one)]
    if uneven:
        remarks.append(f"Rounds of jaxmlp differ by more than {SPREAD} times at {', '.join(uneven)}.")
    for key, runs in places_of(measured):
        expected = cells[key, runs, OURS]["check_loss"]
        others = {peer: cell["check_loss"] for (*place, peer), cell in cells.items() if place == [key, runs]}
        far = [
            f"{PEER_TITLES[peer]} {loss:.4g}"
            for peer, loss in others.items()
            if not abs(loss / expected - 1) < TOLERANCE
        ]
        if far:
            remarks.append(
                f"Mean first losses more than {TOLERANCE:.0%} from jaxmlp's {expected:.4g} at ({key}) ×{runs:,}: "
                f"{', '.join(far)}."
            )
    return remarks


def _failures(measured: Mapping[str, Any]) -> list[str]:
    failed = [cell for cell in measured["cells"] if "failed" in cell]
    titles = PEER_TITLES | {FLOOR: "The floor"}
    return [f"{titles[c['peer']]} failed at ({c['workload']}), {c['runs']} runs: {c['failed']}" for c in failed]


def _rounds(measured: Mapping[str, Any]) -> str:
    counts = sorted({len(cell["samples"]) for cell in cells_of(measured).values()})
    return f"{' to '.join(map(str, counts))} rounds"


def _ratio_text(interval: Interval) -> str:
    if not math.isfinite(interval.high):  # one round has no interval
        return f"{_number(interval.estimate)} (one round)"
    return f"{_number(interval.estimate)} [{_number(interval.low)}, {_number(interval.high)}]"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def speed_figure(measured: Mapping[str, Any]) -> Figure:
    """Throughput of every peer, a panel per workload: a ring for one run, a disc for many, the fuller the more."""
    cells = cells_of(measured)
    keys = list(dict.fromkeys(key for key, _ in places_of(measured)))
    with mpl.rc_context(plotting.STYLE):
        names = {key: _by_throughput(cells, key) for key in keys}
        rows = [len(names[key]) for key in keys]
        figure = Figure(figsize=(7.2, 0.19 * sum(rows) + 0.62 * len(keys)), layout="constrained")
        axes = figure.subplots(len(keys), 1, squeeze=False, height_ratios=[count + 2 for count in rows])[:, 0]
        for ax, key in zip(axes, keys, strict=True):
            _draw_panel(ax, cells, key, names[key])
        axes[-1].set_xlabel("steps of all runs per second (log scale)")
    return figure


def _by_throughput(cells: Cells, key: str) -> Sequence[str]:
    best: dict[str, float] = {}
    for (workload, _, peer), cell in cells.items():
        if workload == key:
            best[peer] = max(best.get(peer, 0.0), 1e6 / float(np.median(microseconds(cell))))
    return sorted(best, key=lambda peer: best[peer])


def _draw_panel(ax: Any, cells: Cells, key: str, names: Sequence[str]) -> None:
    ax.set_xscale("log")
    counts = sorted({runs for workload, runs, _ in cells if workload == key})
    for row, name in enumerate(names):
        colour = plotting.colour_of(0) if name in VARIANTS else "0.45"
        found = sorted(
            (runs, cell) for (workload, runs, peer), cell in cells.items() if (workload, peer) == (key, name)
        )
        rates = [1e6 / float(np.median(microseconds(cell))) for _, cell in found]
        ax.plot(rates, [row] * len(rates), color=colour, linewidth=1)
        for (runs, _), rate in zip(found, rates, strict=True):
            share = counts.index(runs) / max(len(counts) - 1, 1)
            fill = 1 - share * (1 - np.array(to_rgb(colour)))
            ax.plot(rate, row, "o", color=colour, markerfacecolor=fill, markersize=4)
    ax.set_yticks(range(len(names)), [PEER_TITLES[name] for name in names], fontsize=7)
    ax.set_ylim(-0.8, len(names) - 0.2)
    low, high = ax.get_xlim()
    ax.xaxis.set_major_locator(LogLocator(subs=(1,) if high > 100 * low else (1, 2, 5)))
    ax.xaxis.set_major_formatter("{x:,.9g}")
    ax.xaxis.set_minor_locator(NullLocator())
    ax.grid(axis="x", alpha=0.3)
    filled = " and ".join(f"{runs:,}" for runs in counts[1:])
    ax.set_title(workload_title(key) + (f"; disc: {filled} runs at once" if filled else ""), fontsize=8, loc="left")
