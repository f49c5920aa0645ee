"""D4's demonstration beside a study's other figures: ten test images with the class a kept net predicts (S-102)."""

from pathlib import Path

import numpy as np

from jaxmlp.data import Dataset
from jaxmlp.evidence import random_ten, ten_images_figure
from jaxmlp.evidence.plotting import png_bytes, svg_bytes
from jaxmlp.files import write_whole
from jaxmlp.study import Results

DEMO = "ten_images"
CAPTION = (
    "Ten consecutive test images from a random offset, each under the class that the net of the first run predicts; "
    "a wrong one names the true class."
)


def draw_demo(results: Results, arm: str, dataset: Dataset, folder: Path) -> None:
    """Save the picture, as SVG and PNG, in `folder`: it needs the data, so it is drawn where the study was run.

    Raises:
        InputError: the arm's nets were not kept, or fewer than ten test images.
    """
    run = results.select(arm=arm).rows.iloc[0]
    net = results.nets.get(run["run_id"])
    ten = random_ten(len(dataset.test_targets), int(run["seed"]))
    images, labels = np.asarray(dataset.test_inputs[ten]), np.asarray(dataset.test_targets[ten])
    figure = ten_images_figure(images, labels, np.asarray(net.predict(images)))
    folder.mkdir(exist_ok=True)
    for suffix, content in (("svg", svg_bytes(figure, DEMO)), ("png", png_bytes(figure))):
        write_whole(folder / f"{DEMO}.{suffix}", lambda temporary, content=content: temporary.write_bytes(content))


def shown_demo(folder: Path) -> list[tuple[str, bytes]]:
    """(caption, content of the file) of the picture, for the report; nothing where none was drawn."""
    path = folder / f"{DEMO}.svg"
    return [(CAPTION, path.read_bytes())] if path.is_file() else []
