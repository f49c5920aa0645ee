"""What changed of a claim after results had been seen, read from `amendments.toml`: pages say so beside the verdict."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, get_type_hints

from experiments.lab.ledger import load_ledger
from jaxmlp.evidence.words import VERDICTS

AMENDMENTS_PATH = Path(__file__).parents[1] / "amendments.toml"
AMENDED = ("rule", "arms", "seeds", "n", "measurement")


@dataclass(frozen=True)
class Amendment:
    """One change of one claim.

    Attributes:
        claim: its id.
        date: when it was made.
        changed: one of `AMENDED`.
        what: the change, in a sentence.
        why: its reason, in a sentence.
        before: the verdict on the runs that there were, by what held before.
        after: and by what holds since.
        redeclared: whether some data would get another verdict: then fresh seeds alone judge it.
    """

    claim: str
    date: date
    changed: str
    what: str
    why: str
    before: str
    after: str
    redeclared: bool = False

    def __str__(self) -> str:
        return f"{self.date}, {self.changed}: {self.what} {self.why} Before: {self.before}; after: {self.after}."


@dataclass(frozen=True)
class JudgeChange:
    """One change of the judge, for all claims."""

    date: date
    what: str
    why: str


@dataclass(frozen=True)
class Amendments:
    """All of them, in the order of their dates."""

    claims: tuple[Amendment, ...]
    judge: tuple[JudgeChange, ...]

    def of(self, claim: str) -> list[Amendment]:
        """Those of one claim."""
        return [one for one in self.claims if one.claim == claim]


@cache
def load_amendments() -> Amendments:
    """The project's amendments, read once; raises `ValueError` on an entry that is not well-formed."""
    return parse_amendments(AMENDMENTS_PATH.read_text(encoding="utf-8"))


def amended_texts() -> Mapping[str, list[str]]:
    """By claim, its amendments in words; claims without one are left out."""
    texts: dict[str, list[str]] = {}
    for one in load_amendments().claims:
        texts.setdefault(one.claim, []).append(str(one))
    return texts


def parse_amendments(text: str) -> Amendments:
    """Build `Amendments` from TOML text.

    Raises `ValueError`, naming claim and field, on unknown, missing or mistyped fields, on a claim that the ledger does
    not have, an unknown kind of change or verdict, a sentence without an end, and dates out of order.
    """
    tables = tomllib.loads(text)
    claims = tuple(_build(Amendment, table) for table in tables.pop("amendment", []))
    judge = tuple(_build(JudgeChange, table) for table in tables.pop("judge", []))
    if tables:
        raise ValueError(f"amendments: unknown kind of entry {', '.join(tables)}")
    for one in claims:
        _check(one)
    for entries in (claims, judge):
        if any(a.date > b.date for a, b in pairwise(entries)):
            raise ValueError("amendments: field 'date': entries are not in the order of their dates")
    return Amendments(claims, judge)


def _build(kind: type, table: dict[str, Any]) -> Any:
    label = str(table.get("claim", "an entry"))
    types = get_type_hints(kind)
    for name in table:
        if name not in types:
            raise ValueError(f"amendments: {label}: unknown field {name!r}")
        if type(table[name]) is not types[name]:
            raise ValueError(f"amendments: {label}: field {name!r} is {table[name]!r}, expected {types[name].__name__}")
    missing = types.keys() - table.keys() - {"redeclared"}
    if missing:
        raise ValueError(f"amendments: {label}: missing field {min(missing)!r}")
    for name in ("what", "why"):
        if not table[name].strip().endswith("."):
            raise ValueError(f"amendments: {label}: field {name!r} is no sentence: end it with a full stop")
    return kind(**table)


def _check(one: Amendment) -> None:
    if one.claim not in load_ledger().claims:
        raise ValueError(f"amendments: {one.claim}: field 'claim' is not in the ledger")
    for name, choices in (("changed", AMENDED), ("before", VERDICTS), ("after", VERDICTS)):
        if getattr(one, name) not in choices:
            raise ValueError(f"amendments: {one.claim}: field {name!r} is none of {', '.join(choices)}")
