"""The ledger is complete, well-formed and clean, and no id named anywhere in the project dangles."""

import ast
import re
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterator
from importlib import import_module
from itertools import pairwise
from pathlib import Path

import pytest

from experiments.lab.ledger import LEDGER_PATH, Ledger, LedgerValue, load_ledger, parse_ledger

ROOT = LEDGER_PATH.parent.parent
TEXT = LEDGER_PATH.read_text(encoding="utf-8")
# An id stands alone: not inside a word such as SHA-256, nor as the tail or head of a longer hyphenated name.
ID_PATTERN = re.compile(r"(?<![\w-])[SECPA]-\d{2,3}(?![\w-])")
DOCUMENTS = ("D0", "D1", "D2", "D3", "D4")

MINIMAL = """
[[document]]
id = "D0"
title = "Slides"
kind = "slides"
data = "MNIST"
framework = "none"

[[claim]]
id = "C-001"
document = "D0"
statement = "It learns."
test = "Accuracy."
seeds = 3
"""


@pytest.fixture(scope="module")
def ledger() -> Ledger:
    return load_ledger()


def all_ids(ledger: Ledger) -> set[str]:
    sections = (ledger.components, ledger.experiments, ledger.claims, ledger.counts, ledger.ambiguities)
    return {entry_id for section in sections for entry_id in section}


def named_ids(text: str) -> set[str]:
    return set(ID_PATTERN.findall(text))


# Completeness: the expected numbers are those of the source, counted by hand there.


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("documents", 5),
        ("components", 108),
        ("experiments", 53 + 4),
        ("claims", 38 + 24 + 30 + 16 + 43),
        ("counts", 14),
        ("ambiguities", 37),
    ],
)
def test_every_entry_is_there(ledger: Ledger, kind: str, expected: int):
    assert len(getattr(ledger, kind)) == expected


@pytest.mark.parametrize(
    ("kind", "per_document"),
    [
        ("experiments", (14, 4, 14, 10, 15)),
        ("claims", (38, 24, 30, 16, 43)),
        ("counts", (8, 0, 1, 4, 1)),
    ],
)
def test_entries_per_document(ledger: Ledger, kind: str, per_document: tuple[int, ...]):
    counted = Counter(entry.document for entry in getattr(ledger, kind).values())
    assert tuple(counted[document] for document in DOCUMENTS) == per_document


@pytest.mark.parametrize("document", DOCUMENTS)
def test_claim_numbers_of_a_document_have_no_gaps(ledger: Ledger, document: str):
    numbers = [int(claim.id[2:]) for claim in ledger.claims.values() if claim.document == document]
    first = 100 * int(document[1]) + 1
    assert numbers == list(range(first, first + len(numbers)))


def test_nineteen_claims_have_a_theoretical_core(ledger: Ledger):
    assert sum(claim.theory for claim in ledger.claims.values()) == 19


def test_ids_are_unique_in_the_file():
    ids = re.findall(r'^id = "(.*)"$', TEXT, flags=re.MULTILINE)
    assert [entry_id for entry_id, times in Counter(ids).items() if times > 1] == []
    assert len(ids) == sum(len(entries) for entries in tomllib.loads(TEXT).values())


# Values that code compares with.


def test_values_are_of_known_metrics_and_in_range(ledger: Ledger):
    ranges = {
        "test_accuracy": (0.05, 1.0),
        "val_accuracy": (0.05, 1.0),
        "train_accuracy": (0.05, 1.0),
        "train_loss": (0.0, 5.0),
        "test_loss": (0.0, 5.0),
        "learning_rate": (1e-6, 1.0),
        "seconds": (10.0, 10_000.0),
        "accuracy_gain": (0.0, 0.1),
        "val_accuracy_drop": (0.0, 0.1),
        "val_accuracy_peak": (1.0, 30.0),
    }
    for experiment in ledger.experiments.values():
        for value in experiment.values:
            low, high = ranges[value.metric]
            assert low <= value.value <= high, (experiment.id, value)


def test_a_value_is_given_once(ledger: Ledger):
    for experiment in ledger.experiments.values():
        keys = Counter((value.arm, value.metric, value.epoch) for value in experiment.values)
        assert [key for key, times in keys.items() if times > 1] == [], experiment.id


@pytest.mark.parametrize(
    ("experiment", "arm", "metric", "epoch", "expected"),
    [
        ("E-003", "he_normal", "test_accuracy", 15, 0.9774),
        ("E-004", "plain", "val_accuracy", 19, 0.9727),
        ("E-022", "1_sigmoid_hinge", "test_accuracy", 50, 0.951),
        ("E-030", "batch_size=10", "test_accuracy", 50, 0.944),
        ("E-063", "rmsprop", "seconds", 10, 5506.0),
        ("E-069", "500,batch_size=100", "val_accuracy", 10, 0.974),
    ],
)
def test_spot_checks_against_the_documents(
    ledger: Ledger, experiment: str, arm: str, metric: str, epoch: int, expected: float
):
    values = ledger.experiments[experiment].values
    assert [v.value for v in values if (v.arm, v.metric, v.epoch) == (arm, metric, epoch)] == [expected]


