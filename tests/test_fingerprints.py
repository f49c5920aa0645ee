"""A fingerprint changes with what a function computes, and with nothing else; what has none says so in one line."""

import functools
import math
import os
import subprocess
import sys
import threading
import types
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxmlp import nn
from jaxmlp.fingerprints import Unfingerprintable, fingerprint


def defined(source, name="f", **scope):
    """What `name` is after the source was executed."""
    scope["__name__"] = "own"
    exec(source, scope)
    return scope[name]


def of(source, **scope):
    return fingerprint(defined(source, **scope), "f")


PLAIN = "def f(x):\n    y = 2.0 * x\n    return y"

SAME = {
    "defined twice": (PLAIN, PLAIN),
    "comment": (PLAIN, "# half of it\ndef f(x):\n    y = 2.0 * x  # twice\n\n    return y"),
    "docstring": (PLAIN, PLAIN.replace("(x):", '(x):\n    """Twice x."""')),
    "docstring of what returns nothing": ("def f(x): x()", "def f(x):\n    'Call x.'\n    x()"),
    "local names": (PLAIN, PLAIN.replace("y", "twice").replace("x", "number")),
    "annotations": (PLAIN, PLAIN.replace("(x)", "(x: float) -> float")),
    "its own name": (PLAIN, PLAIN.replace("def f", "def g") + "\nf = g"),
    "a constant in a helper's docstring": (
        "def h(x):\n    'a'\n    return x\ndef f(x): return h(x)",
        "def h(x):\n    'b'\n    return x\ndef f(x): return h(x)",
    ),
    "what it does not use": ("a = 1\n" + PLAIN, "a = 2\n" + PLAIN),
    "calls of itself": ("def f(n): return n and f(n - 1)",) * 2,
    "calls of each other": ("def g(n): return n and f(n - 1)\ndef f(n): return n and g(n - 1)",) * 2,
    "a set": ("def f(x): return x in {'a', 'b', 'c'}", "def f(x): return x in {'c', 'b', 'a'}"),
}

OTHER = {
    "constant": (PLAIN, PLAIN.replace("2.0", "3.0")),
    "type of a constant": (PLAIN, PLAIN.replace("2.0", "2")),
    "operator": (PLAIN, PLAIN.replace("*", "+")),
    "constant in an inner function": tuple(f"def f(x): return (lambda y: {n} * y)(x)" for n in (1.5, 2.5)),
    "constant in a loop over a set": tuple(f"def f(x): return x in {{1, {n}}}" for n in (2, 3)),
    "default": ("def f(x, a=1.0): return a * x", "def f(x, a=2.0): return a * x"),
    "keyword's default": ("def f(x, *, a=1.0): return a * x", "def f(x, *, a=2.0): return a * x"),
    "global number": ("a = 1.0\ndef f(x): return a * x", "a = 2.0\ndef f(x): return a * x"),
    "global array": tuple(f"import numpy\na = numpy.ones(3) * {n}\ndef f(x): return a * x" for n in (1, 2)),
    "global of a helper": tuple(f"a = {n}\ndef h(x): return a * x\ndef f(x): return h(x)" for n in (1, 2)),
    "helper": tuple(f"def h(x): return x + {n}\ndef f(x): return h(x)" for n in (1, 2)),
    "helper inside a partial": tuple(
        f"from functools import partial\ndef h(x): return x + {n}\nf = partial(h)" for n in (1, 2)
    ),
    "number inside a partial": tuple(
        f"from functools import partial\ndef h(a, x): return x + a\nf = partial(h, {n})" for n in (1, 2)
    ),
    "helper of itself": tuple(f"def f(n): return n and f(n - {n})" for n in (1, 2)),
    "closure": tuple(f"def make(a):\n    return lambda x: a * x\nf = make({n})" for n in (1.0, 2.0)),
    "function of a package": tuple(f"import math\ndef f(x): return math.{name}(x)" for name in ("sin", "cos")),
    "argument that is taken": ("def f(x, y): return x", "def f(x, y): return y"),
    "keyword of a call": tuple(f"def h(x, **k): return k\ndef f(x): return h(x, {name}=1)" for name in "ab"),
    "jitted helper": tuple(f"import jax\n@jax.jit\ndef h(x): return x + {n}\ndef f(x): return h(x)" for n in (1, 2)),
    "mapped helper": tuple(f"import jax\nf = jax.vmap(lambda x: x + {n})" for n in (1, 2)),
    "class's method": tuple(f"class C:\n    def m(x): return x + {n}\ndef f(x): return C.m(x)" for n in (1, 2)),
    "class's number": tuple(f"class C:\n    n = {n}\ndef f(x): return C.n * x" for n in (1, 2)),
    "what is caught": tuple(
        f"def f(x):\n    try: return x()\n    except {e}: return 0" for e in ("KeyError", "OSError")
    ),
}


@pytest.mark.parametrize("name", SAME)
def test_it_stays(name):
    before, after = SAME[name]
    assert of(before) == of(after)


@pytest.mark.parametrize("name", OTHER)
def test_it_changes(name):
    before, after = OTHER[name]
    assert of(before) != of(after)
    assert of(before) == of(before)


