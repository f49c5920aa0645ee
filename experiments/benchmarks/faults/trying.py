"""What one try is, and how many of them are made: every try follows from a seed and its number."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from jaxmlp.errors import InputError

Numbers = np.random.Generator
MOST_FAULTS = 20
"""Of a kind, so many are told in full."""


@dataclass(frozen=True)
class Try:
    """Something wrong that is given to the package, and what must hold after it."""

    what: str
    """The input, short enough for a line."""
    act: Callable[[], Any]
    """Gives it; an `InputError` is right, and any other error is a fault."""
    check: Callable[[Any], str] = lambda _: ""
    """From what `act` returned, what is wrong with that; "" where nothing is."""


@dataclass(frozen=True)
class Fuzzer:
    """One kind of tries."""

    name: str
    prepare: Callable[[Path], Any]
    """Makes what tries start from, in an empty folder."""
    draw: Callable[[Numbers, Any], Try]


@dataclass
class TryOutcome:
    """What became of the tries of a kind."""

    name: str
    tries: int = 0
    refused: int = 0
    """With one line."""
    faults: list[str] = field(default_factory=list)
    """The first of them, each with the number of its try."""
    num_faults: int = 0


def attempt(one: Try) -> tuple[bool, str]:
    """(whether it was refused as it should be, what is wrong or "")."""
    try:
        returned = one.act()
    except InputError as error:
        message = str(error)
        if not message or "\n" in message:
            return True, f"a refusal of {message.count(chr(10)) + 1} lines"
        return True, ""
    except Exception as error:
        return False, f"{type(error).__name__}: {str(error)[:150]}"
    return False, one.check(returned)


def run_tries(fuzzer: Fuzzer, folder: Path, *, seed: int, count: int | None = None, seconds: float = 0.0) -> TryOutcome:
    """Make tries of one kind.

    Args:
        fuzzer: the kind.
        folder: an empty one, for its files.
        seed: of all tries; the i-th follows from it and i alone.
        count: how many; None goes by `seconds`.
        seconds: how long, where there is no count.
    """
    outcome, end = TryOutcome(fuzzer.name), time.monotonic() + seconds
    prepared = fuzzer.prepare(folder)
    while outcome.tries < count if count is not None else time.monotonic() < end:
        one = fuzzer.draw(np.random.default_rng([seed, outcome.tries]), prepared)
        refused, wrong = attempt(one)
        outcome.refused += refused
        if wrong:
            outcome.num_faults += 1
            if len(outcome.faults) < MOST_FAULTS:
                outcome.faults.append(f"{fuzzer.name} {seed}/{outcome.tries}: {one.what}: {wrong}")
        outcome.tries += 1
    return outcome


def one_of(numbers: Numbers, values: Any) -> Any:
    """A value of a list, whatever it is."""
    return values[int(numbers.integers(len(values)))]


def damaged(numbers: Numbers, content: bytes) -> tuple[str, bytes]:
    """(what was done, the content after it): bytes flipped, cut off, put in, doubled, or all replaced."""
    at = int(numbers.integers(max(len(content), 1)))
    kind = one_of(numbers, ("flip", "flip", "flip", "cut", "insert", "zero", "junk", "empty", "double"))
    if kind == "flip" and content:
        return f"bit flipped at {at}", content[:at] + bytes([content[at] ^ 1 << int(numbers.integers(8))]) + content[
            at + 1 :
        ]
    if kind == "cut":
        return f"cut at {at}", content[:at]
    if kind == "insert":
        return f"bytes put in at {at}", content[:at] + numbers.bytes(int(numbers.integers(1, 9))) + content[at:]
    if kind == "zero":
        return f"zeros at {at}", content[:at] + bytes(min(16, len(content) - at)) + content[at + 16 :]
    if kind == "junk":
        return "junk", numbers.bytes(int(numbers.integers(1, 400)))
    return ("empty", b"") if kind == "empty" else ("twice", content + content)


def changed_json(numbers: Numbers, text: str) -> tuple[str, str]:
    """(what was done, JSON after it): one value somewhere is another one, or gone."""
    content = json.loads(text)
    node, path = content, []
    while isinstance(node, dict | list) and node:
        keys = sorted(node) if isinstance(node, dict) else list(range(len(node)))
        key = one_of(numbers, keys)
        path.append(key)
        if numbers.random() < 0.3 or not isinstance(node[key], dict | list) or not node[key]:
            break
        node = node[key]
    if not path:
        return "nothing", text
    if numbers.random() < 0.25 and isinstance(node, dict):
        del node[path[-1]]
        return f"{path} is gone", json.dumps(content)
    value = one_of(numbers, (None, True, -1, 0, 1.5, 1e300, "x", "", [], {}, [1, "a"], {"a": 1}, 10**30))
    node[path[-1]] = value
    return f"{path} is {value!r}", json.dumps(content)
