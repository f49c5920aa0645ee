"""Do starts and full-batch training follow the laws that documents' causes are tested against?

    python -m experiments run laws --preset full

Each law gives a number before any run: see `jaxmlp.probes.laws`. It is held against the 95 % interval of what the
library's own nets show, at three sizes or more. Laws of wide nets are not exact in narrow ones: beside them stands the
formula that is, and the reason was written before the runs. All but the last two are of starts, and train nothing.
Sizes and rates were chosen on other seeds than those of the full preset.
"""

import math

from experiments.lab.base import FRESH, Experiment, Preset
from experiments.lab.full_batch import EDGES, FULL_BATCH, edge_arm, edge_arms, edges_of, few_digits
from experiments.lab.law_starts import BORN_DEAD, DRIFT, NORM_GROWTH, DriftStart, NormStart, Tail, laws_of_starts
from experiments.lab.measured import both
from jaxmlp.data import Dataset
from jaxmlp.evidence import LawRows, Predicted, Value, final
from jaxmlp.probes import AdamSharpness, Epochs, Sharpness, laws
from jaxmlp.study import Arm

DRIFT_WIDTHS, GAIN_WIDTHS = (16, 64, 256, 512), (16, 64, 256)
DRIFT_STARTS = {f"he_{n}": DriftStart("he_normal", n, 100 if n < 512 else 50) for n in DRIFT_WIDTHS}
GAIN_STARTS = {
    f"{name}_{n}": DriftStart(initializer, n, 100 if n < 256 else 30)
    for name, initializer in (("glorot", "xavier_normal"), ("lecun", "lecun_normal"))
    for n in GAIN_WIDTHS
}
D0_TAIL = "d0_tail"
TAILS = {f"tail_{n}": Tail(16, (n,) * 3, 1000) for n in (2, 3, 4, 6)} | {
    D0_TAIL: Tail(32, (32, 16, 16, 12, 12), 10_000)
}
GROWTHS = {16: 1.681, 64: 1.512, 256: 1.477}
"""`laws.batch_norm_growth` of the batch sizes, which takes a second."""
NORM_STARTS = {f"norm_512_{batch}": NormStart(512, batch, 3) for batch in GROWTHS}
EDGE_RATES = {"sgd": (0.4, 0.45, 0.5), "adam": (5e-3, 7e-3, 1e-2)}
"""At which this net comes to the edge within 3,000 steps, and does not diverge: so other seeds showed."""
EDGE_ARMS = tuple(edge_arm(rule, rate) for rule, rates in EDGE_RATES.items() for rate in rates)


def _arms(dataset: Dataset, preset: Preset) -> list[Arm]:
    """Full-batch descent and Adam at three rates each; the starts are measured beside them."""
    return edge_arms(dataset, EDGE_RATES, preset.epochs)


def _slope(start: str) -> Value:
    return Value(start, final(DRIFT.columns[0].name), DRIFT.name)


AROUND = "the sharpness swings around the edge, mostly just above it: the law is a band of ten per cent"
NARROW = "it is the leading term of wide nets: the exact formula has terms of 1/n² more"
WIDE_GAIN = "the gain is that of infinitely wide nets: narrow ones lose the drift besides"
DRIFT_LAW = tuple(
    Predicted("finite width", formula, f"n = {n}", value, _slope(f"he_{n}"), limits=why)
    for n in DRIFT_WIDTHS
    for formula, value, why in (
        ("−5/(2n)", laws.finite_width_slope(n), NARROW),
        ("E ln(2χ²ₖ/n), exact", laws.relu_drift(n), ""),
    )
)
GAIN_LAW = tuple(
    Predicted("gain", formula, f"{title}, n = {n}", value, _slope(f"{name}_{n}"), limits=why)
    for name, title in (("glorot", "Glorot"), ("lecun", "1/n"))
    for n in GAIN_WIDTHS
    for formula, value, why in (
        ("−ln 2", -math.log(2), WIDE_GAIN),
        ("−ln 2 + E ln(2χ²ₖ/n), exact", -math.log(2) + laws.relu_drift(n), ""),
    )
)


def _dead(start: str, title: str) -> Predicted:
    counted, drawn = (Value(start, final(column.name), BORN_DEAD.name) for column in reversed(BORN_DEAD.columns))
    law = laws.born_dead(TAILS[start].hidden)
    return Predicted("born dead", "1 − Π(1 − 2^−n)", title, law, counted, of=drawn)


DEAD_LAW = (
    *(_dead(f"tail_{n}", f"three layers of {n}") for n in (2, 3, 4, 6)),
    _dead(D0_TAIL, "D0's last five, 32-16-16-12-12"),
)


def _growth(start: str, formula: str, number: float, limits: str = "") -> Predicted:
    n, batch = NORM_STARTS[start].width, NORM_STARTS[start].batch_size
    measured = Value(start, final(NORM_GROWTH.columns[0].name), NORM_GROWTH.name)
    size = f"n = {n}, batches of {batch}"
    return Predicted("gradients behind batch norm", formula, size, number, measured, band=0.05, limits=limits)


def _edge(rule: str, rate: float) -> Predicted:
    law, formula, number = {
        "sgd": ("edge of stability", "2/η", laws.stability_edge(rate)),
        "adam": ("edge of stability of Adam", "38/η, of P⁻¹H", laws.adaptive_edge(rate)),
    }[rule]
    measured = Value(edge_arm(rule, rate), final(EDGES.columns[0].name), EDGES.name)
    return Predicted(law, formula, f"η = {rate:g}", number, measured, band=0.1, limits=AROUND)


WIDE_BATCH = "it is of large batches: in smaller ones the norm divides by a variance that is sometimes small"
WIDE_NET = "it is of infinitely wide nets: a batch that is as large as the net is wide has no such symmetry"
NORM_LAW = tuple(
    _growth(start, formula, number, why)
    for start, one in NORM_STARTS.items()
    for formula, number, why in (
        ("π/(π − 1)", laws.BATCH_NORM_GROWTH, WIDE_BATCH),
        ("2(m₀ − m₁), of this batch", GROWTHS[one.batch_size], WIDE_NET),
    )
)
EDGE_LAWS = tuple(tuple(_edge(rule, rate) for rate in rates) for rule, rates in EDGE_RATES.items())

LAWS_EXPERIMENT = Experiment(
    name="laws",
    question="Do starts and full-batch training follow the laws that causes are tested against?",
    ledger=(),
    presets={
        "quick": Preset(seeds=3, epochs=30, batch_size=FULL_BATCH),
        "full": Preset(seeds=10, epochs=40, batch_size=FULL_BATCH, first_seed=FRESH),
    },
    arms=_arms,
    predicted=(*DRIFT_LAW, *GAIN_LAW, *DEAD_LAW, *NORM_LAW, *(one for law in EDGE_LAWS for one in law)),
    figures=tuple(LawRows(law) for law in (DRIFT_LAW, GAIN_LAW, DEAD_LAW, NORM_LAW, *EDGE_LAWS)),
    dataset=few_digits,
    probes=(Sharpness(Epochs(), products=15), AdamSharpness(Epochs(), products=15)),
    measured=both(laws_of_starts(DRIFT_STARTS | GAIN_STARTS, TAILS, NORM_STARTS), edges_of(*EDGE_ARMS)),
)
