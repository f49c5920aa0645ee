"""A study on a disk that fills up again and again; `test_full_disk` runs it in a process of its own.

    python -m tests.study.full_disk_trial FOLDER

A limit on the size of a file stands for the full disk: what is beyond it is not written, with an `OSError`.
"""

import resource
import sys
from pathlib import Path

import jax

from jaxmlp import data, study
from jaxmlp.files import is_temporary
from tests.study.small import assert_same_bits, make_spec, numbers, run

LIMITS = (0, 500, 3000, 5000, 5900, 6200, 6500, 7000, 9000, 12_000)
"""Bytes: from a manifest that cannot be begun to a table of rows that cannot be ended."""


def main(folder: Path) -> None:
    """Run into every limit, then make room; what is left behind and the rows are checked."""
    jax.config.update("jax_enable_compilation_cache", False)
    arm, digits = study.Arm("plain", make_spec()), data.load("digits")
    whole = run([arm], digits, seeds=6, lanes=2)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    stopped = 0
    for limit in LIMITS:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
        try:
            run([arm], digits, seeds=6, lanes=2, out=folder, resume=True, keep_params="best", checkpoint_minutes=0)
        except OSError:
            stopped += 1
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        left = [path for path in folder.rglob("*") if is_temporary(path)] if folder.exists() else []
        assert left == [], left
    assert stopped >= 5, f"only {stopped} sittings met the limit"
    again = run([arm], digits, seeds=6, lanes=2, out=folder, resume=True, keep_params="best")
    assert_same_bits(numbers(whole.rows, "plain", range(6)), numbers(again.rows, "plain", range(6)))
    print(f"{stopped} of {len(LIMITS)} sittings stopped, the rows are the same")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
