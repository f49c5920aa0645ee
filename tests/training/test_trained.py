"""A trained net comes back from its file as it was, and anything else is refused in one line."""

import json
from dataclasses import asdict, replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy

from jaxmlp import data
from jaxmlp.components import Unfingerprintable
from jaxmlp.data import PREPROCESSINGS, Preprocessing
from jaxmlp.errors import InputError
from jaxmlp.files import BLANK_SEAL, SEAL_KEY, seal_file
from jaxmlp.nn import ACTIVATIONS, Activation, MLPSpec, init_mlp
from jaxmlp.training import (
    DataSpec,
    EvalSpec,
    Hyper,
    Net,
    OptimizerSpec,
    RunSpec,
    about_net,
    end_epoch,
    end_run,
    export_nnx,
    init_run,
    load_net,
    save_net,
    train_epoch,
    trained_net,
)
from tests.user_rows import user_rows

__all__ = ["user_rows"]

DEEP = (64, 6, 5, 6, 5, 10)
NETS = {
    "plain": MLPSpec((64, 6, 10)),
    "batch norm": MLPSpec((64, 6, 5, 10), norm="batch_norm", norm_position="pre_activation"),
    "layer norm, prelu": MLPSpec((64, 6, 10), norm="layer_norm", activation="prelu"),
    "maxout layer, residual": MLPSpec(DEEP, activation="maxout_layer", residual="block", norm="batch_norm"),
    "dropout, no biases": MLPSpec((64, 6, 10), dropout="keep_probability", bias=False),
    "eleven linears": MLPSpec((64, *[5] * 10, 10)),
}


def stored(images, preprocessing):
    """Images as this preprocessing takes them."""
    return np.asarray(images) if PREPROCESSINGS[preprocessing].images else np.asarray(images, np.float32)


def net_of(mlp, preprocessing="unit", hyper=None):
    """A net with statistics unlike any start, fitted on the digits."""
    hyper = hyper or Hyper(learning_rate=0.1 + 0.2, norm_momentum=1 / 3)
    rng = np.random.default_rng(0)
    params, state = init_mlp(jax.random.key(0), mlp, hyper)
    params, state = jax.tree.map(lambda a: a + jnp.asarray(rng.uniform(0.1, 0.9, a.shape), a.dtype), (params, state))
    images = jnp.asarray(stored(data.load("digits").train_inputs, preprocessing))
    fitted = PREPROCESSINGS[preprocessing].fit(images, jnp.arange(200, dtype=jnp.int32))
    spec = RunSpec(mlp, data=DataSpec(preprocessing=preprocessing), optimizer=OptimizerSpec("adamw"), precision="tf32")
    return Net(params, state, fitted, hyper, replace(spec, evaluation=EvalSpec(batch_size=100)))


@pytest.fixture(scope="module")
def digits():
    return jax.device_put(data.load("digits"))


@pytest.fixture
def file(tmp_path):
    """A good file, to be spoilt."""
    save_net(tmp_path / "net.safetensors", net_of(NETS["plain"]), {})
    return tmp_path / "net.safetensors"


def assert_equal(loaded, net):
    assert (loaded.spec, loaded.hyper) == (net.spec, net.hyper)
    there, here = ((n.params, n.norm_state, n.preprocessing) for n in (loaded, net))
    assert jax.tree.structure(there) == jax.tree.structure(here)
    for a, b in zip(jax.tree.leaves(there), jax.tree.leaves(here), strict=True):
        assert (a.dtype, np.asarray(a).tobytes()) == (b.dtype, np.asarray(b).tobytes())


@pytest.mark.parametrize("name", NETS)
def test_every_net_comes_back_bit_for_bit(tmp_path, name):
    net = net_of(NETS[name])
    save_net(tmp_path / "net.safetensors", net, {})
    assert_equal(load_net(tmp_path / "net.safetensors"), net)


@pytest.mark.parametrize("name", [name for name in PREPROCESSINGS if name != "none"])
def test_every_fitted_preprocessing_comes_back(tmp_path, name):
    net = net_of(NETS["plain"], name)
    save_net(str(tmp_path / "net.safetensors"), net, {})
    loaded = load_net(str(tmp_path / "net.safetensors"))
    assert_equal(loaded, net)
    images = stored(data.load("digits").test_inputs, name)
    np.testing.assert_array_equal(loaded.logits(images), net.logits(images))


