"""The experiments of D2: settings as the ledger has them, and arms for every claim, figure and number."""

import pytest
from rich.console import Console

from experiments import losses, two_layers
from experiments.lab.base import Preset
from experiments.lab.documents.d2 import (
    CELL_NAMES,
    D2_BATCHES,
    D2_SETTINGS,
    DECADES,
    MAPPED,
    REMEDIES,
    D2Setting,
    arms_of,
    d2_reported,
)
from experiments.lab.ledger import load_ledger
from experiments.lab.registry import EXPERIMENTS
from experiments.lab.session import run_experiment
from experiments.losses import LOSSES_EXPERIMENT
from jaxmlp import data, study
from jaxmlp.nn import count_parameters
from jaxmlp.training import METRICS

LEDGER = load_ledger().experiments
OF_D2 = [name for name, one in EXPERIMENTS.items() if {LEDGER[row].document for row in one.ledger} == {"D2"}]


@pytest.fixture(scope="module")
def digits():
    return data.load("digits")


def test_the_grid_is_d2_s_51_settings_one_of_them_twice():
    assert len(D2_SETTINGS) == 51
    names = [setting.name for setting in dict.fromkeys(D2_SETTINGS)]
    assert len(set(names)) == len(names) == 50
    # Computed here from the words of E-021 to E-031, with A-15's batch size and A-16's weight decay.
    expected = {f"0_Sig_{loss}_0.01_0_100" for loss in ("Euc", "CE", "Hinge")}
    expected |= {f"{h}_{act}_{loss}_0.01_0_100" for h in (1, 2) for act in ("Sig", "Relu", "Gelu")
                 for loss in ("Euc", "CE", "Hinge")}  # fmt: skip
    for rate in ("0.0001", "0.001", "0.01", "0.1", "1"):
        expected |= {f"1_Sig_Euc_{rate}_1e-05_100", f"2_Sig_CE_{rate}_1e-05_100"}
        expected |= {f"2_Gelu_Hinge_0.01_{rate}_100", f"2_Sig_CE_1_{rate}_100"}
    for batch in (10, 20, 50, 100, 200):
        expected |= {f"1_Sig_Euc_0.01_0_{batch}", f"2_Sig_CE_1_0_{batch}"}
    assert set(names) == expected


@pytest.mark.parametrize(("hidden", "parameters"), [*enumerate(load_ledger().counts["P-13"].computed)])
def test_a_setting_is_d2_s_program(hidden, parameters):
    """S-004, S-005, S-044, S-074, S-114."""
    setting = D2Setting(hidden, "relu", "hinge", decay=0.1)
    spec, hyper = setting.spec(784, 10, EXPERIMENTS["d2_grid"].presets["full"]), setting.hyper
    assert count_parameters(spec.mlp) == parameters
    assert (spec.data.split, spec.data.preprocessing, spec.data.shuffle) == ("none", "shifted", True)
    assert (spec.data.batch_size, spec.epochs, spec.evaluation.selection) == (100, 50, "last")
    assert spec.evaluation.test_every_epoch
    assert (spec.optimizer.name, spec.optimizer.decay_biases, hyper.weight_decay) == ("sgd", True, 0.1)
    assert (spec.mlp.initializer, hyper.init_gain, hyper.margin) == ("normal", 0.01, 5.0)


def test_what_is_tuned_has_a_validation_part_and_reads_the_test_set_once():
    assert len(MAPPED) == 21
    for candidates in MAPPED.values():
        assert len(candidates) == 6
        for setting in candidates:
            spec = setting.spec(784, 10, EXPERIMENTS["d2_grid"].presets["full"])
            assert (spec.data.split, spec.evaluation.test_every_epoch, spec.epochs) == ("random_fifth", False, 10)


def test_every_number_of_d2_but_its_training_accuracies_stands_beside_ours():
    reported = [one for name in OF_D2 for one in EXPERIMENTS[name].reported]
    rows = [row for row in LEDGER.values() if row.document == "D2"]
    numbers = [value for row in rows for value in row.values if value.metric != "train_accuracy"]
    assert len(reported) == len(numbers) == 79 + 10
    assert {value.metric for value in numbers} < {*METRICS, "seconds"}
    assert {row.id for row in rows} == {row for name in OF_D2 for row in EXPERIMENTS[name].ledger}


def test_a_number_of_epoch_1_is_read_at_epoch_1_and_one_of_the_last_at_the_end():
    by_value = {one.value: str(one.measure) for one in d2_reported("E-023", CELL_NAMES)}
    assert by_value[0.304] == "test_accuracy at epoch 1"
    assert by_value[1.11] == "final test_loss"


def test_batch_sizes_scale_with_the_preset():
    quick = EXPERIMENTS["batch_size"].presets["quick"]
    sizes = [
        D2Setting(1, "sigmoid", "euclidean", batch=batch).spec(64, 10, quick).data.batch_size for batch in D2_BATCHES
    ]
    assert sizes == [1, 2, 5, 10, 20]
    assert len(DECADES) == 5


def test_a_study_s_pages_have_its_tuned_arms(tmp_path, digits):
    preset = Preset(seeds=2, epochs=1, batch_size=10, train_size=100)
    arms = [losses.HINGE.name, *LOSSES_EXPERIMENT.tuned["hinge_best_rate"]]
    console = Console(quiet=True)
    report = run_experiment(
        LOSSES_EXPERIMENT,
        digits,
        preset_name="quick",
        preset=preset,
        out=tmp_path,
        console=console,
        command="-",
        arms=arms,
    )
    assert report is not None
    assert set(report.rows["arm"]) == {*arms, "hinge_best_rate"}
    assert {verdict["verdict"] for verdict in report.verdicts} == {"not_tested"}
    assert (tmp_path / "losses" / "report.html").is_file()


@pytest.mark.long
def test_the_arms_beside_d2_train(digits):
    preset = Preset(seeds=1, epochs=1, batch_size=10, train_size=100)
    settings = [two_layers.REMEDIED["sigmoid", remedy] for remedy in REMEDIES] + [losses.tuning(losses.SOFTMAX)[0]]
    rows = study.run(arms_of(settings, digits, preset), digits, seeds=1, lanes=1).final()
    assert rows["test_accuracy"].between(0, 1).all()
    assert not rows["diverged"].any()
