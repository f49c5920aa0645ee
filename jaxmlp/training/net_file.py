"""Trained networks in files: `save_net`, `load_net` and `about_net`.

The file is one safetensors file, which any program can read. Its tensors, i counting linears from 0:

| name | what |
|---|---|
| layer{i}.weight, layer{i}.bias | the linear y = x Aᵀ + b, [O, I] and [O], as `torch.nn.Linear` has them |
| layer{i}.scale, layer{i}.shift | γ and β of its norm |
| layer{i}.mean, layer{i}.var | the running statistics of its batch norm, the variance biased |
| layer{i}.slope, .maxout_weight, .maxout_bias, .skip_weight, .skip_bias | see `jaxmlp.nn.init.Params` |
| preprocessing, or preprocessing.0 and .1 | what was fitted: m, (m, s) or (m, matrix); see `jaxmlp.data` |

Its metadata has one entry, `jaxmlp`: JSON with `version`, `spec`, `hyper`, and `about`, the writer's own notes; and
where the spec names components of a user's, with `components`, their fingerprints by field; and the file's `checksum`
(see `jaxmlp.files`), which files of before do not have.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any, get_type_hints

import jax
import jax.numpy as jnp
import numpy as np
import safetensors
import safetensors.numpy

from jaxmlp.data import PREPROCESSINGS
from jaxmlp.errors import InputError, check_path
from jaxmlp.files import BLANK_SEAL, SEAL_KEY, check_seal, check_target, seal_file, write_whole
from jaxmlp.nn import NormState, Params, init_mlp
from jaxmlp.training.hyper import Hyper, check_hyper, hyper_of, hyper_values
from jaxmlp.training.net import Net
from jaxmlp.training.spec import COMPONENT_TABLES, RunSpec, check_numbers

FORMAT_VERSION = 1
_ENTRY = "jaxmlp"


def save_net(path: str | Path, net: Net, about: Mapping[str, Any]) -> None:
    """Write a net to one safetensors file, whole or not at all.

    Args:
        path: usually ends in .safetensors; a file that is there is replaced.
        net: of concrete arrays.
        about: notes as JSON values, such as arm and seed; `dataset` is what `jaxmlp test` tests on.

    Raises:
        InputError: a path that cannot be written to.
        Unfingerprintable: a user's component that could not be known again.

    >>> import tempfile, jax
    >>> from jaxmlp import nn, training
    >>> spec, hyper = training.RunSpec(nn.MLPSpec((4, 3))), training.Hyper()
    >>> net = training.Net(*nn.init_mlp(jax.random.key(0), spec.mlp, hyper), (), hyper, spec)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_net(f"{folder}/net.safetensors", net, {})
    ...     load_net(f"{folder}/net.safetensors").spec == spec
    True
    """
    check_path("the net's path", path)
    path = Path(path)
    check_target(path)
    described = {"version": FORMAT_VERSION, "spec": asdict(net.spec), "hyper": hyper_values(net.hyper)}
    if components := _fingerprints(net.spec):
        described["components"] = components
    described |= {"about": dict(about), SEAL_KEY: BLANK_SEAL}
    text = json.dumps(described, ensure_ascii=False, allow_nan=False, sort_keys=True)
    # The format has no strides; np.ascontiguousarray would make vectors of scalars.
    tensors = {name: np.asarray(tensor, order="C") for name, tensor in _named(_arrays(net)).items()}
    content = safetensors.numpy.save(tensors, metadata={_ENTRY: text})

    def write(temporary: Path) -> None:
        temporary.write_bytes(content)
        seal_file(temporary)

    write_whole(path, write)


def load_net(path: str | Path) -> Net:
    """The net that `save_net` wrote: bit-equal arrays, equal spec.

    Raises:
        InputError: no file, not a safetensors file, not one of `save_net`, of another version, of tensors that are
            not those of its spec or not finite, or of a user's component that is not registered or another one here.

    >>> load_net("no such file.safetensors")
    Traceback (most recent call last):
        ...
    jaxmlp.errors.InputError: no such file.safetensors is no file: give one that save_net wrote
    """
    described, tensors = _read(path)
    try:
        saved = _saved_components(described)
        spec, hyper = _spec_from(described["spec"]), hyper_of(described["hyper"])
        check_hyper(hyper)
        check_numbers(spec, hyper)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{path} describes a net that this version of jaxmlp does not know: {error}") from error
    _check_components(path, saved, spec)
    like = _template(spec)
    _check_tensors(path, tensors, _named(like))
    leaves = [jnp.asarray(tensors[name]) for name in _named(like)]
    params, norm_state, preprocessing = jax.tree.unflatten(jax.tree.structure(like), leaves)
    return Net(params, norm_state, preprocessing, hyper, spec)


def about_net(path: str | Path) -> dict[str, Any]:
    """The notes that `save_net` was given; raises `InputError` as `load_net` does.

    >>> import tempfile, jax
    >>> from jaxmlp import nn, training
    >>> spec, hyper = training.RunSpec(nn.MLPSpec((4, 3))), training.Hyper()
    >>> net = training.Net(*nn.init_mlp(jax.random.key(0), spec.mlp, hyper), (), hyper, spec)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_net(f"{folder}/net.safetensors", net, {"arm": "linear", "seed": 0})
    ...     about_net(f"{folder}/net.safetensors")
    {'arm': 'linear', 'seed': 0}
    """
    return _read(path)[0]["about"]


def _arrays(net: Net) -> tuple[Params, NormState, Any]:
    return net.params, net.norm_state, net.preprocessing


def _fingerprints(spec: RunSpec) -> dict[str, str | None]:
    """As `RunSpec.user_components`, but one that has none raises."""
    return {field: COMPONENT_TABLES[field].fingerprint(attrgetter(field)(spec)) for field in spec.user_components()}


def _saved_components(described: Mapping[str, Any]) -> dict[str, str]:
    """The fingerprints in a description, all of components that are registered here."""
    saved = dict(described.get("components", {}))
    for field in saved:
        part, _, key = field.partition(".")
        table, name = COMPONENT_TABLES[field], described["spec"][part][key]
        if name not in table:
            raise InputError(f"its {table.kind} {name!r} was a user's own: register it, as before the net was trained")
    return saved


def _check_components(path: str | Path, saved: Mapping[str, str], spec: RunSpec) -> None:
    here = spec.user_components()
    for field in sorted(saved.keys() | here.keys()):
        if saved.get(field) != here.get(field):
            kind, name = COMPONENT_TABLES[field].kind, attrgetter(field)(spec)
            raise InputError(f"{path} was trained with another {kind} {name!r} than the one that has this name here")


def _check_tensors(path: str | Path, tensors: Mapping[str, np.ndarray], wanted: Mapping[str, Any]) -> None:
    """Raise `InputError` unless there are these tensors and no others, of these shapes and types, and finite."""
    for name in sorted(wanted.keys() | tensors.keys()):
        there, asked = tensors.get(name), wanted.get(name)
        for what in ("shape", "dtype"):
            has, asks = getattr(there, what, None), getattr(asked, what, None)
            # Where the default is float64 a net may come from where it was float32.
            if has != asks and (has, asks) != (np.float32, np.float64):
                raise InputError(
                    f"{path} is damaged: its tensor {name} has {what} {has}, its spec asks for {asks}: "
                    "save the net again"
                )
        if not np.isfinite(tensors[name]).all():
            raise InputError(f"{path} holds no net to use: its tensor {name} has NaN or infinite numbers")


def _template(spec: RunSpec) -> tuple[Params, NormState, Any]:
    """The shapes that a net of this spec has, as `_arrays` orders them; nothing is computed."""
    row = PREPROCESSINGS[spec.data.preprocessing]
    images = jax.ShapeDtypeStruct((1, spec.mlp.widths[0]), jnp.uint8 if row.images else jnp.float32)
    index = jax.ShapeDtypeStruct((1,), jnp.int32)
    hyper = Hyper(user=dict.fromkeys(spec.user_numbers, 1.0))
    drawn = jax.eval_shape(lambda: init_mlp(jax.random.key(0), spec.mlp, hyper))
    return *drawn, jax.eval_shape(row.fit, images, index)


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


def _read(given: str | Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """(description, tensors) of a file of ours."""
    check_path("the net's path", given)
    path = Path(given)
    if not path.is_file():
        raise InputError(f"{path} is no file: give one that save_net wrote")
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            metadata, tensors = file.metadata(), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, TypeError, safetensors.SafetensorError) as error:
        raise InputError(f"{path} is no readable safetensors file ({error}): give one that save_net wrote") from error
    check_seal(path)
    try:
        described = json.loads((metadata or {})[_ENTRY])
        version = described["version"]
    except (KeyError, TypeError, ValueError):
        raise InputError(f"{path} holds tensors, but no net of jaxmlp's: give a file that save_net wrote") from None
    if not isinstance(described.get("about"), dict):
        raise InputError(f"{path} is damaged: its description has no 'about', the writer's notes: save the net again")
    if version != FORMAT_VERSION:
        raise InputError(
            f"{path} has format version {version}, this jaxmlp reads {FORMAT_VERSION}: use the jaxmlp that wrote it"
        )
    return described, tensors