def test_the_file_is_plain_safetensors_and_says_what_it_is(tmp_path):
    path = tmp_path / "net.safetensors"
    save_net(path, net_of(NETS["batch norm"], "standardize"), {"arm": "he", "seed": 3, "note": "±"})
    tensors = safetensors.numpy.load_file(path)
    norm = ["scale", "shift", "mean", "var"]
    hidden = {f"layer{i}.{name}" for i in (0, 1) for name in ("weight", *norm)}
    assert set(tensors) == hidden | {"layer2.weight", "layer2.bias", "preprocessing.0", "preprocessing.1"}
    assert tensors["layer0.weight"].shape == (6, 64)
    with safetensors.safe_open(path, framework="numpy") as file:
        described = json.loads(file.metadata()["jaxmlp"])
    assert described["version"] == 1
    assert described["spec"]["mlp"]["norm"] == "batch_norm"
    assert described["hyper"]["learning_rate"] == 0.1 + 0.2
    assert about_net(path) == described["about"] == {"arm": "he", "seed": 3, "note": "±"}
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_equal_nets_are_equal_files(tmp_path):
    for name in ("a", "b"):
        save_net(tmp_path / name, net_of(NETS["maxout layer, residual"]), {"seed": 1})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parity
def test_torch_reads_it_and_computes_the_same(file):
    torch = pytest.importorskip("torch", reason="torch comes with the extra bench")
    from safetensors.torch import load_file

    tensors = load_file(file)
    layers = []
    for i, (inputs, outputs) in enumerate([(64, 6), (6, 10)]):
        layers.append(torch.nn.Linear(inputs, outputs))
        layers[-1].load_state_dict({name: tensors[f"layer{i}.{name}"] for name in ("weight", "bias")})
    module = torch.nn.Sequential(layers[0], torch.nn.ReLU(), layers[1])
    images = data.load("digits").test_inputs
    with torch.no_grad():
        theirs = module(torch.tensor(np.asarray(images)).float() / 255).numpy()
    np.testing.assert_allclose(load_net(file).logits(images), theirs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("selection", ["best_validation", "last"])
def test_a_run_s_selected_model_is_taken_away(tmp_path, digits, selection):
    """From the run through the file to flax: what it tests is what the run was tested with (S-090)."""
    spec = RunSpec(
        MLPSpec((64, 9, 10), norm="batch_norm"),
        data=DataSpec(batch_size=32, train_size=170, preprocessing="standardize"),
        evaluation=EvalSpec(selection=selection),
        epochs=2,
    )
    hyper = Hyper(learning_rate=1e-2)
    run = init_run(0, digits, spec=spec, hyper=hyper)
    run = train_epoch(run, digits, spec=spec, hyper=hyper, epoch=1)
    run = end_epoch(run, digits, spec=spec, hyper=hyper, epoch=1)
    spoilt = (run.train.params[0], jax.tree.map(jnp.negative, run.train.params[1]))
    run = run.replace(train=run.train.replace(params=spoilt))
    run = end_epoch(run, digits, spec=spec, hyper=hyper, epoch=2)
    run = end_run(run, digits, spec=spec, hyper=hyper)
    save_net(tmp_path / "net", trained_net(run, spec=spec, hyper=hyper), {})
    net = load_net(tmp_path / "net")
    assert np.array_equal(net.params[1]["weight"], spoilt[1]["weight"]) == (selection == "last")
    predicted = np.asarray(net.predict(digits.test_inputs))
    tested = float(run.history["test_accuracy"][-1])
    assert (predicted == np.asarray(digits.test_targets)).mean() == pytest.approx(tested)
    x = PREPROCESSINGS["standardize"].apply(net.preprocessing, digits.test_inputs)
    logits = np.asarray(net.logits(digits.test_inputs))
    theirs = np.asarray(export_nnx(net)(x))
    scale = np.abs(logits).max()
    np.testing.assert_allclose(theirs / scale, logits / scale, rtol=0, atol=1e-6)


def test_pieces_change_nothing_and_no_image_is_fine():
    net, images = net_of(NETS["plain"]), data.load("digits").test_inputs
    whole = net.replace(spec=replace(net.spec, evaluation=EvalSpec(batch_size=1000)))
    np.testing.assert_allclose(net.logits(images), whole.logits(images), rtol=1e-6)
    assert net.logits(images).shape == (355, 10)
    assert net.predict(images[:0]).shape == (0,)


def test_images_are_taken_as_stored():
    net, images = net_of(NETS["plain"]), data.load("digits").test_inputs
    with pytest.raises(InputError, match=r"shape \(355, 63\): this net takes \[batch, 64\]"):
        net.logits(images[:, :63])
    with pytest.raises(InputError, match=r"shape \(64,\)"):
        net.logits(images[0])
    with pytest.raises(InputError, match="images are float32: this net takes uint8, as stored"):
        net.predict(images.astype(np.float32))
    points = RunSpec(MLPSpec((64, 6, 10)), data=DataSpec(preprocessing="none"))
    with pytest.raises(InputError, match="images are uint8: this net takes float points"):
        Net(net.params, net.norm_state, (), net.hyper, points).logits(images)


def spoil(path, change):
    """Write the file again with its description or its tensors changed by `change(described, tensors)`."""
    with safetensors.safe_open(path, framework="numpy") as file:
        described = json.loads(file.metadata()["jaxmlp"])
    tensors = safetensors.numpy.load_file(path)
    change(described, tensors)
    described[SEAL_KEY] = BLANK_SEAL
    safetensors.numpy.save_file(tensors, path, metadata={"jaxmlp": json.dumps(described)})
    seal_file(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d, t: d.update(version=2), "has format version 2, this jaxmlp reads 1"),
        (lambda d, t: d["spec"].update(flavour="new"), "describes a net that this version of jaxmlp does not know"),
        (lambda d, t: d["spec"]["mlp"].update(activation="swoosh"), "does not know: unknown activation 'swoosh'"),
        (lambda d, t: d["hyper"].update(learning_rate=-1), "does not know: learning rate is -1"),
        (lambda d, t: d.pop("hyper"), "does not know: 'hyper'"),
        (lambda d, t: t.pop("layer1.bias"), r"tensor layer1.bias has shape None, its spec asks for \(10,\)"),
        (lambda d, t: t.update(more=np.zeros(2, np.float32)), r"tensor more has shape \(2,\), its spec asks for None"),
        (
            lambda d, t: t.update({"layer0.bias": np.zeros(7, np.float32)}),
            r"has shape \(7,\), its spec asks for \(6,\)",
        ),
        (lambda d, t: t.update({"layer0.bias": np.zeros(6)}), "bias has dtype float64, its spec asks for float32"),
        (lambda d, t: t.update({"layer0.bias": np.zeros(6, np.float16)}), "bias has dtype float16, its spec asks for"),
        (lambda d, t: t["layer1.weight"].__setitem__((0, 1), np.nan), "layer1.weight has NaN or infinite numbers"),
        (lambda d, t: t["layer1.bias"].fill(np.inf), "tensor layer1.bias has NaN or infinite numbers"),
        (lambda d, t: d.pop("about"), "is damaged: its description has no 'about', the writer's notes"),
        (lambda d, t: d.update(about=3), "is damaged: its description has no 'about'"),
        (lambda d, t: d.update(components=3), "does not know: 'int' object is not iterable"),
        (lambda d, t: d.update(components={"mlp.widths": "0"}), "does not know: 'mlp.widths'"),
        (
            lambda d, t: d.update(components={"loss.name": "0"}),
            "trained with another loss 'cross_entropy' than the one",
        ),
    ],
)
def test_a_file_that_does_not_fit_is_refused(file, change, message):
    spoil(file, change)
    with pytest.raises(InputError, match=message) as caught:
        load_net(file)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("read", [load_net, about_net])
