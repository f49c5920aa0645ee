"""How good `diagnosis.why` is: every situation is asked about, and the answers are held against what was planted.

Figures of a column: *exact*, the first set that is named is true; *recall*, share of the true sets that are named;
*precision*, share of the named sets that are true; *false alarm*, a healthy net that is not called healthy; *repaired*,
the first set that is named reaches the bar in at least nine of ten fresh runs.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from rich.console import Console

from experiments.benchmarks.situations import NOTHING, PLANTED, SITUATIONS, SOUND, Situation, half
from jaxmlp import diagnosis, study
from jaxmlp.data import Dataset
from jaxmlp.diagnosis.outcomes import train_trials
from jaxmlp.diagnosis.verdict import REPAIRED_SHARE

FRESH_SEEDS = range(5000, 5030)
"""No stage of `why` has them."""


def diagnose(part: str, rounds: int, say: Callable[[str], None]) -> dict[str, Any]:
    """What `why` answers to the situations of a half.

    Args:
        part: one of `HALVES`.
        rounds: how many times each is asked; the answers are the same, the seconds are not.
        say: takes a line about each.

    Returns:
        `answers`: by situation what `answer_of` gives, with `seconds` of every round.
    """
    answers = {}
    for name in half(part):
        asked = [answer_of(SITUATIONS[name]) for _ in range(rounds)]
        answers[name] = asked[0] | {"seconds": [one["seconds"] for one in asked]}
        say(f"{name}: {asked[0]['status']}, {asked[0]['touches']}, {asked[0]['seconds']:.0f} s")
    return {"answers": answers}


def answer_of(situation: Situation, **how: Any) -> dict[str, Any]:
    """What `why` says of one situation, and whether that is so; `how` goes on to `why`."""
    dataset = situation.load()
    quiet = study.LineDisplay("", Console(quiet=True))
    found = diagnosis.why(situation.setting.spec, situation.setting.hyper, dataset, display=quiet, **how)
    touches = [repair.touches for repair in found.repairs]
    return {
        "column": situation.column,
        "status": found.status,
        "minimal_sets": found.minimal_sets,
        "touches": [sorted(one) for one in touches],
        "not_tried": list(found.not_tried),
        "runs": found.runs,
        "seconds": found.seconds,
        "repaired": _holds(found, dataset) if found.repairs else None,
        **held_against(situation, found.status, touches),
    }


def held_against(situation: Situation, status: str, touches: list[frozenset[str]]) -> dict[str, Any]:
    """Right or wrong, and the counts that recall and precision are made of."""
    true = [one for one in touches if one in situation.faults]
    right = {
        PLANTED: bool(touches) and touches[0] in situation.faults,
        SOUND: status == "trains",
        NOTHING: status == "nothing learnable",
    }
    return {
        "right": right[situation.column],
        "named": len(touches),
        "named_true": len(true),
        "found": len(set(true)),
        "faults": len(situation.faults),
    }


def _holds(found: diagnosis.Diagnosis, dataset: Dataset) -> bool:
    """Whether the first repair reaches the bar in nine of ten fresh runs."""
    quiet = study.LineDisplay("", Console(quiet=True))
    scores = train_trials({"repaired": found.repairs[0].setting}, dataset, FRESH_SEEDS, display=quiet).scores(
        "repaired"
    )
    return bool(found.bar.reached(scores).mean() >= REPAIRED_SHARE)


def diagnosis_table(measured: dict[str, Any]) -> str:
    """Figures by column, in Markdown, and what was got wrong."""
    answers = measured["answers"]
    lines = ["| situations | n | right | recall | precision | repaired | seconds |", "|---|---|---|---|---|---|---|"]
    for column in (PLANTED, SOUND, NOTHING):
        rows = [one for one in answers.values() if one["column"] == column]
        if rows:
            lines.append(_row(column, rows))
    wrong = [f"{name} ({one['status']})" for name, one in answers.items() if not one["right"]]
    return "\n".join([*lines, "", f"Wrong: {', '.join(wrong) or 'none'}."])


def _row(column: str, rows: list[dict[str, Any]]) -> str:
    seconds = [second for one in rows for second in one["seconds"]]
    cells = [
        column,
        str(len(rows)),
        f"{sum(one['right'] for one in rows)}",
        _share(sum(one["found"] for one in rows), sum(one["faults"] for one in rows)),
        _share(sum(one["named_true"] for one in rows), sum(one["named"] for one in rows)),
        _share(sum(one["repaired"] is True for one in rows), sum(one["repaired"] is not None for one in rows)),
        f"{np.median(seconds):.0f} (at most {max(seconds):.0f})",
    ]
    return f"| {' | '.join(cells)} |"


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.2f}" if whole else "–"