def is_spoken(value: LedgerValue, reported: str) -> bool:
    """Whether a text prints the value, to the decimals of the text; accuracies also as percentages."""
    readings = [value.value, 100 * value.value] if "accuracy" in value.metric else [value.value]
    for number in re.findall(r"\d+(?:\.\d+)?(?:e-\d+)?", reported):
        decimals = len(number.partition(".")[2])
        if any(float(number) == pytest.approx(reading) for reading in readings):
            return True
        if decimals and number in [f"{reading:.{decimals}f}" for reading in readings]:
            return True
    return False


def test_values_agree_with_the_words_beside_them(ledger: Ledger):
    for experiment in ledger.experiments.values():
        for value in experiment.values:
            assert is_spoken(value, experiment.reported), (experiment.id, value)


# Parameter counts: an independent sum over the layers of plain networks.

NETWORK_22 = "784-784-1024-1024-2048-512-512-256-256-128-128-128-64-64-64-32-32-32-16-16-16-12-10"
NETWORK_41 = f"784-784-1024-1024-512-512{5 * '-256-512-1024-512-256'}-64-64-64-32-32-32-16-16-12-12-10"


@pytest.mark.parametrize(
    ("count", "networks", "bias", "norm"),
    [
        ("P-01", ["784-128-64-32-16-10"], True, False),
        ("P-02", ["784-128-64-32-16-10"], True, True),
        ("P-03", [NETWORK_22], True, False),
        ("P-04", [NETWORK_22], True, True),
        ("P-05", [NETWORK_41], True, False),
        ("P-06", [NETWORK_41], True, True),
        ("P-09", ["784-256-10"], True, False),
        ("P-10", ["784-12-10"], True, False),
        ("P-11", ["784-784-10", "784-2048-10", "784-512-256-10"], True, False),
        ("P-13", ["784-10", "784-100-10", "784-100-100-10"], True, False),
        ("P-14", ["784-300-150-10", "784-100-30-10", "784-500-10", "784-100-10"], False, True),
    ],
)
def test_computed_counts(ledger: Ledger, count: str, networks: list[str], bias: bool, norm: bool):
    totals = []
    for network in networks:
        widths = [int(width) for width in network.split("-")]
        weights = sum(a * b for a, b in pairwise(widths))
        totals.append(weights + bias * sum(widths[1:]) + 2 * norm * sum(widths[1:-1]))
    assert ledger.counts[count].computed == tuple(totals)


def test_counts_differ_from_the_documents_only_where_known(ledger: Ledger):
    differing = [c.id for c in ledger.counts.values() if c.stated and c.stated != c.computed]
    assert differing == ["P-08", "P-09"]


# What does not belong in the ledger.


@pytest.mark.parametrize(
    "forbidden",
    [
        r"(?i)github",
        r"(?i)\bhttps?:|\bwww\.|\.(com|org|edu|cn)\b",
        r"[\w.+-]+@[\w-]+\.\w+",
        r"(?<!\w)/(work|home|root|tmp|usr|Users)\b",
        r"[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef]",
        r"\w\.(py|npy|ipynb)\b(?<!ledger\.py)",
    ],
    ids=["hosting site", "web address", "e-mail", "machine path", "CJK", "program file"],
)
def test_nothing_forbidden(forbidden: str):
    assert re.findall(forbidden, TEXT) == []


@pytest.mark.parametrize("section", ["claims", "experiments", "components"])
def test_sentences_are_finished(ledger: Ledger, section: str):
    long_fields = ("statement", "test", "note", "configuration", "reported", "definition", "resolution")
    for entry in getattr(ledger, section).values():
        for text in filter(None, (getattr(entry, field, "") for field in long_fields)):
            assert text.endswith((".", "?")), (entry.id, text)
            assert "  " not in text, (entry.id, text)


# No dangling ids, in the ledger and in the whole project.


def test_ids_named_inside_the_ledger_exist(ledger: Ledger):
    assert sorted(named_ids(TEXT) - all_ids(ledger)) == []


def project_files() -> list[Path]:
    files = [path for room in ("jaxmlp", "experiments", "tests") for path in (ROOT / room).rglob("*.py")]
    files += [path for room in ("jaxmlp", "experiments", "tests", "docs") for path in (ROOT / room).rglob("*.md")]
    return [*files, *ROOT.glob("*.md")]


EXAMPLE = "C-900"
"""The claim of an example in the documentation, which no document makes."""


def test_ids_named_in_the_project_exist(ledger: Ledger):
    known = all_ids(ledger) | {EXAMPLE}
    dangling = {
        str(path.relative_to(ROOT)): sorted(unknown)
        for path in project_files()
        if (unknown := named_ids(path.read_text(encoding="utf-8")) - known)
    }
    assert dangling == {}