RULE = """
import jax
@jax.custom_vjp
def f(x): return x
f.defvjp(lambda x: (f(x), x), lambda x, g: (FACTOR * g,))
"""


def test_the_derivative_that_a_function_brings_counts():
    assert of(RULE.replace("FACTOR", "1.0")) != of(RULE.replace("FACTOR", "2.0"))


def test_jitting_a_function_is_not_another_function():
    f = defined(PLAIN)
    assert fingerprint(jax.jit(f), "f") == fingerprint(f, "f") == fingerprint(functools.lru_cache(f), "f")


def test_what_is_taken_out_of_a_module_of_one_s_own_counts():
    def using(text, use="own.inner.h(x)"):
        own, own.inner = types.ModuleType("own"), types.ModuleType("own.inner")
        exec(text, vars(own.inner))
        return of(f"def f(x): return {use}", own=own)

    assert using("def h(x): return x") == using("def h(y): return y  # the same")
    assert using("def h(x): return x") != using("def h(x): return -x")
    with pytest.raises(Unfingerprintable, match=r"\Af: what f uses is all of your module own\.inner, which has no "):
        using("def h(x): return x", use="getattr(own.inner, x)")
    with pytest.raises(Unfingerprintable, match=r"what f imports at every call is all of your module my_helpers"):
        of("def f(x):\n    import my_helpers\n    return my_helpers.h(x)")
    assert of("def f(x):\n    import math\n    return math.sin(x)")


class Pair(NamedTuple):
    function: object
    number: float = 1.0


@dataclass(frozen=True)
class Scaled:
    factor: float

    def __call__(self, x):
        return self.factor * x


def test_records_are_their_fields():
    assert fingerprint(Pair(math.sin), "p") == fingerprint(Pair(math.sin, 1.0), "p")
    assert fingerprint(Pair(math.sin), "p") != fingerprint(Pair(math.sin, 2.0), "p")
    assert fingerprint(Scaled(1.0), "s") == fingerprint(Scaled(1.0), "s") != fingerprint(Scaled(2.0), "s")
    assert fingerprint(Scaled(1.0).__call__, "s") != fingerprint(Scaled(2.0).__call__, "s")


def test_rows_of_the_library_differ_by_what_they_say():
    """Lambdas of a package share a name: their code tells them apart."""
    rows = [fingerprint(row, name) for name, row in nn.INITIALIZERS.items()]
    assert len(set(rows)) == len(rows)


@pytest.mark.parametrize(
    "made",
    [
        lambda n: optax.chain(optax.clip(n), optax.scale_by_adam()),
        lambda n: jax.nn.initializers.orthogonal(n),
        lambda n: jnp.full(3, n, jnp.bfloat16),
        lambda n: jax.random.key(int(n)),
        lambda n: {"a": [n, {"b": slice(None, n)}]},
        lambda n: np.float32(n),
    ],
)
def test_what_packages_make_counts_with_its_numbers(made):
    assert fingerprint(made(1.0), "made") == fingerprint(made(1.0), "made") != fingerprint(made(2.0), "made")


KINDS = [jax.nn.softplus, jax.nn.relu, jnp.add, jnp.tanh, np.exp, math.sqrt, "abc".join, np.random.Generator, jax.grad]


def test_functions_of_packages_are_told_apart_by_name():
    assert len({fingerprint(kind, "kind") for kind in KINDS}) == len(KINDS)


@pytest.mark.parametrize(
    ("value", "what"),
    [
        (threading.Lock(), "_thread.lock"),
        (np.random.default_rng(0), "numpy.random._generator.Generator"),
        (np.array([object()]), "an array of objects"),
    ],
)
def test_what_has_no_content_to_read_says_so(value, what):
    with pytest.raises(Unfingerprintable, match=f"^f: the global name a is .*{what}, which has no fingerprint: let"):
        of("def f(x): return a", a=value)
    with pytest.raises(Unfingerprintable, match=r"^f: a value that make.<locals>.<lambda> closes over is") as caught:
        of("def make(a): return lambda x: a\nf = make(b)", b=value)
    assert "\n" not in str(caught.value)


PROGRAM = """
import functools, jax, jax.numpy as jnp, optax
from jaxmlp.fingerprints import fingerprint
SET, TABLE, ARRAY = {"a", "b", "c", "d"}, {"x": 1, "y": (2.0, "z")}, jnp.arange(3.0)
def helper(x, *, scale=2.0): return scale * x if str(x) in SET else TABLE["x"] * x
def swish(x, beta): return helper(x) * jax.nn.sigmoid(beta * x) + ARRAY.sum()
print(fingerprint((swish, functools.partial(swish, beta=2.0), optax.adam(0.1), jax.vmap(swish)), "swish"))
"""


def test_every_process_reads_the_same():
    """Hashes of strings, and so orders of sets, differ between processes."""
    found = set()
    for seed in ("0", "1", "random"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parents[1])}
        command = [sys.executable, "-c", PROGRAM]
        found.add(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)
    assert len(found) == 1
    assert len(found.pop().strip()) == 64
