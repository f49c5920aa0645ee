"""Nets from PyTorch, scikit-learn and flax: the same outputs as specs, back again, and refusals that name the part."""

import importlib
import subprocess
import sys
import warnings
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier, MLPRegressor

from jaxmlp.errors import InputError
from jaxmlp.nn import MLPSpec, NetHyper, apply_mlp, init_mlp
from jaxmlp.nn.foreign import from_nnx, from_sklearn, from_torch, to_torch
from jaxmlp.nn.modules import Linear

X = np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32)


def outputs_of(net, x=X, **mode):
    how = {"spec": net.spec, "hyper": net.hyper, "train": False} | mode
    return np.asarray(apply_mlp(net.params, net.norm_state, jnp.asarray(x, float), **how)[0])


def moved(module, torch):
    """After a training pass: running statistics unlike any start; in evaluation mode."""
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.1 * torch.rand_like(parameter))
        module.train()
        module(torch.tensor(X))
    return module.eval()


TORCH = {
    "one linear": lambda t: [t.Linear(4, 3)],
    "relu": lambda t: [t.Linear(4, 6), t.ReLU(), t.Linear(6, 3)],
    "leaky": lambda t: [t.Linear(4, 6), t.LeakyReLU(0.2), t.Linear(6, 5), t.LeakyReLU(0.2), t.Linear(5, 3)],
    "prelu": lambda t: [t.Linear(4, 6), t.PReLU(), t.Linear(6, 5), t.PReLU(init=0.1), t.Linear(5, 3)],
    "elu": lambda t: [t.Linear(4, 6), t.ELU(1.3), t.Linear(6, 3)],
    "exact gelu": lambda t: [t.Linear(4, 6), t.GELU(), t.Linear(6, 3)],
    "tanh gelu": lambda t: [t.Linear(4, 6), t.GELU(approximate="tanh"), t.Linear(6, 3)],
    "sigmoid, tanh out": lambda t: [t.Linear(4, 6), t.Sigmoid(), t.Linear(6, 3), t.Tanh()],
    "tanh, softmax out": lambda t: [t.Linear(4, 6), t.Tanh(), t.Linear(6, 3), t.Softmax(dim=1)],
    "norm behind": lambda t: [t.Linear(4, 6), t.ReLU(), t.BatchNorm1d(6, 1e-3, 0.3), t.Linear(6, 3)],
    "norm before": lambda t: [
        *(t.Linear(4, 6), t.BatchNorm1d(6), t.ReLU(), t.Linear(6, 5), t.BatchNorm1d(5), t.ReLU(), t.Linear(5, 3))
    ],
    "norm before, no biases": lambda t: [t.Linear(4, 6, False), t.BatchNorm1d(6), t.ReLU(), t.Linear(6, 3, False)],
    "norm before, last bias": lambda t: [t.Linear(4, 6, False), t.BatchNorm1d(6), t.ReLU(), t.Linear(6, 3)],
    "layer norm": lambda t: [t.Linear(4, 6), t.LayerNorm(6), t.ReLU(), t.Linear(6, 3)],
    "layer norm behind": lambda t: [t.Linear(4, 6), t.ReLU(), t.LayerNorm(6, eps=1e-3), t.Linear(6, 3)],
    "dropout": lambda t: [
        t.Linear(4, 6),
        t.ReLU(),
        t.Dropout(0.3),
        t.Linear(6, 5),
        t.ReLU(),
        t.Dropout(0.3),
        t.Linear(5, 3),
    ],
    "all of it": lambda t: [t.Linear(4, 6), t.ReLU(), t.BatchNorm1d(6), t.Dropout(0.5), t.Linear(6, 3), t.Sigmoid()],
    "flattened, nested": lambda t: [t.Flatten(), t.Sequential(t.Linear(4, 6), t.ReLU()), t.Identity(), t.Linear(6, 3)],
}


@pytest.mark.parity
@pytest.mark.parametrize("name", TORCH)
def test_a_torch_net_gives_the_same_outputs_here_and_goes_back(name):
    torch = pytest.importorskip("torch", reason="torch comes with the extra bench")
    module = moved(torch.nn.Sequential(*TORCH[name](torch.nn)), torch)
    net = from_torch(module)
    with torch.no_grad():
        theirs = module(torch.tensor(X)).numpy()
        np.testing.assert_allclose(outputs_of(net), theirs, atol=1e-5)
        bare = [
            part for part in plain_parts(module, torch) if not isinstance(part, torch.nn.Identity | torch.nn.Flatten)
        ]
        again = torch.nn.Sequential(*bare).eval()
        for parameter in again.parameters():
            parameter.zero_()
        again.load_state_dict({key: torch.tensor(a) for key, a in to_torch(*net[1:3], spec=net.spec).items()})
        np.testing.assert_allclose(again(torch.tensor(X)).numpy(), theirs, atol=1e-5)


