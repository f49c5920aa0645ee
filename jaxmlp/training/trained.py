"""A trained network as a thing of its own: to predict with, to save, to load and to take into flax (S-090, S-102).

The file is one safetensors file, which any program can read. Its tensors, i counting linears from 0:

| name | what |
|---|---|
| layer{i}.weight, layer{i}.bias | the linear y = x Aᵀ + b, [O, I] and [O], as `torch.nn.Linear` has them |
| layer{i}.scale, layer{i}.shift | γ and β of its norm |
| layer{i}.mean, layer{i}.var | the running statistics of its batch norm, the variance biased |
| layer{i}.slope, .maxout_weight, .maxout_bias, .skip_weight, .skip_bias | see `jaxmlp.nn.init.Params` |
| preprocessing, or preprocessing.0 and .1 | what was fitted: m, or (m, s), or (m, matrix); see `jaxmlp.data` |

Its metadata has one entry, `jaxmlp`: JSON with `version`, `spec`, `hyper`, and `about`, the writer's own notes.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

import jax
import jax.numpy as jnp
import numpy as np
import safetensors
import safetensors.numpy
from flax import struct
from jax import Array

from jaxmlp.data import PREPROCESSINGS
from jaxmlp.errors import InputError
from jaxmlp.files import check_target, write_whole
from jaxmlp.nn import NormState, Params, init_mlp
from jaxmlp.training.evaluate import logits_of
from jaxmlp.training.hyper import Hyper, check_hyper, hyper_values
from jaxmlp.training.spec import RunSpec
from jaxmlp.training.state import RunState

if TYPE_CHECKING:
    from jaxmlp.nn.nnx_module import NnxMLP

FORMAT_VERSION = 1
_ENTRY = "jaxmlp"


class TrainedNet(struct.PyTreeNode):
    """A network with all that a prediction needs: it takes images as they are stored."""

    params: Params
    norm_state: NormState
    preprocessing: Any
    """The fitted state of the spec's preprocessing."""
    hyper: Hyper
    """The numbers it was trained with."""
    spec: RunSpec = struct.field(pytree_node=False)

    def logits(self, images: Array | np.ndarray) -> Array:
        """Logits [B, K] in evaluation mode of images [B, I] as stored, `spec.evaluation.batch_size` rows at once.

        Raises:
            InputError: images of another width, or not of the type that the preprocessing takes.
        """
        _check_images(images, self.spec)
        size = self.spec.evaluation.batch_size
        pieces = [images[start : start + size] for start in range(0, max(1, len(images)), size)]
        return jnp.concatenate([_logits(self, jnp.asarray(piece)) for piece in pieces])

    def predict(self, images: Array | np.ndarray) -> Array:
        """The class of the largest logit, int32 [B]; images and errors as for `logits`."""
        return jnp.argmax(self.logits(images), axis=1).astype(jnp.int32)


def trained_net(run: RunState, *, spec: RunSpec, hyper: Hyper) -> TrainedNet:
    """The selected model of one run (not of lanes): the best by validation if the spec keeps it, else the last."""
    chosen = run.selected
    return TrainedNet(chosen.params, chosen.norm_state, run.preprocessing, Hyper(**hyper_values(hyper)), spec)


def export_nnx(net: TrainedNet) -> "NnxMLP":
    """The net as an `nnx.Module` of flax's own layers, in evaluation mode; see `jaxmlp.nn.nnx_module.to_nnx`.

    It takes *preprocessed* rows [B, I]: `PREPROCESSINGS[net.spec.data.preprocessing].apply(net.preprocessing, images)`.
    """
    from jaxmlp.nn.nnx_module import to_nnx  # flax.nnx takes its time to load

    return to_nnx(net.params, net.norm_state, spec=net.spec.mlp, hyper=net.hyper, precision=net.spec.precision)


def save_net(path: str | Path, net: TrainedNet, about: Mapping[str, Any]) -> None:
    """Write a net to one safetensors file, whole or not at all.

    Args:
        path: usually ends in .safetensors; a file that is there is replaced.
        net: of concrete arrays.
        about: notes as JSON values, such as arm and seed; `dataset` is what `python -m experiments test` tests on.

    Raises:
        InputError: a path that cannot be written to.
    """
    path = Path(path)
    check_target(path)
    described = {"version": FORMAT_VERSION, "spec": asdict(net.spec), "hyper": hyper_values(net.hyper)}
    text = json.dumps(described | {"about": dict(about)}, ensure_ascii=False, allow_nan=False, sort_keys=True)
    # The format has no strides; np.ascontiguousarray would make vectors of scalars.
    tensors = {name: np.asarray(tensor, order="C") for name, tensor in _named(_arrays(net)).items()}
    content = safetensors.numpy.save(tensors, metadata={_ENTRY: text})
    write_whole(path, lambda temporary: temporary.write_bytes(content))


