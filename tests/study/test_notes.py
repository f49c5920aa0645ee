"""What a study tells of its arms and runs that a mean would hide."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from jaxmlp import data, study
from jaxmlp.study.notes import notes_after, notes_before
from jaxmlp.study.processor import bfloat16_is_slow, describe_processor
from jaxmlp.training import DataSpec, Hyper, OptimizerSpec
from tests.study.small import Silent, make_spec, run


def rows_of(val, loss=0.5, *, selected=1, diverged=False, arm="a", run_id="r", seed=3):
    count = len(val)
    columns = {"arm": arm, "run_id": run_id, "seed": seed, "epoch": range(count), "val_accuracy": val}
    columns |= {"train_loss": loss, "selected_epoch": selected, "diverged": diverged}
    return pd.DataFrame(columns)


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (rows_of([0.1, 0.5, 0.9], selected=2), []),
        (rows_of([0.1, 0.5, 0.9], [np.nan, 1e17, 1e20], selected=2), ["1 of 1 runs of 'a' exploded: .* 1e.20"]),
        (rows_of([0.1, 0.1, 0.1], 1e20, diverged=True), []),
        (
            rows_of([0.1, 0.5, 0.97, 0.3, 0.2], selected=2),
            ["seed 3 is tested as of epoch 2, its last model, of epoch 4, has 77 points less"],
        ),
        (rows_of([0.1, 0.4, 0.4, 0.4]), ["in 1 of 1 runs of 'a' all epochs have one validation score"]),
        (rows_of([0.1, 0.4, 0.4, 0.3], selected=1), ["has 10 points less"]),
        (rows_of([np.nan] * 4, selected=3), []),
    ],
)
def test_what_a_tested_score_hides_is_told(rows, told):
    lines = list(notes_after(rows))
    assert len(lines) == len(told)
    for line, pattern in zip(lines, told, strict=True):
        pd.testing.assert_series_equal(pd.Series([line]).str.contains(pattern), pd.Series([True]))


def test_numbers_explode_by_their_r2():
    rows = (
        rows_of([0.0, 0.0, 0.0], 1e9).drop(columns="val_accuracy").assign(val_score=[0.0, 0.2, 0.9], selected_epoch=2)
    )
    assert list(notes_after(rows)) == []
    assert "exploded" in next(notes_after(rows.assign(val_score=[0.0, -1e5, -1e6], selected_epoch=1)))


def test_an_order_that_the_split_has_drawn_already_is_told():
    spec = make_spec()
    still = replace(spec, data=replace(spec.data, shuffle=False))
    assert "shuffle is off in a" in next(notes_before([study.Arm("a", still)]))
    ordered = replace(still, data=DataSpec(batch_size=32, shuffle=False, split="last_tenth"))
    assert list(notes_before([study.Arm("a", ordered), study.Arm("b", spec)])) == []


FEW, MANY = "fpu avx2 fma avx512f", "fpu avx2 avx512_bf16 amx_tile"


@pytest.mark.parametrize(("flags", "slow"), [(FEW, True), (MANY, False)])
def test_a_processor_tells_its_name_and_units(tmp_path, flags, slow):
    path = tmp_path / "cpuinfo"
    path.write_text(f"processor\t: 0\nmodel name\t: Some  CPU @ 2 GHz\nflags\t\t: {flags}\n\nprocessor : 1\n")
    told = describe_processor(path)
    assert told == {"name": "Some CPU @ 2 GHz", "units": sorted(set(flags.split()) - {"fpu"})}
    assert bfloat16_is_slow(told) == slow
    assert not bfloat16_is_slow(describe_processor(tmp_path / "none"))


@pytest.mark.parametrize(("flags", "told"), [(FEW, 1), (MANY, 0)])
def test_halves_on_a_processor_without_units_for_them_are_told(tmp_path, flags, told):
    path = tmp_path / "cpuinfo"
    path.write_text(f"model name\t: Some CPU\nflags\t\t: {flags}\n")
    arms = [study.Arm("a", make_spec()), study.Arm("h", replace(make_spec(), precision="bfloat16"))]
    lines = list(notes_before(arms, path))
    assert len(lines) == told
    assert all("(Some CPU) has no units for bfloat16" in line and ": h will take longer" in line for line in lines)


def test_finished_means_all_arms(tmp_path):
    digits, out = data.load("digits"), tmp_path / "s"

    class Stopping(Silent):
        def show(self, status):
            if status.runs_done == 1:
                raise KeyboardInterrupt

    arms, display = [study.Arm("a", make_spec()), study.Arm("b", make_spec("layer_norm"))], Silent()
    with pytest.raises(KeyboardInterrupt):
        run(arms, digits, seeds=1, lanes=1, out=out, display=Stopping())
    first = run(arms[:1], digits, seeds=1, lanes=None, out=out, resume=True, display=display)
    if len(first.rows["arm"].unique()) == 1:  # which arm came first is the plan's business
        assert not first.manifest["finished"]
        assert any(line.startswith("not finished: b ") for line in display.lines)
    assert run(arms, digits, seeds=1, lanes=None, out=out, resume=True).manifest["finished"]


def test_a_study_tells_it_where_its_progress_goes(tmp_path):
    """SGD at a rate of 1e6 does not diverge, since its losses stay finite: that it exploded is said."""
    digits, display = data.load("digits"), Silent()
    arms = [
        study.Arm("wild", make_spec(optimizer=OptimizerSpec("sgd")), Hyper(learning_rate=1e6)),
        study.Arm("b", make_spec("layer_norm")),
    ]
    results = run(arms, digits, seeds=1, out=tmp_path / "s", display=display)
    assert not results.final()["diverged"].any()
    assert any("'wild' exploded" in line for line in display.lines)
    assert results.manifest["processor"] == describe_processor()
    again = Silent()
    run(arms, digits, seeds=1, out=tmp_path / "s", resume=True, keep_params="best", display=again)
    assert any("2 runs are trained already, without their nets" in line for line in again.lines)
