"""Steps on numbers, on two classes with one output, and with class weights: PyTorch's own numbers."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmlp.errors import InputError
from jaxmlp.nn import MLPSpec, init_mlp
from jaxmlp.training import (
    Hyper,
    LossSpec,
    OptimizerSpec,
    RunSpec,
    balanced_weights,
    init_train_state,
    objective,
    train_step,
)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(20, 5))
RARE = np.repeat([0, 1, 2], [14, 4, 2])
HYPER = Hyper(learning_rate=0.1)


def spec_of(loss, outputs, **weights):
    mlp = MLPSpec((5, 7, outputs), activation="tanh", initializer="torch_linear")
    return RunSpec(mlp, loss=LossSpec(loss, **weights), optimizer=OptimizerSpec("sgd"))


def start(spec):
    params, state = init_mlp(jax.random.key(0), spec.mlp, HYPER)
    return init_train_state(params, state, spec=spec, hyper=HYPER)


CASES = {
    "squared_error": (spec_of("squared_error", 2), RNG.normal(size=(20, 2))),
    "absolute_error": (spec_of("absolute_error", 2), RNG.normal(size=(20, 2))),
    "one output": (spec_of("binary_cross_entropy", 1), RNG.integers(0, 2, 20)),
    "three outputs": (spec_of("binary_cross_entropy", 3), RARE),
    "balanced": (spec_of("cross_entropy", 3, class_weights="balanced"), RARE),
}


@pytest.mark.parity
@pytest.mark.parametrize("name", CASES)
def test_five_steps_are_torch_s(x64, name):
    """Over the whole set a batch, where balanced weights are PyTorch's weighted mean."""
    torch = pytest.importorskip("torch", reason="torch comes with the extra bench")
    spec, targets = CASES[name]
    state = start(spec)
    linears = [torch.nn.Linear(5, 7).double(), torch.nn.Linear(7, spec.mlp.widths[-1]).double()]
    for linear, parameters in zip(linears, state.params, strict=True):
        linear.load_state_dict({key: torch.tensor(np.asarray(value)) for key, value in parameters.items()})
    module = torch.nn.Sequential(linears[0], torch.nn.Tanh(), linears[1])
    weights = balanced_weights(jnp.asarray(RARE), 3)
    one_hot = torch.nn.functional.one_hot(torch.tensor(RARE), 3).double()
    rule, wanted = {
        "squared_error": (torch.nn.MSELoss(), torch.tensor(targets)),
        "absolute_error": (torch.nn.L1Loss(), torch.tensor(targets)),
        "one output": (torch.nn.BCEWithLogitsLoss(), torch.tensor(targets).double()[:, None]),
        "three outputs": (torch.nn.BCEWithLogitsLoss(), one_hot),
        "balanced": (torch.nn.CrossEntropyLoss(torch.tensor(np.asarray(weights))), torch.tensor(targets)),
    }[name]
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    more = {"class_weights": weights} if name == "balanced" else {}
    for _ in range(5):
        optimizer.zero_grad()
        loss = rule(module(torch.tensor(X)), wanted)
        loss.backward()
        optimizer.step()
        state, ours = train_step(state, jnp.asarray(X), jnp.asarray(targets), spec=spec, hyper=HYPER, **more)
        assert float(ours) == pytest.approx(loss.item(), rel=1e-10)
    for linear, parameters in zip(linears, state.params, strict=True):
        np.testing.assert_allclose(parameters["weight"], linear.weight.detach().numpy(), rtol=1e-9, atol=1e-12)


def test_a_batch_s_weighted_losses_are_averaged_as_they_are(x64):
    """The mean of w l, not PyTorch's Σ w l/Σ w: batches average to the whole set."""
    spec, labels = CASES["balanced"]
    state, weights = start(spec), balanced_weights(jnp.asarray(RARE), 3)

    def of(spec, rows, **more):
        batch = jnp.asarray(X[rows]), jnp.asarray(labels[rows])
        return float(objective(state.params, state.norm_state, *batch, spec=spec, hyper=HYPER, **more)[0])

    plain = replace(spec, loss=LossSpec())
    whole = of(spec, slice(None), class_weights=weights)
    halves = [of(spec, rows, class_weights=weights) for rows in (slice(0, 20, 2), slice(1, 20, 2))]
    assert np.mean(halves) == pytest.approx(whole, rel=1e-12)
    by_class = [of(plain, labels == k) for k in range(3)]
    assert whole == pytest.approx(np.mean(by_class), rel=1e-12)  # every class counts alike


def test_weights_that_are_missing_are_asked_for():
    spec, labels = CASES["balanced"]
    state = start(spec)
    with pytest.raises(InputError, match=r"this spec weighs classes: give class_weights=balanced_weights"):
        train_step(state, jnp.asarray(X, jnp.float32), jnp.asarray(labels), spec=spec, hyper=HYPER)
