"""Some of the trials, in a process that has not used JAX: `python -m tests.fuzz.some_trials CACHE FOLDER NAME`."""

import json
import sys
from dataclasses import asdict
from pathlib import Path

from experiments.benchmarks.faults.jobs import PUBLISH, REPORT, STUDY, Undertaking, listing
from experiments.benchmarks.faults.shortages import ALONE, full_disk, no_device_memory, no_host_memory
from experiments.benchmarks.faults.trials import count_deaths, count_races, count_shortages, prepare_trials


def carelessly(out):
    """Half, then the other half, under the file's own name; what is there already is left as it is."""
    path = out / "file"
    if not path.exists():
        path.write_text("half")
        (out / "folder").mkdir()
        path.write_text("half and half")


def read(out):
    return {name: (out / name).is_dir() or (out / name).read_text() for name in listing(out)}


CARELESS = Undertaking("careless", Path.mkdir, carelessly, read)
TRIALS = {
    "careless": lambda folder: count_deaths(CARELESS, folder),
    "careless on a full disk": lambda folder: count_shortages("full disk", CARELESS, folder, full_disk, places=3),
    "death in a study": lambda folder: count_deaths(STUDY, folder, first=9, every=26),
    "death in a report": lambda folder: count_deaths(REPORT, folder, first=3, every=9),
    "death in a publishing": lambda folder: count_deaths(PUBLISH, folder, first=5, every=9),
    "races": lambda folder: count_races(folder, races=3),
    "full disk": lambda folder: count_shortages("full disk", STUDY, folder, full_disk, places=5),
    "no memory": lambda folder: count_shortages("no memory", ALONE, folder, no_host_memory, places=4),
    "no device memory": lambda folder: count_shortages("no memory", ALONE, folder, no_device_memory, places=4),
}

if __name__ == "__main__":
    prepare_trials(Path(sys.argv[1]))
    print(json.dumps(asdict(TRIALS[sys.argv[3]](Path(sys.argv[2])))))
