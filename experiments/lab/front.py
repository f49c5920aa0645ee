"""What the front pages say in sentences: the tally of verdicts, findings that surprise, the documents, speed in a row.

Every number is read from what is published; a language is `en` or `zh`.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

import pandas as pd

from experiments.benchmarks.running import PUBLISHED_BENCHMARKS
from experiments.benchmarks.speed.peers import GRID_KEY, OURS
from experiments.benchmarks.speed.report import cells_of, places_of, ratio, rival_of
from experiments.benchmarks.speed.workloads import WORKLOADS
from experiments.lab.base import FRESH
from experiments.lab.ledger import load_ledger
from experiments.lab.published import claim_rows, published_folder, published_verdicts
from jaxmlp import study
from jaxmlp.evidence import presentation
from jaxmlp.files import read_sealed_json

VERDICT_WORDS = {
    "reproduced": "成立",
    "refuted": "不成立",
    "other_cause": "现象成立、原因不对",
    "mixed": "部分成立",
    "inconclusive": "尚不能判断",
    "pending": "等待新的种子",
    "not_tested": "未检验",
}
"""Verdicts in Chinese."""


def tally(language: str = "en") -> str:
    """How many claims have which verdict, in one sentence."""
    rows = claim_rows()
    counts = Counter(row["verdict"] for row in rows)
    kinds = [kind for kind in VERDICT_WORDS if counts[kind]]
    if language == "zh":
        told = "，".join(f"{VERDICT_WORDS[kind]} {counts[kind]} 条" for kind in kinds)
        return f"共 {len(rows)} 条论断：{told}。"
    told = ", ".join(f"**{counts[kind]}** {presentation.LOOKS[kind].words}" for kind in kinds)
    return f"{len(rows)} claims: {told}."


class Surprise(NamedTuple):
    """A finding in words. `numbers` computes what the sentences quote from the last row of every run."""

    claim: str
    study: str
    numbers: Callable[[pd.DataFrame], dict[str, Any]]
    en: str
    zh: str


def _starts(rows: pd.DataFrame) -> dict[str, Any]:
    start, he = _accuracies(rows, "randn"), _accuracies(rows, "he_normal")
    return {"below": int((start < 0.5).sum()), "n": len(start), "lowest": f"{100 * he.min():.1f}"}


def _depths(rows: pd.DataFrame) -> dict[str, Any]:
    names = {"shallow": "w64_plain_20", "deep": "w64_plain_56", "skips": "w64_residual_56"}
    means = {name: f"{100 * _accuracies(rows, arm).mean():.1f}" for name, arm in names.items()}
    return means | {"n": len(_accuracies(rows, "w64_plain_56"))}


def _inputs(rows: pd.DataFrame) -> dict[str, Any]:
    losses = {arm: -_gain(rows, arm, "unit") for arm in ("pca_whiten", "standardize")}
    return {arm: f"{100 * lost.mean():.1f}" for arm, lost in losses.items()} | {"n": len(losses["pca_whiten"])}


def _maxout(rows: pd.DataFrame) -> dict[str, Any]:
    lost = -_gain(rows, "maxout", "base")
    return {"lost": f"{100 * lost.mean():.2f}", "n": len(lost)}


def _xor(rows: pd.DataFrame) -> dict[str, Any]:
    learned = {arm: int((_accuracies(rows, arm) == 1.0).sum()) for arm in ("relu_2", "gelu_erf_2")}
    return learned | {"n": len(_accuracies(rows, "relu_2"))}


SURPRISES = (
    Surprise(
        "C-001",
        "initialization",
        _starts,
        "Draw the weights and biases of a 5-layer net from N(0, 1), and {below} of {n} nets end below 50 % test "
        "accuracy. With He's start all {n} reach {lowest} % or more.",
        "5 层网络的权重与偏置取自 N(0, 1) 时，{n} 个网络中有 {below} 个测试准确率不到 50 %；"
        "改用 He 初始化，{n} 个全部达到 {lowest} % 以上。",
    ),
    Surprise(
        "C-114",
        "depth",
        _depths,
        "From 20 layers to 56, mean test accuracy falls from {shallow} % to {deep} % (n = {n}), and the training error "
        "rises as well. With skip connections 56 layers reach {skips} %.",
        "从 20 层加到 56 层，平均测试准确率由 {shallow} % 降到 {deep} %（n = {n}），训练误差也随之上升；"
        "加上残差连接，56 层达到 {skips} %。",
    ),
    Surprise(
        "C-031",
        "preprocessing",
        _inputs,
        "Uncorrelated inputs do not help here. Compared with pixels between 0 and 1, PCA whitening loses "
        "{pca_whiten} points of test accuracy, and standardizing loses {standardize} (n = {n}).",
        "输入去相关在这里没有好处：与取值 0 到 1 的像素相比，PCA 白化使测试准确率降低 {pca_whiten} 个百分点，"
        "标准化降低 {standardize} 个（n = {n}）。",
    ),
    Surprise(
        "C-312",
        "xor",
        _xor,
        "Two hidden ReLU units can represent XOR, but only {relu_2} of {n} nets learn it. With GELU {gelu_erf_2} of "
        "{n} do.",
        "两个 ReLU 隐藏单元足以表示异或，但 {n} 个网络中只有 {relu_2} 个学会；"
        "换成 GELU，{n} 个中有 {gelu_erf_2} 个学会。",
    ),
    Surprise(
        "C-302",
        "maxout",
        _maxout,
        "The maxout net of the report was said to gain 2 points. Trained with the same seeds, it loses {lost} points "
        "against its ReLU base (n = {n}).",
        "报告称其 Maxout 网络提高 2 个百分点；用相同的种子训练，它比 ReLU 基准低 {lost} 个百分点（n = {n}）。",
    ),
)
"""What most people would not have guessed, the most striking first."""


def surprises(language: str = "en") -> str:
    """`SURPRISES` as a numbered list, each with its claim and its verdict."""
    verdicts = published_verdicts()
    lines = []
    for i, one in enumerate(SURPRISES, start=1):
        numbers = one.numbers(_first_runs(one.study))
        verdict = verdicts[one.claim]
        words = VERDICT_WORDS[verdict["verdict"]] if language == "zh" else presentation.verdict_words(verdict)
        text = (one.zh if language == "zh" else one.en).format(**numbers)
        lines.append(f"{i}. {text} *{one.claim}, {words}.*")
    return "\n".join(lines)


def _first_runs(name: str) -> pd.DataFrame:
    """The last rows of a published study's first runs, which these claims are judged by."""
    return study.Results.load(published_folder(name)).final().query(f"seed < {FRESH}")


