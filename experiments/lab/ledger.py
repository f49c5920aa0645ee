"""The ledger: what the five documents D0 to D4 describe, did and claim, read from `ledger.toml`.

Every id used in code, tests and text (S- component, E- experiment, C- claim, P- parameter count,
A- ambiguity) is an entry there. The file ships with the project, so a fault in it is a bug: it raises
`ValueError`, naming entry and field.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from functools import cache
from pathlib import Path
from types import MappingProxyType, UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

LEDGER_PATH = Path(__file__).parents[1] / "ledger.toml"


@dataclass(frozen=True)
class Document:
    """One of the five documents."""

    id: str
    title: str
    kind: Literal["slides", "lecture", "report"]
    data: str
    framework: str


@dataclass(frozen=True)
class Component:
    """S-: something a document defines, with its exact formula; `resolution` settles what it leaves open."""

    id: str
    documents: tuple[str, ...]
    name: str
    definition: str
    resolution: str = ""


@dataclass(frozen=True)
class LedgerValue:
    """One number of an experiment: accuracies as fractions, times in seconds, one training run each.

    `epoch` is None where the document ties the number to none. `tag` is its source: `doc` printed,
    `fig` read off a figure (about 0.003 in accuracy), `code` read in the document's program,
    `run` measured later from the weights and logs that came with the document.
    """

    arm: str
    metric: str
    value: float
    tag: Literal["doc", "fig", "code", "run"]
    epoch: int | None = None


@dataclass(frozen=True)
class LedgerExperiment:
    """E-: one experiment of a document; `reported` in words, `values` what code compares with."""

    id: str
    document: str
    configuration: str
    reported: str
    where: str = ""
    values: tuple[LedgerValue, ...] = ()


@dataclass(frozen=True)
class LedgerClaim:
    """C-: what a document claims, right or wrong, and how it is judged.

    `seeds` is the number planned per arm (None where no training is needed), `theory` marks claims with a
    mathematical core that is checked by computation.
    """

    id: str
    document: str
    statement: str
    test: str
    note: str = ""
    seeds: int | None = None
    theory: bool = False


@dataclass(frozen=True)
class Count:
    """P-: parameter counts; `stated` as printed (empty if none is), `computed` from the structure."""

    id: str
    document: str
    stated: tuple[int, ...]
    structure: str
    computed: tuple[int, ...]
    result: str


@dataclass(frozen=True)
class Ambiguity:
    """A-: where documents leave something open or contradict themselves, and how this project reads it."""

    id: str
    documents: tuple[str, ...]
    issue: str
    resolution: str


@dataclass(frozen=True)
class Ledger:
    """All entries by id, in the order of the file."""

    documents: Mapping[str, Document]
    components: Mapping[str, Component]
    experiments: Mapping[str, LedgerExperiment]
    claims: Mapping[str, LedgerClaim]
    counts: Mapping[str, Count]
    ambiguities: Mapping[str, Ambiguity]


@cache
def load_ledger() -> Ledger:
    """The project's ledger, read once; raises `ValueError` on an entry that is not well-formed."""
    return parse_ledger(LEDGER_PATH.read_text(encoding="utf-8"))


def parse_ledger(text: str) -> Ledger:
    """Build a `Ledger` from TOML text.

    Raises `ValueError`, naming entry and field, on unknown, missing or mistyped fields, on a malformed or
    repeated id, and on a document that is not listed.
    """
    tables = tomllib.loads(text)
    ledger = Ledger(
        documents=_section(tables, "document", Document, r"D\d"),
        components=_section(tables, "component", Component, r"S-\d{3}"),
        experiments=_section(tables, "experiment", LedgerExperiment, r"E-\d{3}"),
        claims=_section(tables, "claim", LedgerClaim, r"C-\d{3}"),
        counts=_section(tables, "count", Count, r"P-\d{2}"),
        ambiguities=_section(tables, "ambiguity", Ambiguity, r"A-\d{2}"),
    )
    if tables:
        raise ValueError(f"ledger: unknown kind of entry {', '.join(tables)}")
    for section in (ledger.components, ledger.experiments, ledger.claims, ledger.counts, ledger.ambiguities):
        for entry in section.values():
            _check_documents(entry, ledger.documents)
    return ledger


def _section(tables: dict[str, Any], kind: str, entry_type: type, id_pattern: str) -> Mapping[str, Any]:
    """Take the entries of one kind out of `tables` and key them by id."""
    entries: dict[str, Any] = {}
    for number, table in enumerate(tables.pop(kind, []), start=1):
        entry = _build(entry_type, table, str(table.get("id", f"{kind} number {number}")))
        if not re.fullmatch(id_pattern, entry.id):
            raise ValueError(f"ledger: {entry.id}: field 'id' of a {kind} must match {id_pattern}")
        if entry.id in entries:
            raise ValueError(f"ledger: {entry.id}: field 'id' is used twice")
        entries[entry.id] = entry
    return MappingProxyType(entries)


def _check_documents(entry: Any, documents: Mapping[str, Document]) -> None:
    """An entry belongs to one document (`document`) or to several (`documents`); all must be listed."""
    field = "documents" if hasattr(entry, "documents") else "document"
    named = getattr(entry, field)
    named = (named,) if isinstance(named, str) else named
    if not named or not set(named) <= documents.keys():
        raise ValueError(f"ledger: {entry.id}: field {field!r} is {named}, expected {', '.join(documents)}")


def _build(entry_type: type, table: dict[str, Any], label: str) -> Any:
    """One dataclass from one TOML table; `label` names it in errors."""
    hints = get_type_hints(entry_type)
    required = {f.name for f in fields(entry_type) if f.default is MISSING}
    if unknown := sorted(table.keys() - hints.keys()):
        raise ValueError(f"ledger: {label}: unknown field {unknown[0]!r}")
    if missing := sorted(required - table.keys()):
        raise ValueError(f"ledger: {label}: missing field {missing[0]!r}")
    arguments = {name: _convert(raw, f"{label}, {name}") for name, raw in table.items()}
    for name, value in arguments.items():
        if not _fits(value, hints[name]):
            raise ValueError(f"ledger: {label}: field {name!r} is {value!r}, expected {hints[name]}")
    return entry_type(**arguments)


def _convert(raw: Any, label: str) -> Any:
    """Lists become tuples, so that entries are hashable; tables within an entry are `LedgerValue`s."""
    if isinstance(raw, list):
        return tuple(_convert(item, label) for item in raw)
    return _build(LedgerValue, raw, label) if isinstance(raw, dict) else raw


def _fits(value: Any, hint: Any) -> bool:
    """Whether a value has the annotated type, exactly: 1 is no float, true is no int, text is not blank."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is tuple:
        return isinstance(value, tuple) and all(_fits(item, arguments[0]) for item in value)
    if origin is UnionType:
        return any(_fits(value, argument) for argument in arguments)
    if origin is Literal:
        return value in arguments
    return type(value) is hint and (hint is not str or bool(value.strip()))
