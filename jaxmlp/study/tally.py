"""From what the workers report to what a display shows."""

import time
from collections.abc import Sequence

import numpy as np

from jaxmlp.study.memory import resident_bytes
from jaxmlp.study.progress import Status
from jaxmlp.study.workers import Job, Report
from jaxmlp.training import score_column


class Tally:
    """How far all blocks of a call are together."""

    def __init__(self, done: int, jobs: Sequence[Job]) -> None:
        """Before the call, `done` runs are finished, of whatever arms the folder has."""
        self._total, self._done = done + sum(job.rows for job in jobs), done
        self._shares = {job.block[0].run_id: job.share_done for job in jobs}
        self._seconds_total = sum((1.0 - job.share_done) * job.seconds for job in jobs)
        self._seconds = 0.0
        self._run_epochs = 0.0
        self._begin = time.monotonic()

    def status(self, report: Report) -> Status:
        """The state after one more report."""
        job = report.job
        spec, block = job.work.group.spec, job.block
        key = block[0].run_id
        before, self._shares[key] = self._shares[key], report.share
        self._seconds += (report.share - before) * job.seconds
        self._run_epochs += (report.share - before) * job.epochs * len(block)
        self._done += job.rows * (report.share == 1.0)
        column = score_column("train" if spec.data.split == "none" else "val", spec)
        # A run that stopped early shows the last score it had.
        shown = slice(len(block)), slice(report.epoch + 1)
        lanes = zip(report.history[column][shown], report.measured[column][shown], strict=True)
        scores = [numbers[there][-1] for numbers, there in lanes]
        return Status(
            seconds=time.monotonic() - self._begin,
            seconds_done=self._seconds,
            seconds_total=self._seconds_total,
            runs_done=self._done,
            runs=self._total,
            run_epochs=self._run_epochs,
            epoch=report.epoch,
            epochs=spec.epochs,
            arms=tuple(dict.fromkeys(run.arm.name for run in block)),
            best=float(np.max(scores)),
            median=float(np.median(scores)),
            memory_bytes=resident_bytes(),
            numbers=spec.loss.task == "numbers",
        )