def _accuracies(rows: pd.DataFrame, arm: str) -> pd.Series:
    """Test accuracies of an arm, by seed."""
    return pd.Series(rows.query(f"arm == '{arm}'").set_index("seed")["test_accuracy"])


def _gain(rows: pd.DataFrame, arm: str, base: str) -> pd.Series:
    return (_accuracies(rows, arm) - _accuracies(rows, base)).dropna()


ALT = {
    "en": "Test accuracy of {n} nets for each of six starts. From N(0, 1) {below} of them stay below 50 %, from He's "
    "normal start all reach {lowest} % or more.",
    "zh": "六种初始化各 {n} 个网络的测试准确率：取自 N(0, 1) 时 {below} 个不到 50 %，"
    "He 正态初始化时全部达到 {lowest} % 以上。",
}
"""What the figure of starts shows, in words."""


def starts_figure(language: str = "en") -> str:
    """The figure of starts as a Markdown image."""
    return f"![{ALT[language].format(**_starts(_first_runs('initialization')))}](docs/figures/starts.svg)"


def documents() -> str:
    """Who says what is judged, in Markdown: title, kind, data and program of every document."""
    ledger = load_ledger()
    lines = ["| | title | kind | data | program |", "|---|---|---|---|---|"]
    for one in ledger.documents.values():
        title = " ".join(one.title.split()).removeprefix(f"{one.id}: ").partition(" (")[0]
        lines.append(f"| {one.id} | {title} | {one.kind} | {one.data} | {one.framework} |")
    return "\n".join(lines)


def speed_row(language: str = "en") -> str:
    """How many times as long PyTorch takes, in one row: every workload at its largest number of runs at once."""
    kept = read_sealed_json(PUBLISHED_BENCHMARKS / "speed.json")
    cells = cells_of(kept["measured"])
    most = {key: runs for key, runs in places_of(kept["measured"]) if key != GRID_KEY}
    rivals = {place: rival_of(cells, *place, "torch_loader") for place in most.items()}
    times = [f"{ratio(rival, cells[*place, OURS]).estimate:.3g}" for place, rival in rivals.items() if rival]
    titles = [f"{WORKLOADS[key].title} ×{runs:,}" for key, runs in most.items()]
    words = {
        "en": ("net × runs at once", "PyTorch takes, times as long"),
        "zh": ("网络 × 并行个数", "PyTorch 用时倍数"),
    }
    first, told = words[language]
    return "\n".join(
        [f"| {first} | {' | '.join(titles)} |", "|---|" + "---|" * len(titles), f"| {told} | {' | '.join(times)} |"]
    )


def theory() -> str:
    """The published verdicts of claims with a mathematical core, in Markdown."""
    claims, published = load_ledger().claims, published_verdicts()
    lines = ["| claim | what theory says | verdict | measured | n |", "|---|---|---|---|---|"]
    for claim, verdict in sorted(published.items()):
        if claim not in claims or not claims[claim].theory:
            continue
        effect = f"{presentation.effect_text(verdict)} {presentation.interval_text(verdict)}".strip() or "–"
        statement = " ".join(verdict["statement"].split())
        lines.append(f"| {claim} | {statement} | {presentation.verdict_words(verdict)} | {effect} | {verdict['n']} |")
    return "\n".join(lines)
