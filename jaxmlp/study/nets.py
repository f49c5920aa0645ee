"""The trained nets of a study: in memory, or one file each in its folder."""

from dataclasses import dataclass, field
from pathlib import Path

from jaxmlp.errors import InputError
from jaxmlp.training import Net, load_net

NETS_FOLDER = "nets"


def net_file(folder: Path, run_id: str) -> Path:
    """Where a study's folder keeps a run's net."""
    return folder / NETS_FOLDER / f"{run_id}.safetensors"


@dataclass(frozen=True)
class Nets:
    """Nets by run id, as `keep_params` asked for them."""

    in_memory: dict[str, Net] = field(default_factory=dict)
    folder: Path | None = None
    """The study's, where it has one."""

    def __contains__(self, run_id: str) -> bool:
        """Whether the net of a run was kept."""
        return run_id in self.in_memory or (self.folder is not None and net_file(self.folder, run_id).is_file())

    def get(self, run_id: str) -> Net:
        """The net of a run.

        Raises:
            InputError: it was not kept.
        """
        if run_id in self.in_memory:
            return self.in_memory[run_id]
        if self.folder is None or run_id not in self:
            raise InputError(f"the net of run {run_id} was not kept: train with keep_params 'best' or 'last'")
        return load_net(net_file(self.folder, run_id))