def plain_parts(module, torch):
    """Its chain, with linears before a batch norm made anew without the bias that a spec does not have."""
    chain = [part for part in module.modules() if not list(part.children())]
    for part, after in zip(chain, [*chain[1:], None], strict=True):
        if isinstance(part, torch.nn.Linear) and isinstance(after, torch.nn.BatchNorm1d):
            part = torch.nn.Linear(part.in_features, part.out_features, bias=False)
        yield part


@pytest.mark.parity
@pytest.mark.parametrize("name", ["norm before", "norm behind", "layer norm"])
def test_a_torch_net_trains_here_as_it_would_there(name):
    """The training-mode outputs are the same too, also where a bias went into the running mean."""
    torch = pytest.importorskip("torch", reason="torch comes with the extra bench")
    module = moved(torch.nn.Sequential(*TORCH[name](torch.nn)), torch)
    net = from_torch(module)
    theirs = module.train()(torch.tensor(X)).detach().numpy()
    np.testing.assert_allclose(outputs_of(net, train=True), theirs, atol=1e-5)
    assert float(net.hyper.norm_momentum) == (0.3 if name == "norm behind" else 0.1)


@pytest.mark.parity
@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (lambda t: [t.Conv1d(4, 3, 1)], r"module 0 \(Conv1d\) is not among what an MLPSpec has: Linear, BatchNorm1d"),
        (lambda t: [t.Linear(4, 6), t.SiLU(), t.Linear(6, 3)], r"module 1 \(SiLU\) is not among"),
        (lambda t: [t.ReLU(), t.Linear(4, 3)], r"has to begin with a linear layer, and module 0 \(ReLU\) comes first"),
        (lambda t: [t.Linear(4, 6), t.Linear(6, 3)], r"module 0 \(Linear\) is followed by nothing: an MLPSpec has one"),
        (
            lambda t: [t.Linear(4, 6), t.ReLU(), t.Linear(6, 5), t.Tanh(), t.Linear(5, 3)],
            r"module 2 \(Linear\) is followed by tanh and module 0 \(Linear\) by relu: an MLPSpec has the same",
        ),
        (
            lambda t: [t.Linear(4, 6), t.LeakyReLU(0.1), t.Linear(6, 5), t.LeakyReLU(0.2), t.Linear(5, 3)],
            r"module 3 \(LeakyReLU\) has leaky slope 0.2 and module 1 \(LeakyReLU\) 0.1: a net has one for all",
        ),
        (
            lambda t: [t.Linear(4, 6), t.BatchNorm1d(6, affine=False), t.ReLU(), t.Linear(6, 3)],
            r"module 1 \(BatchNorm1d\) has no scale and shift",
        ),
        (lambda t: [t.Linear(4, 6), t.PReLU(6), t.Linear(6, 3)], r"module 1 \(PReLU\) has 6 slopes: .* one per layer"),
        (
            lambda t: [t.Linear(4, 6), t.Dropout(), t.ReLU(), t.Linear(6, 3)],
            r"is followed by module 1 \(Dropout\), module 2 \(ReLU\): an MLPSpec has one activation there",
        ),
        (
            lambda t: [t.Linear(4, 6), t.ReLU(), t.Linear(6, 3), t.LogSoftmax(1)],
            r"module 3 \(LogSoftmax\) is not among",
        ),
        (lambda t: [t.Linear(4, 6), t.ReLU(), t.Linear(6, 3), t.ELU()], r"module 3 \(ELU\) follows the last linear"),
        (lambda t: [t.Linear(4, 6), t.ReLU(), t.Linear(6, 3), t.Softmax(0)], r"goes along axis 0"),
        (
            lambda t: [t.Linear(4, 6), t.Softmax(1), t.Linear(6, 3)],
            r"module 1 \(Softmax\) is an activation at the output",
        ),
        (
            lambda t: [t.Linear(4, 6), t.ReLU(), t.Linear(6, 3, bias=False)],
            r"module 2 \(Linear\) has a bias and others have none, or the other way round",
        ),
        (lambda t: [t.Linear(4, 6), t.ReLU(), t.Linear(5, 3)], r"takes 5 inputs, and module 0 \(Linear\) gives 6"),
        (lambda t: [], "has to begin with a linear layer, and it has no parts"),
    ],
)
def test_what_a_spec_cannot_express_is_named(parts, message):
    torch = pytest.importorskip("torch", reason="torch comes with the extra bench")
    with pytest.raises(InputError, match=message) as caught:
        from_torch(torch.nn.Sequential(*parts(torch.nn)))
    assert "\n" not in str(caught.value)


