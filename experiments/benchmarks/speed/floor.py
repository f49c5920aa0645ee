"""How fast this machine could do a step: its matrix products at these shapes, and changing memory in place, measured.

A step of a run needs, for each linear, the products y = x Aᵀ, dA = gᵀ x and, but for the first, dx = g A; then its
optimizer reads and writes every number of the parameters, the gradient and its own state. Nothing else is counted, not
activations, norms, gathering or drawing.

Each product is timed again and again on the same arrays, by PyTorch and by XLA, stored in whatever way is fastest,
alone, for some runs at once and for all: what takes least per run counts. A net's step walks through all of its arrays
and finds fewer of them in a cache. What that costs a single run is measured beside the floor, by the same products in
turn. The optimizer's bytes take what reading and writing in place takes, of as many numbers as it goes through for one
run or for all, whichever is faster: those of a large net are in no cache either.
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import torch

from experiments.benchmarks.speed.task import Task
from experiments.benchmarks.speed.torch_peers import DEVICE

ARRAYS_TOUCHED = {"sgd": 2, "momentum": 3, "adam": 4}
"""How many arrays as large as the parameters an optimizer reads: these, the gradient, its own state. It writes all but
the gradient.
"""
TRIAL_SECONDS = 0.02
"""Of one measurement."""
TRIAL_REPEATS = 2
IN_TURN = 32
"""Times of the products in turn in one measurement at least: each begins with arrays for the gradient."""

Shape = tuple[int, int, int]
"""Rows, inner, columns of a product."""


def products(task: Task) -> list[Shape]:
    """Every product of a step of one run."""
    size, shapes = task.batch_size, []
    linears = [(layer.inputs, layer.outputs, i == 0) for i, layer in enumerate(task.layers)]
    for inputs, outputs, first in [*linears, *((*skip, False) for skip in task.skips)]:
        shapes += [(size, inputs, outputs), (outputs, size, inputs)]
        shapes += [] if first else [(size, outputs, inputs)]
    return shapes


class Floor:
    """The machine at the shapes of a task; made once, then sampled."""

    def __init__(self, task: Task) -> None:
        self._job, self._shapes = task, products(task)
        self._in_turn = products_in_turn(task) if task.runs == 1 else None
        # Compiled before anything is timed.
        if self._in_turn is not None:
            self._in_turn(1)
        for shape in set(self._shapes):
            for _, work in _by_xla(shape, task.runs):
                work(1)

    def sample(self) -> dict[str, float]:
        """Seconds of a step of all runs: `products`, `update`, their sum `floor`; of a single run `in_turn`, the same
        products in turn; `gflops` and `gb_per_second`, the rates of products and update.
        """
        task, runs = self._job, self._job.runs
        # One library after the other: threads of either go on turning for a while, in the way of the other's.
        least = dict.fromkeys(self._shapes, float("inf"))
        for library in (_by_torch, _by_xla):
            for shape in least:
                each = (_least_seconds(work) / together for together, work in library(shape, runs))
                least[shape] = min(least[shape], *each)
        in_turn = {"in_turn": _least_seconds(self._in_turn, at_least=IN_TURN)} if self._in_turn else {}
        in_products = runs * sum(least[shape] for shape in self._shapes)
        count = sum(array.size for array in task.params.values())
        arrays = ARRAYS_TOUCHED[task.optimizer]
        bandwidth = max(_bandwidth(arrays * size) for size in {count, count // runs})
        moved = 4 * count * (2 * arrays - 1)
        flops = 2 * runs * sum(rows * inner * columns for rows, inner, columns in self._shapes)
        return in_turn | {
            "products": in_products,
            "update": moved / bandwidth,
            "floor": in_products + moved / bandwidth,
            "gflops": flops / in_products / 1e9,
            "gb_per_second": bandwidth / 1e9,
        }


Trial = Callable[[int], Any]
"""Does something so many times, and waits for the last."""


def _by_torch(shape: Shape, runs: int) -> Iterator[tuple[int, Trial]]:
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


def _by_xla(shape: Shape, runs: int) -> Iterator[tuple[int, Trial]]:
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


def products_in_turn(task: Task) -> Trial:
    """A linear net's gradient, so many times: a run's products, in the order and on the arrays of a step."""
    weights = {name: array[0] for name, array in task.params.items() if array.ndim == 3}
    x = np.ones((task.batch_size, task.layers[0].inputs), np.float32)
    repeat, arrays = linear_net(task), jax.device_put((x, weights))
    return lambda count: jax.block_until_ready(repeat(*arrays, count))


def linear_net(task: Task) -> Callable[..., dict[str, jax.Array]]:
    """The gradient of ½‖y‖² by every weight, so many times; the first number of x comes from the gradient before."""

    def apply(weights: dict[str, jax.Array], x: jax.Array) -> jax.Array:
        across, module = x, 0
        for number, layer in enumerate(task.layers):
            across = x if layer.begins_module else across
            x = x @ weights[f"weight{number}"].T
            if layer.ends_module:
                x, module = x + across @ weights[f"skip_weight{module}"].T, module + 1
        return x

    @jax.jit
    def repeat(x: jax.Array, weights: dict[str, jax.Array], count: int) -> dict[str, jax.Array]:
        def once(_: jax.Array, carried: tuple[jax.Array, dict[str, jax.Array]]) -> tuple[jax.Array, Any]:
            x = carried[0]
            grads = jax.grad(lambda weights: 0.5 * jnp.sum(jnp.square(apply(weights, x))))(weights)
            return x.at[0, 0].set(jnp.clip(grads["weight0"][0, 0], 0.5, 1.5)), grads

        return jax.lax.fori_loop(0, count, once, (x, jax.tree.map(jnp.zeros_like, weights)))[1]

    return repeat


def _bandwidth(numbers: int) -> float:
    """Bytes read and written per second where so many numbers are changed in place, as by an update."""
    array = torch.rand(max(numbers, 1024), device=DEVICE)
    return 2 * array.nbytes / _least_seconds(partial(_again, partial(array.mul_, 1.0)))


def _again(function: Callable[[], object], count: int) -> None:
    for _ in range(count):
        function()
    if DEVICE == "cuda":
        torch.cuda.synchronize()


def _least_seconds(work: Trial, at_least: int = 1) -> float:
    """Of one time: the least mean over `TRIAL_SECONDS` of times, but so many at least, of `TRIAL_REPEATS`."""
    count, seconds = 1, 0.0
    while seconds < TRIAL_SECONDS / 4:
        count *= 4
        seconds = _seconds(work, count)
    count = max(at_least, int(count * TRIAL_SECONDS / seconds))
    return min(_seconds(work, count) for _ in range(TRIAL_REPEATS)) / count


def _seconds(work: Trial, count: int) -> float:
    begin = time.perf_counter()
    work(count)
    return time.perf_counter() - begin
