"""How fast this machine could do a step: its own matrix products at these shapes, and its copies, measured.

A step of a run needs, for each linear, the products y = x Aᵀ, dA = gᵀ x and, but for the first, dx = g A; then its
optimizer reads and writes every number of the parameters, the gradient and its own state. Nothing else is counted:
activations, norms, gathering and drawing are small beside these. Each product is timed again and again on the same
arrays, alone, for as many runs at once as there are cores, and for all runs: what takes least per run counts. So do
copies as large as the parameters of one run and of all. A net's step, which walks through all of its arrays, finds
fewer of them in a cache; a step that is faster than this floor has faster products than PyTorch.
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
    each = {shape: job.runs * _product_seconds(shape, job.runs) for shape in dict.fromkeys(shapes)}
    in_products = sum(each[shape] for shape in shapes)
    count = sum(array.size for array in job.params.values())
    bandwidth = max(_copy_bandwidth(4 * size) for size in {count, count // job.runs})
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
    """Of one run: the least for one run alone, for as many at once as there are cores, and for all."""
    rows, inner, columns = shape
    seconds = []
    for together in sorted({1, min(runs, torch.get_num_threads()), runs}):
        out = torch.empty(together, rows, columns, device=DEVICE)
        a = torch.rand(together, rows, inner, device=DEVICE)
        b = torch.rand(together, inner, columns, device=DEVICE)
        across_a, across_b = (x.transpose(1, 2).contiguous().transpose(1, 2) for x in (a, b))
        # As stored, or stored across, as A is in x Aᵀ and g in gᵀ x.
        for x, y in ((a, b), (a, across_b), (across_a, b)):
            way = partial(torch.bmm, x, y, out=out) if together > 1 else partial(torch.mm, x[0], y[0], out=out[0])
            seconds.append(_least_seconds(way) / together)
    return min(seconds)


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