@pytest.mark.parity
def test_another_torch_module_is_no_sequential():
    torch = pytest.importorskip("torch", reason="torch comes with the extra bench")
    with pytest.raises(InputError, match=r"Linear is no nn.Sequential: give one"):
        from_torch(torch.nn.Linear(4, 3))
    with pytest.raises(InputError, match=r"'list'.* is no nn\.Sequential"):
        from_torch([1])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"residual": "block"}, "residual 'block' is no module of an nn.Sequential"),
        ({"activation": "maxout"}, "activation 'maxout' is no module of an nn.Sequential"),
        ({"dropout": "keep_probability"}, "dropout 'keep_probability' is no module"),
    ],
)
def test_a_spec_that_is_no_sequential_has_no_state_dict(options, message):
    spec = MLPSpec((4, 6, 6, 3), **options)
    with pytest.raises(InputError, match=message):
        to_torch(*init_mlp(jax.random.key(0), spec, NetHyper()), spec=spec)


def fitted(estimator, targets):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it has not converged, and need not
        return estimator.fit(X, targets)


HOW = {"hidden_layer_sizes": (6, 5), "max_iter": 20, "random_state": 0}
SKLEARN = {
    **{f"{a}, 3 classes": (MLPClassifier(activation=a, **HOW), "classes") for a in ("relu", "tanh", "logistic")},
    "2 classes": (MLPClassifier(**HOW), "two"),
    "no hidden layer": (MLPClassifier(hidden_layer_sizes=(), max_iter=20), "classes"),
    "regression": (MLPRegressor(**HOW), "one number"),
    "two targets": (MLPRegressor(activation="tanh", **HOW), "two numbers"),
}
RNG = np.random.default_rng(1)
TARGETS = {
    "classes": np.array(["a", "b", "c"])[RNG.integers(0, 3, 20)],
    "two": RNG.integers(0, 2, 20),
    "one number": RNG.normal(size=20),
    "two numbers": RNG.normal(size=(20, 2)),
}


@pytest.mark.parametrize("name", SKLEARN)
def test_an_estimator_of_scikit_learn_gives_the_same_outputs_here(name):
    estimator, kind = SKLEARN[name]
    outputs = outputs_of(from_sklearn(fitted(estimator, TARGETS[kind])))
    if isinstance(estimator, MLPRegressor):
        np.testing.assert_allclose(np.squeeze(outputs), estimator.predict(X), atol=1e-5)
        return
    probabilities = estimator.predict_proba(X)
    if outputs.shape[1] == 1:  # the logit of the second of two classes
        np.testing.assert_allclose(jax.nn.sigmoid(outputs[:, 0]), probabilities[:, 1], atol=1e-5)
    else:
        np.testing.assert_allclose(jax.nn.softmax(outputs, axis=1), probabilities, atol=1e-5)
        np.testing.assert_array_equal(estimator.classes_[outputs.argmax(axis=1)], estimator.predict(X))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (MLPClassifier, "this MLPClassifier is not fitted: call its fit first"),
        (LogisticRegression, "is no net of scikit-learn's: give one of MLPClassifier, MLPRegressor"),
        (
            lambda: fitted(MLPRegressor(activation="identity", **HOW), TARGETS["one number"]),
            "activation 'identity' behind layer 0 is none of an MLPSpec's: logistic, tanh, relu can be taken",
        ),
        (
            lambda: fitted(MLPClassifier(**HOW), RNG.integers(0, 2, (20, 3))),
            "this MLPClassifier has several labels per example",
        ),
    ],
)
def test_other_estimators_are_refused(make, message):
    with pytest.raises(InputError, match=message):
        from_sklearn(make())


