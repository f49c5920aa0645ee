"""What lies on disk and was damaged: data files, nets, studies. Each is refused in a line, or says what it said."""

import shutil
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import pandas as pd
import safetensors.numpy

from experiments.benchmarks.faults.trying import Fuzzer, Numbers, Try, changed_json, damaged, one_of
from jaxmlp import data, nn, study, training
from jaxmlp.data import check_dataset
from jaxmlp.files import SEAL
from jaxmlp.study.arms import make_run
from jaxmlp.study.store import Store

# Data files: damage may make other numbers of a CSV, which nobody can know. What is read must be fit to train on.


def _data_files(folder: Path) -> list[Path]:
    numbers = np.random.default_rng(0)
    inputs, labels = numbers.random((30, 3)).astype(np.float32), np.arange(30) % 3
    frame = pd.DataFrame(inputs, columns=list("abc")).assign(kind=labels)
    frame.to_csv(folder / "table.csv", index=False)
    frame.to_parquet(folder / "table.parquet")
    np.savez(folder / "arrays.npz", x_train=inputs, y_train=labels)
    np.save(folder / "array.npy", inputs)
    images = numbers.integers(0, 256, (20, 5, 4), dtype=np.uint8)
    (folder / "images").mkdir()
    for part, count in (("train", 20), ("t10k", 20)):
        head = bytes([0, 0, 8, 3, *(byte for size in (count, 5, 4) for byte in size.to_bytes(4, "big"))])
        (folder / "images" / f"{part}-images-idx3-ubyte").write_bytes(head + images.tobytes())
        head = bytes([0, 0, 8, 1, *count.to_bytes(4, "big")])
        (folder / "images" / f"{part}-labels-idx1-ubyte").write_bytes(head + (labels[:20]).astype(np.uint8).tobytes())
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _draw_data(numbers: Numbers, files: list[Path]) -> Try:
    path = one_of(numbers, files)
    whole = path.read_bytes()
    how, content = damaged(numbers, whole)

    def act() -> Any:
        path.write_bytes(content)
        try:
            asked = {} if path.suffix not in (".csv", ".parquet") else {"target": "kind"}
            return data.load(path.parent if path.parent.name == "images" else path, **asked)
        finally:
            path.write_bytes(whole)

    return Try(f"{path.name}: {how}", act, _fit_to_train)


def _fit_to_train(loaded: Any) -> str:
    check_dataset(loaded)
    return ""


DATA_FILES = Fuzzer("data files", _data_files, _draw_data)

# Nets.


class _Saved(NamedTuple):
    path: Path
    whole: bytes
    net: training.Net


def _net(folder: Path) -> _Saved:
    spec = training.RunSpec(
        nn.MLPSpec((4, 3, 2), norm="batch_norm"), data=training.DataSpec(preprocessing="standardize")
    )
    hyper = training.Hyper()
    images = jax.numpy.asarray(np.arange(32, dtype=np.uint8).reshape(8, 4))
    fitted = data.PREPROCESSINGS["standardize"].fit(images, jax.numpy.arange(8))
    net = training.Net(*nn.init_mlp(jax.random.key(0), spec.mlp, hyper), fitted, hyper, spec)
    path = folder / "net.safetensors"
    training.save_net(path, net, {"dataset": "digits"})
    return _Saved(path, path.read_bytes(), net)


def _draw_net(numbers: Numbers, saved: _Saved) -> Try:
    how, content = damaged(numbers, saved.whole) if numbers.random() < 0.6 else _rewritten(numbers, saved)

    def act() -> Any:
        saved.path.write_bytes(content)
        return training.load_net(saved.path)

    rewritten = how.startswith("rewritten")
    return Try(how, act, lambda net: "" if rewritten else _same_net(saved.net, net))


