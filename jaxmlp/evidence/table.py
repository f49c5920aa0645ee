"""The table of verdicts in the terminal: readable at 80 columns, plain text where there is no terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from jaxmlp.evidence import presentation


def print_verdicts(verdicts: Sequence[Mapping[str, Any]], console: Console) -> None:
    """Print one row per claim: what the document says, the verdict, the effect with its interval, n.

    A claim that was not tested says why, under what the document says. Nothing is printed of no claims.

    >>> import io
    >>> from jaxmlp.evidence import Claim, Difference, Value, final, judge, synthetic_rows
    >>> claim = Claim("C-900", (Difference(Value("he", final("test_accuracy")), 0.5, margin=0.01),), planned_n=3)
    >>> ledger, rows = {"C-900": ("D0", "It learns.")}, synthetic_rows({"he": {"test_accuracy": [0.97, 0.98, 0.99]}})
    >>> verdicts = judge([claim], rows, ledger=ledger, dataset="mnist", device="CPU", preset="full")
    >>> console = Console(file=io.StringIO(), width=90)
    >>> print_verdicts(verdicts, console)
    >>> console.file.getvalue().splitlines()[3].split()
    ['C-900', 'It', 'learns.', '✓', 'reproduced', '+48.00', 'pp', '3']
    """
    if not verdicts:
        return
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    table.add_column("claim", no_wrap=True)
    table.add_column("what the document says", ratio=1)
    table.add_column("verdict", no_wrap=True)
    table.add_column("effect", justify="right", no_wrap=True)
    table.add_column("n", justify="right", no_wrap=True)
    for verdict in verdicts:
        cells = _cells(verdict, console.options.ascii_only)
        table.add_row(*(_ascii(cell) if console.options.ascii_only else cell for cell in cells))
    console.print(table)
    if any(verdict["preview"] for verdict in verdicts):
        console.print(Text(presentation.PREVIEW, style="yellow"))


def _cells(verdict: Mapping[str, Any], ascii_only: bool) -> list[Text]:
    look = presentation.LOOKS[verdict["verdict"]]
    symbol = look.plain if ascii_only else look.symbol
    statement = Text(verdict["statement"])
    if verdict["verdict"] in ("not_tested", "pending"):
        statement.append(f"\n{verdict['evidence']}", style="dim")
    for flag in presentation.flags_of(verdict):
        statement.append(f"\n{flag}", style="dim")
    effect = f"{presentation.effect_text(verdict)}\n{presentation.interval_text(verdict)}"
    return [
        Text(f"{verdict['claim']}\n{verdict['doc']}"),
        statement,
        Text(f"{symbol} {_broken(presentation.verdict_words(verdict))}", style=look.terminal_style),
        Text(effect.strip()),
        Text(str(verdict["n"])),
    ]


def _broken(words: str) -> str:
    """With the kind of no on a line of its own: the column does not wrap."""
    return words.replace(" (", "\n(").replace(" and ", "\nand ")


def _ascii(cell: Text) -> Text:
    """`cell` for a terminal that shows ASCII alone: a minus stays a minus, other signs become "?"."""
    plain = cell.plain.replace("−", "-").encode("ascii", "replace").decode("ascii")
    return Text(plain, style=cell.style)
