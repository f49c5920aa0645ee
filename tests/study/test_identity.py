"""What makes two runs the same: setting, seed, data, a user's code, and how JAX is set up."""

import json
from dataclasses import replace

import jax
import numpy as np
import pytest

from experiments.lab.registry import EXPERIMENTS
from jaxmlp import data, nn, study
from jaxmlp.errors import InputError
from jaxmlp.evidence import rule_hash
from jaxmlp.study.manifest import AMBIENT, ambient_of, ambient_state, check_ambient
from tests.study.small import make_spec, run


@pytest.fixture(scope="module")
def digits():
    return data.load("digits")


def test_other_values_are_other_data_also_after_replace(digits):
    images = np.asarray(digits.train_inputs).copy()
    same = digits.replace(train_inputs=images)
    assert same.digest == digits.digest
    images[3, 7] += 1  # an array that can be written to is hashed anew
    assert same.digest != digits.digest
    assert digits.replace(test_targets=np.asarray(digits.test_targets)[::-1]).digest != digits.digest
    assert jax.device_put(digits).digest == digits.digest


def test_changed_data_in_an_old_folder_are_refused(digits, tmp_path):
    arms = [study.Arm("a", make_spec())]
    run(arms, digits, seeds=1, out=tmp_path / "s")
    changed = digits.replace(train_targets=(np.asarray(digits.train_targets) + 1) % 10)
    with pytest.raises(InputError, match="other data"):
        run(arms, changed, seeds=1, out=tmp_path / "s", resume=True)


def test_a_study_that_was_begun_under_another_jax_is_refused_and_left_as_it_was(digits, tmp_path):
    arms, folder = [study.Arm("a", make_spec())], tmp_path / "s"
    run(arms, digits, seeds=1, out=folder)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with jax.default_matmul_precision("bfloat16"), pytest.raises(InputError, match=r"jax_default_matmul_precision is"):
        run(arms, digits, seeds=2, out=folder, resume=True)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_nothing_is_taken_over_from_a_study_of_another_jax(digits, tmp_path):
    arms = [study.Arm("a", make_spec())]
    run(arms, digits, seeds=1, out=tmp_path / "first")
    with jax.default_matmul_precision("highest"):
        other = run(arms, digits, seeds=1, out=tmp_path / "second", beside=[tmp_path / "first"])
    same = run(arms, digits, seeds=1, out=tmp_path / "third", beside=[tmp_path / "first"])
    assert (other.manifest["taken_over"], same.manifest["taken_over"]) == ({}, {"first": 1})


@pytest.mark.parametrize("name", AMBIENT)
def test_every_ambient_number_is_compared(name):
    other = {"jax_default_prng_impl": "rbg", "jax_default_matmul_precision": "highest", "jax_random_seed_offset": 1}
    manifest = {"ambient": ambient_state()}
    check_ambient(manifest)
    manifest["ambient"][name] = other.get(name, not ambient_state()[name])
    with pytest.raises(InputError, match=name):
        check_ambient(manifest)


def test_manifests_of_version_1_were_made_under_the_defaults():
    assert ambient_of({"experiment": "xor", "jax_threefry_partitionable": False}) == AMBIENT | {
        "jax_threefry_partitionable": False
    }


def test_a_component_without_a_fingerprint_stays_in_memory(digits, tmp_path):
    class Slope:
        """Nothing says what its calls compute."""

        __slots__ = ("value",)

    slope = Slope()
    slope.value = 0.5

    def bent(x):
        return slope.value * x

    name = nn.ACTIVATIONS.register("bent", nn.Activation(bent))
    try:
        spec = make_spec()
        arms = [study.Arm("a", replace(spec, mlp=replace(spec.mlp, activation=name)))]
        assert arms[0].spec.user_components() == {"mlp.activation": None}
        with pytest.raises(InputError, match=r"mlp\.activation .*no fingerprint"):
            run(arms, digits, seeds=1, out=tmp_path / "s")
        assert not (tmp_path / "s").exists()
        assert len(run(arms, digits, seeds=1).final()) == 1
    finally:
        nn.ACTIVATIONS.remove(name)


def test_two_components_of_one_name_are_two_settings(digits):
    ids = []
    for number in (1.0, 2.0):

        def scaled(x, number=number):
            return number * x

        name = nn.ACTIVATIONS.register("scaled", nn.Activation(scaled))
        spec = make_spec()
        results = run([study.Arm("a", replace(spec, mlp=replace(spec.mlp, activation=name)))], digits, seeds=1)
        ids.append(results.rows["run_id"].iloc[0])
        nn.ACTIVATIONS.remove(name)
    assert ids[0] != ids[1]


def test_a_rule_s_hash_stays_with_the_runs_that_it_judges(digits, tmp_path):
    arms, folder = [study.Arm("a", make_spec())], tmp_path / "s"
    run(arms, digits, seeds=1, out=folder, about={"rules": {"C-001": "first"}})
    run(arms, digits, seeds=2, out=folder, resume=True, about={"rules": {"C-001": "changed", "C-002": "new"}})
    assert json.loads((folder / "manifest.json").read_text())["rules"] == {"C-001": "first", "C-002": "new"}


def test_a_rule_s_hash_changes_with_what_decides_and_with_nothing_else():
    claims = [claim for one in EXPERIMENTS.values() for claim in one.claims]
    assert len({rule_hash(claim) for claim in claims}) == len(claims)
    claim = next(one for one in claims if getattr(one.parts[0], "margin", None))
    again = replace(claim, parts=tuple(replace(part) for part in claim.parts))
    assert rule_hash(again) == rule_hash(claim)
    first, *others = claim.parts
    wider = replace(first, margin=2 * first.margin)  # pyright: ignore[reportAttributeAccessIssue,reportCallIssue]
    for changed in (replace(claim, planned_n=claim.planned_n + 1), replace(claim, parts=(wider, *others))):
        assert rule_hash(changed) != rule_hash(claim)
