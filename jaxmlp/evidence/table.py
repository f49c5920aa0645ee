"""The table of verdicts in the terminal: readable at 80 columns, plain text where there is no terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from jaxmlp.evidence import presentation


def print_verdicts(verdicts: Sequence[Mapping[str, Any]], console: Console) -> None:
    """Print one row per claim: what the document says, the verdict, the effect with its interval, n."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    table.add_column("claim", no_wrap=True)
    table.add_column("what the document says", ratio=1)
    table.add_column("verdict", no_wrap=True)
    table.add_column("effect", justify="right", no_wrap=True)
    table.add_column("n", justify="right", no_wrap=True)
    for verdict in verdicts:
        table.add_row(*_cells(verdict, ascii_only=console.options.ascii_only))
    console.print(table)
    if any(verdict["preview"] for verdict in verdicts):
        console.print(Text(presentation.PREVIEW, style="yellow"))


def _cells(verdict: Mapping[str, Any], ascii_only: bool) -> list[Text]:
    look = presentation.LOOKS[verdict["verdict"]]
    symbol = look.plain if ascii_only else look.symbol
    effect = "\n".join(
        text for text in (presentation.effect_text(verdict), presentation.interval_text(verdict)) if text
    )
    texts = [f"{verdict['claim']}\n{verdict['doc']}", verdict["statement"], "", effect, str(verdict["n"])]
    cells = [Text(_ascii(text) if ascii_only else text) for text in texts]
    cells[2] = Text(f"{symbol} {look.words}", style=look.terminal_style)
    return cells


def _ascii(text: str) -> str:
    """`text` for a terminal that shows ASCII alone: a minus stays a minus, other signs become "?"."""
    return text.replace("−", "-").encode("ascii", "replace").decode("ascii")