def test_other_files_are_refused(tmp_path, read):
    path = tmp_path / "file"
    with pytest.raises(InputError, match="file is no file: give one that save_net wrote"):
        read(path)
    with pytest.raises(InputError, match="is no file"):
        read(tmp_path)
    for content in (b"", b"GIF89a" + bytes(100)):
        path.write_bytes(content)
        with pytest.raises(InputError, match="is no readable safetensors file"):
            read(path)
    for metadata in (None, {"format": "pt"}, {"jaxmlp": "words"}, {"jaxmlp": "[1]"}, {"jaxmlp": "{}"}):
        safetensors.numpy.save_file({"weight": np.zeros(3, np.float32)}, path, metadata=metadata)
        with pytest.raises(InputError, match="holds tensors, but no net of jaxmlp's"):
            read(path)


def test_a_truncated_file_is_refused(file):
    file.write_bytes(file.read_bytes()[:-5])
    with pytest.raises(InputError, match="is no readable safetensors file"):
        load_net(file)


def test_a_path_that_cannot_be_written_is_refused_and_the_old_file_stays(tmp_path, file, monkeypatch):
    before, net = file.read_bytes(), net_of(NETS["plain"])
    with pytest.raises(InputError, match="nowhere is not a folder this user may write to"):
        save_net(tmp_path / "nowhere" / "net", net, {})
    with pytest.raises(InputError, match="it is a folder"):
        save_net(tmp_path, net, {})
    with pytest.raises(ValueError, match="not JSON compliant"):
        save_net(file, net, {"loss": float("nan")})
    assert file.read_bytes() == before
    assert [*tmp_path.iterdir()] == [file]


def swish(x, beta):
    return x * jax.nn.sigmoid(beta * x)


