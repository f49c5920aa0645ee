"""How fast this machine could do a step: its own matrix products at these shapes, and its copies, measured.

A step of a run needs, for each linear, the products y = x Aᵀ, dA = gᵀ x and, but for the first, dx = g A; then its
optimizer reads and writes every number of the parameters, the gradient and its own state. Nothing else is counted, not
activations, norms, gathering or drawing. Each product is timed again and again on the same arrays, by PyTorch and by
XLA, stored in whatever way is fastest, alone, for some runs at once and for all: what takes least per run counts. So do
copies as large as the parameters of one run and of all. A net's step, which walks through all of its arrays, finds
fewer of them in a cache, and is a mean where this is the least of several times.
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import torch

from experiments.speed.job import Job
from experiments.speed.torch_peers import DEVICE

PASSES = {"sgd": 3, "momentum": 5, "adam": 7}
"""Times that an update reads or writes an array as large as the parameters."""
SECONDS = 0.02
"""Of one measurement."""
REPEATS = 2

Shape = tuple[int, int, int]
"""Rows, inner, columns of a product."""


def products(job: Job) -> list[Shape]:
    """Every product of a step of one run."""
    size, shapes = job.batch_size, []
    linears = [(layer.inputs, layer.outputs, i == 0) for i, layer in enumerate(job.layers)]
    for inputs, outputs, first in [*linears, *((*skip, False) for skip in job.skips)]:
        shapes += [(size, inputs, outputs), (outputs, size, inputs)]
        shapes += [] if first else [(size, outputs, inputs)]
    return shapes


class Floor:
    """The machine at the shapes of a job; made once, then sampled."""

    def __init__(self, job: Job) -> None:
        self._job, self._shapes = job, products(job)
        for shape in set(self._shapes):
            for _, work in _by_xla(shape, job.runs):
                work(1)  # compiled before anything is timed

    def sample(self) -> dict[str, float]:
        """Seconds of a step of all runs: `products`, `update`, their sum `floor`; `gflops` and `gb_per_second`."""
        job, runs = self._job, self._job.runs
        # Not in turn: threads of one library go on turning for a while, in the way of the other's.
        least = dict.fromkeys(self._shapes, float("inf"))
        for library in (_by_torch, _by_xla):
            for shape in least:
                each = (_least_seconds(work) / together for together, work in library(shape, runs))
                least[shape] = min(least[shape], *each)
        in_products = runs * sum(least[shape] for shape in self._shapes)
        count = sum(array.size for array in job.params.values())
        bandwidth = max(_copy_bandwidth(4 * size) for size in {count, count // runs})
        moved = 4 * count * PASSES[job.optimizer]
        flops = 2 * runs * sum(rows * inner * columns for rows, inner, columns in self._shapes)
        return {
            "products": in_products,
            "update": moved / bandwidth,
            "floor": in_products + moved / bandwidth,
            "gflops": flops / in_products / 1e9,
            "gb_per_second": bandwidth / 1e9,
        }


Work = Callable[[int], Any]
"""Does something so many times, and waits for the last."""


def _by_torch(shape: Shape, runs: int) -> Iterator[tuple[int, Work]]:
    """For how many runs at once, and what multiplies for them."""
    rows, inner, columns = shape
    for together in sorted({1, min(runs, torch.get_num_threads()), runs}):
        out = torch.empty(together, rows, columns, device=DEVICE)
        a = torch.rand(together, rows, inner, device=DEVICE)
        b = torch.rand(together, inner, columns, device=DEVICE)
        across_a, across_b = (x.transpose(1, 2).contiguous().transpose(1, 2) for x in (a, b))
        # As stored, or stored across, as A is in x Aᵀ and g in gᵀ x.
        for x, y in ((a, b), (a, across_b), (across_a, b)):
            way = partial(torch.bmm, x, y, out=out) if together > 1 else partial(torch.mm, x[0], y[0], out=out[0])
            yield together, partial(_again, way)


def _by_xla(shape: Shape, runs: int) -> Iterator[tuple[int, Work]]:
    """The same, on one device and on all of them."""
    rows, inner, columns = shape
    devices = jax.local_devices()[:runs]
    for places, lanes in sorted({(1, 1), (len(devices), 1), (len(devices), -(-runs // len(devices)))}):
        # As `_by_torch` stores them: which axis of either factor is summed over.
        for over_a, over_b in ((1, 0), (1, 1), (0, 0)):
            a = jnp.full((lanes, *((rows, inner) if over_a else (inner, rows))), 0.5)
            b = jnp.full((lanes, *((columns, inner) if over_b else (inner, columns))), 0.5)
            factors = [jax.device_put((a, b) if lanes > 1 else (a[0], b[0]), device) for device in devices[:places]]
            yield places * lanes, partial(_on_devices, factors, _multiplier(over_a, over_b, batched=lanes > 1))


def _on_devices(factors: list[tuple[jax.Array, jax.Array]], multiply: Callable[..., jax.Array], count: int) -> None:
    if len(factors) == 1:
        jax.block_until_ready(multiply(*factors[0], count))
        return
    with ThreadPoolExecutor(len(factors)) as threads:  # as a study's devices have each
        jax.block_until_ready(list(threads.map(lambda pair: multiply(*pair, count), factors)))


@cache
def _multiplier(over_a: int, over_b: int, *, batched: bool) -> Callable[..., jax.Array]:
    """A program of the same product so many times, by which calls of a program do not count."""
    axes = ((over_a + batched,), (over_b + batched,)), (((0,), (0,)) if batched else ((), ()))

    @jax.jit
    def multiply(a: jax.Array, b: jax.Array, count: int) -> jax.Array:
        def once(_: jax.Array, carried: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
            product = jax.lax.dot_general(carried[0], b, axes)
            # One number of a factor comes from the product before, or XLA would multiply once.
            first = (0,) * product.ndim
            return carried[0].at[first].set(jnp.minimum(product[first], 0.5)), product

        shape = jax.eval_shape(lambda: jax.lax.dot_general(a, b, axes)).shape
        return jax.lax.fori_loop(0, count, once, (a, jnp.zeros(shape)))[1]

    return multiply


def _copy_bandwidth(num_bytes: int) -> float:
    """Bytes read and written per second by a copy of arrays of this size, as an update walks through them."""
    source = torch.rand(max(num_bytes // 4, 1024), device=DEVICE)
    target = torch.empty_like(source)
    return 2 * source.nbytes / _least_seconds(partial(_again, lambda: target.copy_(source)))


def _again(function: Callable[[], object], count: int) -> None:
    for _ in range(count):
        function()
    if DEVICE == "cuda":
        torch.cuda.synchronize()


def _least_seconds(work: Work) -> float:
    """Of one time: the least mean over `SECONDS` of times, of `REPEATS`."""
    count, seconds = 1, 0.0
    while seconds < SECONDS / 4:
        count *= 4
        seconds = _seconds(work, count)
    count = max(1, int(count * SECONDS / seconds))
    return min(_seconds(work, count) for _ in range(REPEATS)) / count


def _seconds(work: Work, count: int) -> float:
    begin = time.perf_counter()
    work(count)
    return time.perf_counter() - begin