# What a figure shows; no source need tell of it.
LATER = {"S-121"}
# Rows that ask for a check or give a shape: a test is all there is to them.
CHECKED = {"S-013", "S-023", "S-024", "S-032", "S-095", "S-114", "S-115"}


def told_of(tree: ast.Module) -> Iterator[tuple[tuple[str, ...], str]]:
    """(path, docstring) of a module, of its classes and functions, and of values with a text below them."""
    waiting: list[tuple[tuple[str, ...], ast.Module | ast.ClassDef | ast.FunctionDef]] = [((), tree)]
    while waiting:
        path, node = waiting.pop()
        yield path, ast.get_docstring(node) or ""
        if isinstance(node, ast.FunctionDef):
            continue
        waiting += [((*path, one.name), one) for one in node.body if isinstance(one, ast.ClassDef | ast.FunctionDef)]
        for value, text in pairwise(node.body):
            if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
                stored = [one.id for one in ast.walk(value) if isinstance(one, ast.Name) and type(one.ctx) is ast.Store]
                yield (*path, *stored[:1]), str(text.value.value)


def places_below(*rooms: str) -> dict[str, list[tuple[str, tuple[str, ...]]]]:
    """By id, the modules and the paths in them whose docstrings cite it."""
    places = defaultdict(list)
    for path in sorted(path for room in rooms for path in (ROOT / room).rglob("*.py") if path != Path(__file__)):
        text = path.read_text(encoding="utf-8")
        for where, docstring in told_of(ast.parse(text)) if named_ids(text) else ():
            for name in named_ids(docstring):
                places[name].append((".".join(path.relative_to(ROOT).with_suffix("").parts), where))
    return places


def runs(module: str, path: tuple[str, ...]) -> bool:
    """Whether the object is there once its module is imported."""
    found = import_module(module.removesuffix(".__init__"))
    for name in path:
        if name in getattr(found, "__annotations__", {}) and not hasattr(found, name):
            return True  # a field without a default
        found = getattr(found, name)
    return True


def test_every_component_is_code_that_runs(ledger: Ledger):
    """An object that can be imported tells of it; where a check is all there is, a test does."""
    sources, tests = places_below("jaxmlp", "experiments"), places_below("tests")
    assert sorted(ledger.components.keys() - LATER - CHECKED - sources.keys()) == []
    assert sorted(CHECKED - tests.keys()) == []
    for name in ledger.components.keys() - LATER:
        places = tests[name] if name in CHECKED else sources[name]
        assert runs(*min(places, key=lambda place: (place[1] == (), place[0]))), name


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("S-001 to S-013, C-426/C-427", {"S-001", "S-013", "C-426", "C-427"}),
        ("ISO-8859-1, SHA-256, VISA-123, RFC-822, A-4, S-1234", set()),
        ("(P-07), `A-31`.", {"P-07", "A-31"}),
    ],
)
def test_what_counts_as_an_id(text: str, expected: set[str]):
    assert named_ids(text) == expected


# The loader is strict and names entry and field.


def test_a_minimal_ledger_loads():
    claim = parse_ledger(MINIMAL).claims["C-001"]
    assert (claim.seeds, claim.note, claim.theory) == (3, "", False)


@pytest.mark.parametrize(
    ("old", "new", "entry", "field"),
    [
        ("seeds = 3", "seed = 3", "C-001", "'seed'"),
        ("seeds = 3", 'seeds = "3"', "C-001", "'seeds'"),
        ("seeds = 3", "seeds = true", "C-001", "'seeds'"),
        ('test = "Accuracy."\n', "", "C-001", "'test'"),
        ('test = "Accuracy."', 'test = " "', "C-001", "'test'"),
        ('document = "D0"', 'document = "D9"', "C-001", "'document'"),
        ('id = "C-001"', 'id = "S-001"', "S-001", "'id'"),
        ('id = "C-001"\n', "", "claim number 1", "'id'"),
        ('kind = "slides"', 'kind = "film"', "D0", "'kind'"),
        ("[[claim]]", "[[clam]]", "clam", "unknown kind"),
    ],
)
def test_a_faulty_entry_is_named(old: str, new: str, entry: str, field: str):
    assert old in MINIMAL
    with pytest.raises(ValueError, match=f"{re.escape(entry)}") as caught:
        parse_ledger(MINIMAL.replace(old, new))
    assert field in str(caught.value)


def test_a_repeated_id_is_named():
    claim = MINIMAL[MINIMAL.index("[[claim]]") :]
    with pytest.raises(ValueError, match=r"C-001.*twice"):
        parse_ledger(MINIMAL + claim)


def test_entries_cannot_be_changed(ledger: Ledger):
    with pytest.raises(AttributeError):
        ledger.claims["C-001"].statement = "something else"  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(TypeError):
        ledger.claims["C-001"] = ledger.claims["C-004"]  # pyright: ignore[reportIndexIssue]
    assert load_ledger() is load_ledger()
