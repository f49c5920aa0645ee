"""What a study is told about its probes before anything runs: whether they fit its arms, and its folder."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxmlp.data import Dataset
from jaxmlp.errors import InputError
from jaxmlp.probes import Probe
from jaxmlp.schema import TABLES
from jaxmlp.study.arms import Arm
from jaxmlp.training import Hyper, RunSpec, start_run


def check_probes(probes: Sequence[Probe], arms: Sequence[Arm], dataset: Dataset) -> tuple[Probe, ...]:
    """The probes of a study, as a tuple.

    Raises:
        InputError: what is no probe, two probes of one table, or one that gives other values than its table declares.
    """
    for i, probe in enumerate(probes):
        if not isinstance(probe, Probe):
            raise InputError(f"{probe!r} is no probe: give an object of a class that is a jaxmlp.probes.Probe")
        if not _is_hashable(probe):
            raise InputError(f"probe {type(probe).__name__} has a field that cannot be hashed: give tuples of numbers")
        name = probe.table.name
        if name in [other.table.name for other in probes[:i]]:
            raise InputError(f"two probes write table {name!r}: leave one out")
        if TABLES.get(name) != probe.table:
            raise InputError(f"table {name!r} is not declared: make it with jaxmlp.schema.declare")
        if probe.table.keys[:2] != ("run_id", probe.when.key):
            keys = ", ".join(probe.table.keys)
            raise InputError(
                f"table {name!r} has keys {keys}: for {probe.when} they begin with run_id, {probe.when.key}"
            )
        for spec in dict.fromkeys(arm.spec for arm in arms):
            _check_values(probe, spec, dataset)
    return tuple(probes)


def _is_hashable(probe: Probe) -> bool:
    try:
        hash(probe)
    except TypeError:
        return False
    return True


def _check_values(probe: Probe, spec: RunSpec, dataset: Dataset) -> None:
    """Raise `InputError` unless an observation has the table's columns, of as many axes as it has keys for."""
    number = jax.ShapeDtypeStruct((), jnp.float32)
    hyper = jax.tree.map(lambda _: number, Hyper(user=dict.fromkeys(spec.user_numbers, 1.0)))

    def first(hyper: Hyper, dataset: Dataset) -> tuple[Any, tuple[Any, dict[str, Array]]]:
        run = start_run(0, dataset, spec=spec, hyper=hyper)
        memory = probe.begin(run, dataset, spec=spec, hyper=hyper)
        return memory, probe.observe(memory, run, dataset, spec=spec, hyper=hyper)

    before, (after, values) = jax.eval_shape(first, hyper, dataset)
    axes, said = probe.table.keys[2:], f"probe {type(probe).__name__}"
    wanted = dict.fromkeys(column.name for column in probe.table.columns)
    if not wanted.keys() <= values.keys() <= wanted.keys() | {*axes}:
        declared = f"table {probe.table.name!r} declares {', '.join(wanted)}"
        raise InputError(f"{said} gives {', '.join(values) or 'nothing'}: {declared}")
    shapes = {value.shape for value in values.values()}
    if len(shapes) > 1 or any(len(shape) != len(axes) for shape in shapes):
        given = ", ".join(f"{name} {list(value.shape)}" for name, value in values.items())
        raise InputError(f"{said} gives {given}: give all one shape, with an axis for each of ({', '.join(axes)})")
    if jax.tree.map(lambda a: (a.shape, a.dtype), before) != jax.tree.map(lambda a: (a.shape, a.dtype), after):
        raise InputError(f"{said} changes the shapes or types of what it remembers: keep them")


def check_same_probes(manifest: Mapping[str, Any], probes: Sequence[Probe]) -> dict[str, str]:
    """What watches a study, by table: as its manifest says and as asked.

    Raises:
        InputError: another probe wrote a table before.
    """
    before, asked = manifest.get("probes", {}), {probe.table.name: repr(probe) for probe in probes}
    for name in asked:
        if before.get(name, asked[name]) != asked[name]:
            raise InputError(f"table {name!r} was begun by {before[name]}: give this probe again, or another folder")
    return before | asked
