"""Watched runs are the runs they would be unwatched, and what is seen of them does not depend on how they come."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

from jaxmlp import data, study
from jaxmlp.errors import InputError
from jaxmlp.nn import MLPSpec
from jaxmlp.probes import PROBES, Epochs, GradientNorms, Probe, Steps, probe_tables
from jaxmlp.schema import Column, Table
from jaxmlp.study.watch import split_chunk
from jaxmlp.training import DataSpec, EvalSpec, Hyper, RunSpec
from tests.study.small import STEP_BY_STEP, Silent, run

STEPS, EPOCHS = 4, 3
BROKEN = {"at": -1}
"""The step at which the power goes, for who watches by `Travel`."""

GONE = (ValueError, jax.errors.JaxRuntimeError)
"""As JAX may tell it, by the call that hears of it."""


@dataclass(frozen=True)
class Travel(Probe):
    """How far a run has come from its start, and since it was last looked at; fails at `BROKEN`."""

    tables: ClassVar[Mapping[str, Table]] = probe_tables(
        "travel_of_a_test", (), (Column("from_start"), Column("since_last")), "Travel"
    )

    def begin(self, run, dataset, *, spec, hyper) -> Any:
        """The first parameters, and the last."""
        return run.train.params, run.train.params

    def observe(self, memory, run, dataset, *, spec, hyper) -> Any:
        """See `Probe`."""
        start, last = memory
        step = jax.pure_callback(_break, jax.ShapeDtypeStruct((), jnp.int32), run.train.step, vmap_method="sequential")
        seen = {"from_start": _distance(start, run.train.params), "since_last": _distance(last, run.train.params)}
        return (start, run.train.params), {name: value + 0.0 * step.astype(float) for name, value in seen.items()}


def _break(step):
    if int(step) == BROKEN["at"]:
        raise RuntimeError("the power is gone")
    return np.int32(step)


def _distance(a, b):
    squares = jax.tree.map(lambda x, y: jnp.sum(jnp.square(x - y)), a, b)
    return jnp.sqrt(sum(jax.tree.leaves(squares)))


def make_spec(**options):
    mlp = MLPSpec((64, 8, 8, 8, 10), **options.pop("mlp", {}))
    return RunSpec(mlp, data=DataSpec(batch_size=25, train_size=25 * STEPS), epochs=EPOCHS, **options)


PRE = {"norm": "batch_norm", "norm_position": "pre_activation"}
NETS = {
    "plain": make_spec(evaluation=EvalSpec(batch_size=128)),
    "batch norm": make_spec(mlp={"norm": "batch_norm"}, evaluation=EvalSpec(batch_size=128)),
    "residual": make_spec(mlp={"residual": "block", "norm": "batch_norm"}, evaluation=EvalSpec(batch_size=128)),
    "d4": make_spec(mlp=PRE, evaluation=EvalSpec(batch_size=128, validation="d4_shipped")),
    "dropout": make_spec(mlp={"dropout": "inverted"}, evaluation=EvalSpec(batch_size=128)),
}
QUICK = {("plain", "vmap"), ("batch norm", "map")}
PAIRS = [(name, strategy) for name in NETS for strategy in ("vmap", "map")]
WATCHING = (GradientNorms(), GradientNorms(Steps(at=(0, 1, 6, 7, 12))), Travel(Epochs(every=2)))


@pytest.fixture(scope="module")
def digits():
    return data.load("digits")


@pytest.fixture(autouse=True)
def power():
    BROKEN["at"] = -1
    yield
    BROKEN["at"] = -1


def assert_same_tables(a, b, names):
    for name in names:
        pd.testing.assert_frame_equal(a.table(name), b.table(name), check_exact=True)


@pytest.mark.parametrize(
    ("net", "strategy"), [pytest.param(*pair, marks=[pytest.mark.long] * (pair not in QUICK)) for pair in PAIRS]
)
def test_watched_or_not_stopped_or_not_it_is_the_same_study(digits, tmp_path, net, strategy):
    """Bit for bit: rows of watched runs and of unwatched; and what is seen, at any chunking and after a stop."""
    hyper = Hyper(dropout_rate=0.3 if net == "dropout" else 0.0)
    arms, how = [study.Arm("a", NETS[net], hyper)], {"seeds": 3, "lanes": 2, "strategy": strategy}
    unwatched = run(arms, digits, **how)
    watched = run(arms, digits, probes=WATCHING, **how)
    assert_same_tables(watched, unwatched, ["epochs"])
    out, BROKEN["at"], how["machine"] = tmp_path / "study", 8, STEP_BY_STEP
    with pytest.raises(GONE, match="the power is gone"):
        run(arms, digits, probes=WATCHING, out=out, checkpoint_minutes=0, **how)
    BROKEN["at"], display = -1, Silent()
    resumed = run(arms, digits, probes=WATCHING, out=out, resume=True, display=display, **(how | {"lanes": None}))
    assert min(status.run_epochs for status in display.states) < 1  # begins behind what the checkpoint has
    assert display.states[-1].run_epochs < 3 * EPOCHS - 2, "the first block begins in its second epoch"
    assert_same_tables(resumed, watched, watched.tables)
    assert_same_tables(study.Results.load(out), watched, watched.tables)


@pytest.mark.parametrize("probe", [*PROBES.values(), Travel()], ids=lambda probe: probe.table.name)
@pytest.mark.parametrize("when", [Epochs(), Steps(every=5)], ids=["epochs", "steps"])
def test_every_probe_keeps_what_its_table_declares(digits, probe, when):
    probe = replace(probe, when=when)
    results = run([study.Arm("a", NETS["plain"])], digits, probes=(probe,), seeds=2)
    rows, table = results.table(probe.table.name), probe.table
    table.check(rows)
    assert tuple(rows) == table.required
    assert sorted(set(rows[when.key])) == ([0, 1, 2, 3] if when.key == "epoch" else [0, 5, 10])
    assert rows.groupby("run_id").size().nunique() == 1
    seen = rows[[column.name for column in table.columns]].astype(float)
    assert not np.isinf(seen.to_numpy()).any()
    assert np.isfinite(seen.loc[rows[when.key] > 0]).any(axis=None)
    if "layer" in table.keys:  # a layer without such a part has none at all
        absent = seen.isna().groupby(rows["layer"])
        assert (absent.any() == absent.all()).all(axis=None)
        assert sorted(set(rows["layer"])) == [0, 1, 2, 3]


def test_what_a_probe_remembers_goes_with_each_run(digits):
    rows = run([study.Arm("a", NETS["plain"])], digits, probes=(Travel(Steps(every=4)),)).table(
        "travel_of_a_test_by_step"
    )
    first = rows[rows["step"] == 0]
    assert (first["from_start"] == 0).all()
    second = rows[rows["step"] == 4]
    np.testing.assert_array_equal(second["from_start"], second["since_last"])
    assert second["from_start"].nunique() == 3
    assert (rows.loc[rows["step"] > 4, "from_start"] != rows.loc[rows["step"] > 4, "since_last"]).all()


def test_a_run_has_rows_up_to_the_epoch_in_which_it_ended(digits):
    """The same whether its neighbours in the block go on or not."""
    early = replace(NETS["plain"], evaluation=EvalSpec(batch_size=128, early_stopping=True), epochs=6)
    arms = [study.Arm("lost", early, Hyper(learning_rate=1e30)), study.Arm("stops", early, Hyper(stop_patience=1.0))]
    arms.append(study.Arm("trains", early, Hyper(learning_rate=1e-2, stop_patience=100.0)))
    results = run(arms, digits, seeds=2, lanes=6, probes=(GradientNorms(), Travel(Steps(every=3))))
    alone = run(arms[:1], digits, seeds=2, lanes=6, probes=(GradientNorms(), Travel(Steps(every=3))))
    ends = results.rows.groupby(["arm", "run_id"])["epoch"].max()
    ends["lost"] = results.rows[results.rows["diverged"]].groupby("run_id")["epoch"].min().to_numpy()
    assert (ends["lost"] == 1).all(), "the test needs runs that are lost at once"
    seen = results.table("gradient_norms").groupby(["arm", "run_id"])["epoch"].max()
    np.testing.assert_array_equal(seen.sort_index(), ends.sort_index())
    steps = results.table("travel_of_a_test_by_step").groupby(["arm", "run_id"])["step"].max()
    np.testing.assert_array_equal(steps.sort_index(), ends.sort_index() * STEPS // 3 * 3)
    for name in alone.tables:
        theirs = results.table(name)
        theirs = theirs[theirs["arm"] == "lost"].reset_index(drop=True)[list(alone.table(name))]
        pd.testing.assert_frame_equal(alone.table(name), theirs, check_exact=True)


def test_a_table_that_is_asked_for_later_is_added_and_the_rows_stay(digits, tmp_path):
    arms, out, display = [study.Arm("a", NETS["plain"])], tmp_path / "s", Silent()
    before = run(arms, digits, seeds=2, out=out)
    with pytest.raises(InputError, match=r"no table 'gradient_norms', .*probes=\(GradientNorms\(\),\)"):
        before.table("gradient_norms")
    after = run(arms, digits, seeds=2, out=out, resume=True, probes=(GradientNorms(),), display=display, lanes=None)
    assert "table gradient_norms is asked for the first time: 2 runs are trained again" in display.lines
    pd.testing.assert_frame_equal(after.rows, before.rows, check_exact=True)
    again = run(arms, digits, seeds=1, out=out, resume=True, lanes=None)
    assert_same_tables(again, after, ["epochs", "gradient_norms"])
    with pytest.raises(InputError, match=r"'gradient_norms' was begun by GradientNorms\(when=Epochs\(every=1\)\)"):
        run(arms, digits, out=out, resume=True, probes=(GradientNorms(Epochs(2)),), lanes=None)


def test_a_checkpoint_of_other_probes_is_not_gone_on_with(digits, tmp_path):
    arms, out, display = [study.Arm("a", NETS["plain"])], tmp_path / "s", Silent()
    BROKEN["at"] = 8
    with pytest.raises(GONE, match="the power is gone"):
        run(arms, digits, probes=(Travel(),), out=out, checkpoint_minutes=0, machine=STEP_BY_STEP)
    BROKEN["at"], both = -1, (Travel(), GradientNorms())
    resumed = run(arms, digits, probes=both, out=out, resume=True, display=display, lanes=None, machine=STEP_BY_STEP)
    assert "a block of 3 runs begins anew: its checkpoint has other probes" in display.lines
    assert_same_tables(resumed, run(arms, digits, probes=both), resumed.tables)


@dataclass(frozen=True)
class Wrong(Probe):
    """Gives what its table does not declare."""

    kind: str = "name"
    tables: ClassVar[Mapping[str, Table]] = probe_tables(
        "wrong_of_a_test", ("layer",), (Column("one_of_a_test"),), "Wrong"
    )

    def begin(self, run, dataset, *, spec, hyper) -> Any:
        """A number."""
        return jnp.zeros(())

    def observe(self, memory, run, dataset, *, spec, hyper) -> Any:
        """See `Probe`."""
        if self.kind == "name":
            return memory, {"another": jnp.zeros(3)}
        if self.kind == "axes":
            return memory, {"one_of_a_test": jnp.zeros(())}
        return jnp.zeros(2), {"one_of_a_test": jnp.zeros(3)}


@pytest.mark.parametrize(
    ("probes", "said"),
    [
        (("flow",), "'flow' is no probe"),
        ((GradientNorms(), GradientNorms(Epochs(2))), "two probes write table 'gradient_norms'"),
        ((Wrong(),), "probe Wrong gives another: table 'wrong_of_a_test' declares one_of_a_test"),
        ((Wrong(kind="axes"),), r"gives one_of_a_test \[\]: give all one shape, with an axis for each of \(layer\)"),
        ((Wrong(kind=[]),), "probe Wrong has a field that cannot be hashed"),
        ((Wrong(kind="memory"),), "Wrong changes the shapes or types of what it remembers"),
    ],
)
def test_probes_that_do_not_fit_are_refused_before_anything_is_written(digits, tmp_path, probes, said):
    with pytest.raises(InputError, match=said) as caught:
        run([study.Arm("a", NETS["plain"])], digits, probes=probes, out=tmp_path / "s")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Epochs(0), "every"),
        (lambda: Steps(), "either every=..., or at="),
        (lambda: Steps(2, (1,)), "either every=..., or at="),
        (lambda: Steps(at=(4, 2)), r"are \(4, 2\): give them ascending"),
        (lambda: Steps(at=(-1, 2)), "from 0 on"),
    ],
)
def test_moments_are_checked_where_they_are_made(make, said):
    with pytest.raises(InputError, match=said):
        make()


def test_a_chunk_is_split_at_its_stops_and_does_the_same_steps():
    """Pieces follow each other, end at every stop, and never run across the end of an epoch."""
    rng = np.random.default_rng(0)
    for _ in range(300):
        steps = int(rng.integers(1, 7))
        begin = steps * int(rng.integers(0, 4))
        chunk = (begin, steps, int(rng.integers(1, 5)))
        if rng.random() < 0.5:  # a piece of an epoch
            first = int(rng.integers(0, steps))
            chunk = (begin + first, int(rng.integers(1, steps - first + 1)), 1)
        stops = sorted(rng.choice(40, int(rng.integers(0, 12)), replace=False).tolist())
        pieces, clock = list(split_chunk(chunk, stops, steps)), chunk[0]
        for start, count, repeats in pieces:
            assert start == clock
            assert start % steps + count <= steps
            assert repeats == 1 or (count == steps and start % steps == 0)
            clock += count * repeats
            assert not [stop for stop in stops if start < stop < clock]
        assert clock == chunk[0] + chunk[1] * chunk[2]
        if not stops:
            assert pieces == [chunk]