RNGS = nnx.Rngs(0)
NNX = {
    "relu": lambda: [nnx.Linear(4, 6, rngs=RNGS), nnx.relu, nnx.Linear(6, 3, rngs=RNGS)],
    "tanh gelu": lambda: [nnx.Linear(4, 6, rngs=RNGS), nnx.gelu, nnx.Linear(6, 3, rngs=RNGS)],
    "exact gelu": lambda: [
        *(nnx.Linear(4, 6, rngs=RNGS), partial(nnx.gelu, approximate=False), nnx.Linear(6, 3, rngs=RNGS))
    ],
    "leaky": lambda: [
        nnx.Linear(4, 6, rngs=RNGS),
        partial(nnx.leaky_relu, negative_slope=0.2),
        nnx.Linear(6, 3, rngs=RNGS),
    ],
    "elu, tanh out": lambda: [nnx.Linear(4, 6, rngs=RNGS), nnx.elu, nnx.Linear(6, 3, rngs=RNGS), nnx.tanh],
    "prelu": lambda: [nnx.Linear(4, 6, rngs=RNGS), nnx.PReLU(0.3), nnx.Linear(6, 3, rngs=RNGS)],
    "norm before": lambda: [
        *(nnx.Linear(4, 6, rngs=RNGS), nnx.BatchNorm(6, momentum=0.8, rngs=RNGS)),
        *(nnx.sigmoid, nnx.Linear(6, 3, rngs=RNGS)),
    ],
    "norm behind, dropout": lambda: [
        *(nnx.Linear(4, 6, use_bias=False, rngs=RNGS), nnx.relu, nnx.BatchNorm(6, rngs=RNGS)),
        *(nnx.Dropout(0.3, rngs=RNGS), nnx.Linear(6, 3, use_bias=False, rngs=RNGS), nnx.softmax),
    ],
    "layer norm": lambda: [
        *(nnx.Linear(4, 6, rngs=RNGS), nnx.LayerNorm(6, rngs=RNGS), nnx.relu, nnx.Linear(6, 3, rngs=RNGS))
    ],
    "our own layers": lambda: [Linear(4, 6, rngs=RNGS), nnx.relu, Linear(6, 3, rngs=RNGS)],
}


@pytest.mark.parametrize("name", NNX)
def test_a_flax_net_gives_the_same_outputs_here(name):
    module = nnx.Sequential(*NNX[name]())
    state = nnx.state(module, nnx.Param)
    nnx.update(module, jax.tree.map(lambda a: a + 0.1 * jnp.asarray(RNG.random(a.shape), a.dtype), state))
    module.train()
    module(jnp.asarray(X))
    module.eval()
    net = from_nnx(module)
    np.testing.assert_allclose(outputs_of(net), module(jnp.asarray(X)), atol=1e-5)
    if name == "norm before":
        assert float(net.hyper.norm_momentum) == pytest.approx(0.2)


def own(x):
    return x**2


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (lambda: [nnx.Conv(1, 1, (3,), rngs=RNGS)], r"layer 0 \(Conv\) is not among what an MLPSpec has"),
        (
            lambda: [nnx.Linear(4, 6, rngs=RNGS), nnx.swish, nnx.Linear(6, 3, rngs=RNGS)],
            "is not among what an MLPSpec has",
        ),
        (
            lambda: [nnx.Linear(4, 6, rngs=RNGS), own, nnx.Linear(6, 3, rngs=RNGS)],
            r"layer 1 \(own\) is a function of your",
        ),
        (
            lambda: [nnx.Linear(4, 6, rngs=RNGS), nnx.BatchNorm(6, use_bias=False, rngs=RNGS), nnx.relu],
            r"layer 1 \(BatchNorm\) has no scale or no bias",
        ),
    ],
)
def test_what_a_spec_cannot_express_of_flax_is_named(parts, message):
    with pytest.raises(InputError, match=message):
        from_nnx(nnx.Sequential(*parts()))


def test_another_flax_module_is_no_sequential():
    with pytest.raises(InputError, match=r"Linear is no nnx.Sequential"):
        from_nnx(nnx.Linear(4, 3, rngs=RNGS))


def test_neither_torch_nor_scikit_learn_is_imported():
    program = "import sys, jaxmlp.nn as nn; nn.foreign.from_torch; print([*{'torch', 'sklearn'} & sys.modules.keys()])"
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"
    for name in ("parts", "torch_nets", "sklearn_nets", "nnx_nets"):
        module = importlib.import_module(f"jaxmlp.nn.foreign.{name}")
        assert not {"torch", "sklearn", "pickle", "joblib"} & vars(module).keys()
