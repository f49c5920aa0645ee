"""How fast this machine could do a step: its own matrix products at these shapes, and its copies, measured.

A step of a run needs, for each linear, the products y = x Aᵀ, dA = gᵀ x and, but for the first, dx = g A; then its
optimizer reads and writes every number of the parameters, the gradient and its own state. Nothing else is counted:
activations, norms, gathering and drawing stay in caches or are small beside these. What does better than this floor
would have to keep parameters in caches from one step to the next.
"""

import time
from collections.abc import Callable
from functools import partial

import torch

from experiments.speed.job import Job
from experiments.speed.torch_peers import DEVICE

PASSES = {"sgd": 3, "momentum": 5, "adam": 7}
"""Times that an update reads or writes an array as large as the parameters."""
SECONDS = 0.02
"""Of one measurement."""
REPEATS = 2


def products(job: Job) -> list[tuple[int, int, int]]:
    """(rows, inner, columns) of every product of a step of one run."""
    size, shapes = job.batch_size, []
    linears = [(layer.inputs, layer.outputs, i == 0) for i, layer in enumerate(job.layers)]
    for inputs, outputs, first in [*linears, *((*skip, False) for skip in job.skips)]:
        shapes += [(size, inputs, outputs), (outputs, size, inputs)]
        shapes += [] if first else [(size, outputs, inputs)]
    return shapes


def seconds_per_step(job: Job) -> dict[str, float]:
    """Of all runs together: `products`, `update` and their sum `floor`; `gflops` and `gb_per_second` reached."""
    shapes = products(job)
    each = {shape: _product_seconds(shape, job.runs) for shape in dict.fromkeys(shapes)}
    in_products = sum(each[shape] for shape in shapes)
    count = sum(array.size for array in job.params.values())
    bandwidth = _copy_bandwidth(4 * count)
    moved = 4 * count * PASSES[job.optimizer]
    flops = 2 * job.runs * sum(rows * inner * columns for rows, inner, columns in shapes)
    return {
        "products": in_products,
        "update": moved / bandwidth,
        "floor": in_products + moved / bandwidth,
        "gflops": flops / in_products / 1e9,
        "gb_per_second": bandwidth / 1e9,
    }


def _product_seconds(shape: tuple[int, int, int], runs: int) -> float:
    """The same product of all runs: in one batched call, or in one call a run, whatever is faster."""
    rows, inner, columns = shape
    out = torch.empty(runs, rows, columns, device=DEVICE)
    a, b = torch.rand(runs, rows, inner, device=DEVICE), torch.rand(runs, inner, columns, device=DEVICE)
    across_a, across_b = (x.transpose(1, 2).contiguous().transpose(1, 2) for x in (a, b))
    # As stored, or stored across, as A is in x Aᵀ and g in gᵀ x.
    ways = [way for x, y in ((a, b), (a, across_b), (across_a, b)) for way in _ways(x, y, out)]
    return min(_least_seconds(way) for way in ways)


def _ways(a: torch.Tensor, b: torch.Tensor, out: torch.Tensor) -> list[Callable[[], object]]:
    runs = len(a)
    triples = list(zip(a, b, out, strict=True))

    def one_by_one() -> None:
        for x, y, z in triples:
            torch.mm(x, y, out=z)

    if runs == 1:
        return [one_by_one]
    batched = partial(torch.bmm, a, b, out=out)
    # A thousand calls on tiny matrices measure nothing but the calls.
    return [batched, one_by_one] if runs <= 64 else [batched]


def _copy_bandwidth(num_bytes: int) -> float:
    """Bytes read and written per second by a copy of arrays of this size, as an update walks through them."""
    source = torch.rand(max(num_bytes // 4, 1024), device=DEVICE)
    target = torch.empty_like(source)
    return 2 * source.nbytes / _least_seconds(lambda: target.copy_(source))


def _least_seconds(function: Callable[[], object]) -> float:
    """Of one call: the least mean over `SECONDS` of calls, of `REPEATS`."""
    count, seconds = 1, 0.0
    while seconds < SECONDS / 4:
        count *= 4
        seconds = _seconds(function, count)
    count = max(1, int(count * SECONDS / seconds))
    return min(_seconds(function, count) for _ in range(REPEATS)) / count


def _seconds(function: Callable[[], object], count: int) -> float:
    begin = time.perf_counter()
    for _ in range(count):
        function()
    if DEVICE == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - begin