def load_net(path: str | Path) -> TrainedNet:
    """The net that `save_net` wrote: bit-equal arrays, equal spec.

    Raises:
        InputError: no file, not a safetensors file, not one of `save_net`, of another version, or of tensors that
            are not those of its spec.
    """
    described, tensors = _read(Path(path))
    try:
        spec, hyper = _spec_from(described["spec"]), Hyper(**described["hyper"])
        check_hyper(hyper)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} describes a net that this version of jaxmlp does not know: {error}") from error
    like = _template(spec)
    expected, given = ({name: t.shape for name, t in named.items()} for named in (_named(like), tensors))
    for name in sorted(expected.keys() | given.keys()):
        if expected.get(name) != given.get(name):
            raise InputError(
                f"{path} is damaged: its tensor {name} has shape {given.get(name)}, its spec asks for "
                f"{expected.get(name)}: save the net again"
            )
    leaves = [jnp.asarray(tensors[name]) for name in _named(like)]
    params, norm_state, preprocessing = jax.tree.unflatten(jax.tree.structure(like), leaves)
    return TrainedNet(params, norm_state, preprocessing, hyper, spec)


def about_net(path: str | Path) -> dict[str, Any]:
    """The notes that `save_net` was given; raises `InputError` as `load_net` does."""
    return _read(Path(path))[0]["about"]


@jax.jit
def _logits(net: TrainedNet, images: Array) -> Array:
    return logits_of(net.params, net.norm_state, net.preprocessing, images, spec=net.spec, hyper=net.hyper)


def _check_images(images: Array | np.ndarray, spec: RunSpec) -> None:
    width, scaled = spec.mlp.widths[0], spec.data.preprocessing != "none"
    if images.ndim != 2 or images.shape[1] != width:
        raise InputError(f"images have shape {images.shape}: this net takes [batch, {width}]")
    if (images.dtype == np.uint8) != scaled:
        wanted = "uint8, as stored: it preprocesses them itself" if scaled else "float points"
        raise InputError(f"images are {images.dtype}: this net takes {wanted}")


def _arrays(net: TrainedNet) -> tuple[Params, NormState, Any]:
    return net.params, net.norm_state, net.preprocessing


def _template(spec: RunSpec) -> tuple[Params, NormState, Any]:
    """The shapes that a net of this spec has, as `_arrays` orders them; nothing is computed."""
    images = jax.ShapeDtypeStruct((1, spec.mlp.widths[0]), jnp.uint8)
    index = jax.ShapeDtypeStruct((1,), jnp.int32)
    state = jax.eval_shape(PREPROCESSINGS[spec.data.preprocessing].fit, images, index)
    return *jax.eval_shape(lambda: init_mlp(jax.random.key(0), spec.mlp, Hyper())), state


def _named(arrays: tuple[Params, NormState, Any]) -> dict[str, Any]:
    """Every leaf under its name in the file, in the order of `jax.tree.leaves`."""
    prefixes = ("layer", "layer", "preprocessing.")
    return {
        (prefix + jax.tree_util.keystr(keys, simple=True, separator=".")).rstrip("."): leaf
        for prefix, part in zip(prefixes, arrays, strict=True)
        for keys, leaf in jax.tree_util.tree_leaves_with_path(part)
    }


def _spec_from(described: Mapping[str, Any]) -> RunSpec:
    types = get_type_hints(RunSpec)
    return RunSpec(
        **{name: types[name](**value) if is_dataclass(types[name]) else value for name, value in described.items()}
    )


def _read(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """(description, tensors) of a file of ours."""
    if not path.is_file():
        raise InputError(f"{path} is no file: give one that save_net wrote")
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            metadata, tensors = file.metadata(), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, safetensors.SafetensorError) as error:
        raise InputError(f"{path} is no readable safetensors file ({error}): give one that save_net wrote") from error
    try:
        described = json.loads((metadata or {})[_ENTRY])
        version = described["version"]
    except (KeyError, TypeError, ValueError):
        raise InputError(f"{path} holds tensors, but no net of jaxmlp's: give a file that save_net wrote") from None
    if version != FORMAT_VERSION:
        raise InputError(
            f"{path} has format version {version}, this jaxmlp reads {FORMAT_VERSION}: use the jaxmlp that wrote it"
        )
    return described, tensors
