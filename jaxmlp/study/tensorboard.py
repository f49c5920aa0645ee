"""A study's metrics for TensorBoard, as they come: one curve per arm and seed."""

from pathlib import Path

import jax
import numpy as np

from jaxmlp.errors import InputError
from jaxmlp.study.workers import Report
from jaxmlp.training import metrics_of


def check_tensorboard() -> None:
    """Raise `InputError` unless the extra `tensorboard` is installed."""
    try:
        import tensorboardX  # pyright: ignore[reportMissingImports] (an extra)  # noqa: F401
    except ImportError:
        raise InputError("--log-dir needs tensorboardX: pip install -e .[tensorboard]") from None


class ScalarLog:
    """Writes what workers report to a folder that `tensorboard --logdir` reads; see `check_tensorboard`."""

    def __init__(self, folder: Path) -> None:
        from tensorboardX import SummaryWriter  # pyright: ignore[reportMissingImports] (an extra)

        # Processes that begin in one second on one host would share a file.
        self._writer = SummaryWriter(str(folder), filename_suffix=f".{jax.process_index()}")
        self._next: dict[str, int] = {}

    def add(self, report: Report) -> None:
        """The epochs that a block has ended since its last report; where a metric has no finite number, nothing."""
        for lane, run in enumerate(report.job.block):
            for epoch in range(self._next.get(run.run_id, 0), report.epoch + 1):
                for metric in metrics_of(run.arm.spec):
                    value = float(report.history[metric][lane, epoch])
                    if report.measured[metric][lane, epoch] and np.isfinite(value):
                        self._writer.add_scalar(f"{metric}/{run.arm.name}/seed_{run.seed}", value, epoch)
            self._next[run.run_id] = report.epoch + 1
        self._writer.flush()

    def close(self) -> None:
        """Write what is still in memory."""
        self._writer.close()
