"""What CONTRIBUTING shows is run, as it stands there."""

import re
from pathlib import Path

import numpy as np

from jaxmlp import study

TEXT = (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)


def test_the_probe_of_the_recipe_watches_a_study_and_is_drawn(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    scope = {"__name__": "changed_signs"}
    for block in BLOCKS:
        exec(block, scope)
    results = scope["results"]
    rows = results.table("changed_signs")
    assert list(rows.groupby("epoch").size()) == [2 * 3] * 4
    assert (rows.loc[rows["epoch"] == 0, "changed_signs"] == 0).all()
    assert rows.loc[rows["epoch"] == 3, "changed_signs"].between(0, 1, inclusive="neither").any()
    steps = results.table("changed_signs_by_step")
    assert sorted(set(steps["step"])) == [1, 2, 4, 8, 16]
    assert np.isfinite(steps["changed_signs"]).all()
    assert study.Results.load(tmp_path / "watched").table("changed_signs").equals(rows)
    assert (tmp_path / "changed_signs.png").stat().st_size > 10_000