def _rewritten(numbers: Numbers, saved: _Saved) -> tuple[str, bytes]:
    """Another whole file of tensors: of another type or shape, not finite, one more or less, or with other words."""
    saved.path.write_bytes(saved.whole)
    with safetensors.safe_open(saved.path, framework="numpy") as file:
        tensors, words = {name: file.get_tensor(name) for name in file.keys()}, dict(file.metadata())  # noqa: SIM118
    name = one_of(numbers, sorted(tensors))
    kind = one_of(numbers, ("type", "shape", "not finite", "gone", "more", "words", "words", "words"))
    tensor = tensors[name]
    if kind == "type":
        tensors[name] = tensor.astype(one_of(numbers, (np.float64, np.float16, np.int32, np.uint8)))
    elif kind == "shape":
        tensors[name] = tensor.reshape(-1, 1) if tensor.ndim < 2 else tensor.T.copy()[:-1]
    elif kind == "not finite":
        tensors[name] = np.full_like(tensor, one_of(numbers, (np.nan, np.inf)))
    elif kind == "gone":
        del tensors[name]
    elif kind == "more":
        tensors["more"] = tensor
    else:
        kind, words["jaxmlp"] = changed_json(numbers, words["jaxmlp"])
    words["jaxmlp"] = words["jaxmlp"].replace(SEAL, "")  # as one who writes such files himself would
    return f"rewritten: {name} {kind}", safetensors.numpy.save(tensors, metadata=words)


def _same_net(known: training.Net, net: Any) -> str:
    leaves = zip(jax.tree.leaves(known), jax.tree.leaves(net), strict=True)
    same = net.spec == known.spec and all(np.array_equal(np.asarray(a), np.asarray(b)) for a, b in leaves)
    return "" if same else "it loads with other numbers"


NETS = Fuzzer("damaged nets", _net, _draw_net)

# Study folders, of a study that is finished and of one that is not.


class _Studied(NamedTuple):
    whole: Path
    work: Path
    asked: dict[str, tuple[str, ...]]
    rows: pd.DataFrame
    nets: list[training.Net]


def _folder(folder: Path) -> _Studied:
    spec = training.RunSpec(
        nn.MLPSpec((64, 3, 10)),
        data=training.DataSpec(train_size=100),
        evaluation=training.EvalSpec(log_every=1),
        epochs=1,
    )
    arm, digits, whole = study.Arm("a", spec), data.load("digits"), folder / "whole"
    results = study.run([arm], digits, seeds=2, out=whole, keep_params="best")
    asked = {make_run(arm, seed, digits.digest).run_id: ("epochs", "steps") for seed in range(2)}
    return _Studied(whole, folder / "work", asked, results.rows, [results.nets.get(run_id) for run_id in asked])


def _draw_folder(numbers: Numbers, studied: _Studied) -> Try:
    files = sorted(path.relative_to(studied.whole) for path in studied.whole.rglob("*") if path.is_file())
    name = one_of(numbers, files)
    how, content = damaged(numbers, (studied.whole / name).read_bytes())
    if name.suffix == ".json" and numbers.random() < 0.3:
        how, text = changed_json(numbers, (studied.whole / name).read_text(encoding="utf-8"))
        content = text.encode()
    gone = numbers.random() < 0.1

    def act() -> Any:
        shutil.rmtree(studied.work, ignore_errors=True)
        shutil.copytree(studied.whole, studied.work)
        if gone:
            (studied.work / name).unlink()
        else:
            (studied.work / name).write_bytes(content)
        store = Store(studied.work, resume=True, asked=studied.asked)
        try:
            loaded = study.Results.load(studied.work)
            nets = [loaded.nets.get(run_id) for run_id in studied.asked] if name.parts[0] == "nets" else []
            return store.finished, loaded, nets
        finally:
            store.close()

    return Try(f"{name}: {'removed' if gone else how}", act, lambda found: _same_rows(studied, *found))


def _same_rows(studied: _Studied, finished: frozenset[str], loaded: Any, nets: list[Any]) -> str:
    if finished and not loaded.rows.equals(studied.rows):
        return "other rows, said to be finished"
    return next(filter(None, map(_same_net, studied.nets, nets)), "")


FOLDERS = Fuzzer("study folders", _folder, _draw_folder)