def save_own(path, function=swish):
    """A net with a user's activation, saved; what registered it is left registered."""
    own = MLPSpec((64, 6, 10), activation=ACTIVATIONS.register("own", Activation(function, "user.beta", learned=True)))
    net = net_of(own, hyper=Hyper(user={"beta": 1.5}))
    save_net(path, net, {})
    return net


@pytest.mark.usefixtures("user_rows")
def test_a_net_with_a_user_s_activation_comes_back_and_goes_to_flax(tmp_path):
    net = save_own(tmp_path / "net")
    loaded = load_net(tmp_path / "net")
    assert_equal(loaded, net)
    images = data.load("digits").test_inputs
    logits = np.asarray(loaded.logits(images))
    np.testing.assert_array_equal(logits, net.logits(images))
    x = PREPROCESSINGS["unit"].apply((), jnp.asarray(images))
    np.testing.assert_allclose(export_nnx(loaded)(x), logits, rtol=1e-5, atol=1e-5)


@pytest.mark.usefixtures("user_rows")
def test_a_net_is_loaded_with_the_components_it_was_trained_with_or_not_at_all(tmp_path):
    save_own(tmp_path / "net")
    ACTIVATIONS.remove("own")
    with pytest.raises(
        InputError, match=r"net .* its activation 'own' was a user's own: register it, as before"
    ) as caught:
        load_net(tmp_path / "net")
    assert "\n" not in str(caught.value)
    ACTIVATIONS.register("own", Activation(lambda x, beta: x * beta, "user.beta", learned=True))
    with pytest.raises(InputError, match="net was trained with another activation 'own' than the one that has this"):
        load_net(tmp_path / "net")
    ACTIVATIONS.remove("own")
    ACTIVATIONS.register("own", Activation(lambda y, b: y * jax.nn.sigmoid(b * y), "user.beta", learned=True))
    load_net(tmp_path / "net")  # the same function, written again
    spoil(tmp_path / "net", lambda d, t: d["hyper"].pop("user.beta"))
    with pytest.raises(InputError, match=r"does not know: user.beta is missing, user has nothing"):
        load_net(tmp_path / "net")
    spoil(tmp_path / "net", lambda d, t: d.pop("components"))
    with pytest.raises(InputError, match=r"does not know: user.beta is missing"):
        load_net(tmp_path / "net")


@pytest.mark.usefixtures("user_rows")
def test_a_net_whose_component_could_not_be_known_again_is_not_saved(tmp_path):
    marker = iter(())
    with pytest.raises(
        Unfingerprintable, match=r"activation 'own': a value that .* closes over is of builtins.tuple_it"
    ):
        save_own(tmp_path / "net", lambda x, beta: (x, marker)[0])
    assert [*tmp_path.iterdir()] == []


@pytest.mark.usefixtures("user_rows")
def test_a_preprocessing_of_one_s_own_takes_what_it_says(tmp_path):
    row = Preprocessing(
        lambda points, index: points[index].mean(0), lambda mean, points: points - mean[None], images=False
    )
    PREPROCESSINGS.register("centred", row)
    points = np.random.default_rng(0).normal(size=(9, 64)).astype(np.float32)
    params, state = init_mlp(jax.random.key(0), NETS["plain"], Hyper())
    spec = RunSpec(NETS["plain"], data=DataSpec(preprocessing="centred"))
    fitted = row.fit(jnp.asarray(points), jnp.arange(9, dtype=jnp.int32))
    net = Net(params, state, fitted, Hyper(), spec)
    save_net(tmp_path / "net", net, {})
    np.testing.assert_array_equal(load_net(tmp_path / "net").logits(points), net.logits(points))
    with pytest.raises(InputError, match="images are uint8: this net takes float points"):
        net.logits(points.astype(np.uint8))


def test_where_the_default_is_float64_nets_of_both_types_are_read(tmp_path, file):
    def dtypes(path):
        return {leaf.dtype for leaf in jax.tree.leaves(load_net(path).params)}

    with jax.enable_x64(True):
        save_net(tmp_path / "wide", net_of(NETS["plain"]), {})
        assert dtypes(tmp_path / "wide") == {np.dtype(np.float64)}
        assert dtypes(file) == {np.dtype(np.float32)}
    with pytest.raises(InputError, match=r"layer0.bias has dtype float64, its spec asks for float32"):
        load_net(tmp_path / "wide")


def test_the_spec_s_every_field_is_in_the_file(file):
    with safetensors.safe_open(file, framework="numpy") as opened:
        described = json.loads(opened.metadata()["jaxmlp"])
    assert described["spec"] == json.loads(json.dumps(asdict(net_of(NETS["plain"]).spec)))
