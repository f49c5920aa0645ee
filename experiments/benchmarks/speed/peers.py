"""Who trains: by name, what they are called, what they can train, and where their code is."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass

from experiments.benchmarks.speed.task import Task, Train


def among(workloads: str, key: str) -> bool:
    """Whether `workloads`, "all" or keys by a space, have this one."""
    return workloads == "all" or key in workloads.split()


@dataclass(frozen=True)
class Peer:
    """A way to train a workload."""

    title: str
    module: str
    function: str
    packages: tuple[str, ...]
    """What must be installed."""
    ensembles: bool = False
    """Whether it trains many runs at once; others train them one after another, at the rate of one."""
    one_run: bool = True
    workloads: str = "all"
    """Keys of those that it can train, by a space."""

    def trains(self, key: str, runs: int) -> bool:
        """Whether this many runs of a workload are measured."""
        return among(self.workloads, key) and (self.one_run if runs == 1 else self.ensembles)

    @property
    def factory(self) -> Callable[[Task], Train]:
        """Its code, and with it the library, imported."""
        return getattr(importlib.import_module(f"experiments.benchmarks.speed.{self.module}"), self.function)


OURS, FLOOR, GRID_KEY = "jaxmlp", "floor", "g"


@dataclass(frozen=True)
class Variant:
    """A way to train by ours."""

    title: str
    changes: dict[str, str]
    """Fields of the `RunSpec`, to what they are changed."""
    workloads: str = "all"
    """As a peer's."""


VARIANTS = {
    OURS: Variant("jaxmlp", {}),
    "jaxmlp_bfloat16": Variant("jaxmlp, bfloat16", {"precision": "bfloat16"}, "d e f"),
    "jaxmlp_autodiff": Variant("jaxmlp, autodiff rules", {"backward": "autodiff"}, "d f"),
}
PEERS = {
    "torch_loader": Peer("PyTorch eager, DataLoader", "torch_peers", "loader", ("torch",)),
    "torch_resident": Peer("PyTorch eager, resident data", "torch_peers", "resident", ("torch",)),
    "torch_fused": Peer("PyTorch eager, fused optimizer", "torch_peers", "fused", ("torch",)),
    "torch_compile": Peer("torch.compile", "torch_peers", "compiled", ("torch",)),
    "torch_vmap": Peer("torch.func vmap", "torch_peers", "vmapped", ("torch",), ensembles=True, one_run=False),
    "nnx_jit": Peer("flax.nnx, jit step", "jax_peers", "nnx_jit", ("flax", "equinox")),
    "nnx_vmap": Peer(
        "flax.nnx, vmap ensemble", "jax_peers", "nnx_vmap", ("flax", "equinox"), ensembles=True, one_run=False
    ),
    "equinox": Peer("Equinox", "jax_peers", "equinox", ("equinox",), ensembles=True),
    "keras": Peer("Keras 3 on JAX", "keras_peer", "keras_fit", ("keras",)),
    "sklearn": Peer("scikit-learn", "sklearn_peer", "sklearn_fit", ("sklearn",), workloads="b c"),
    "numpy": Peer("NumPy loop", "numpy_peer", "loop", ("numpy",), workloads="a b c d"),
}
