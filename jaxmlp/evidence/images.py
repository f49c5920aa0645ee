"""D4's picture of a net at work: ten consecutive test images and the class it predicts for each (S-102, E-072)."""

import math

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from jaxmlp.errors import InputError
from jaxmlp.evidence import plotting

NUM_IMAGES = 10
WRONG = plotting.COLOURS[1]


def random_ten(num_images: int, seed: int) -> slice:
    """Ten consecutive images from an offset drawn with `seed`.

    Raises:
        InputError: fewer than ten images.

    >>> ten = random_ten(100, seed=0)
    >>> ten.stop - ten.start, ten == random_ten(100, seed=0)
    (10, True)
    """
    if num_images < NUM_IMAGES:
        raise InputError(f"there are {num_images} test images: the picture needs {NUM_IMAGES}")
    first = int(np.random.default_rng(seed).integers(num_images - NUM_IMAGES + 1))
    return slice(first, first + NUM_IMAGES)


def ten_images_figure(
    images: np.ndarray,
    labels: np.ndarray,
    predicted: np.ndarray,
    *,
    image_shape: tuple[int, ...] = (),
    names: tuple[str, ...] = (),
) -> Figure:
    """Two rows of five images, each under its predicted class; a wrong one names the true class, in its own colour.

    Args:
        images: [10, I], rows flattened, uint8, or floats of any range; bright on dark is drawn dark on paper.
        labels: [10] integers, the true classes.
        predicted: [10] integers.
        image_shape: (height, width); default square.
        names: of the classes; default their numbers.

    >>> images, labels = np.zeros((10, 16), np.uint8), np.arange(10)
    >>> figure = ten_images_figure(images, labels, predicted=np.zeros(10, int))
    >>> len(figure.axes)
    10
    """
    shape = image_shape or (math.isqrt(images.shape[1]),) * 2
    low, high = (0, 255) if images.dtype == np.uint8 else (images.min(), images.max())
    right = int(np.sum(labels == predicted))
    with mpl.rc_context(plotting.STYLE):
        figure = Figure(figsize=(6.0, 3.2))
        figure.subplots_adjust(left=0.03, right=0.97, top=0.82, bottom=0.02, wspace=0.12, hspace=0.25)
        for ax, image, label, guess in zip(figure.subplots(2, 5).flat, images, labels, predicted, strict=True):
            ax.imshow(image.reshape(shape), cmap="gray_r", vmin=low, vmax=high, interpolation="none")
            ax.set(xticks=[], yticks=[])
            ax.spines[["top", "right"]].set_visible(True)
            told, true = (names[k] if names else str(k) for k in (guess, label))
            if guess == label:
                ax.set_title(told)
            else:
                ax.set_title(f"{told}, is {true}", color=WRONG, fontweight="bold")
                ax.spines[:].set(color=WRONG, linewidth=1.6)
        plotting.set_heading(figure, f"predicted class · {right} of {NUM_IMAGES} right", left=0.03)
    return figure


def templates_figure(weight: np.ndarray, image_shape: tuple[int, int], names: tuple[str, ...] = ()) -> Figure:
    """What each unit looks for: the rows of a first layer's weight as pictures (S-105, C-405, C-432).

    Red is where a bright pixel raises the unit's output, blue where it lowers it; every picture has its own scale, 0 is
    white in all.

    Args:
        weight: [O, I], of images of I pixels.
        image_shape: (height, width).
        names: of the units, such as the classes of a linear classifier; default their numbers.

    Raises:
        InputError: an image shape of other than I pixels.

    >>> len(templates_figure(np.eye(3, 4), (2, 2), ("a", "b", "c")).axes)  # one picture a unit
    3
    """
    if math.prod(image_shape) != weight.shape[1]:
        raise InputError(f"image shape {image_shape} for weights of {weight.shape[1]} inputs: give height and width")
    across = min(10, len(weight))
    down = -(-len(weight) // across)
    with mpl.rc_context(plotting.STYLE):
        figure = Figure(figsize=(0.4 + 0.9 * across, 0.5 + 1.1 * down))
        figure.subplots_adjust(left=0.03, right=0.97, top=1 - 0.55 / figure.get_figheight(), bottom=0.02, hspace=0.3)
        panels = list(figure.subplots(down, across, squeeze=False).flat)
        for unit, (ax, row) in enumerate(zip(panels, weight, strict=False)):
            size = float(np.abs(row).max()) or 1.0
            ax.imshow(row.reshape(image_shape), cmap="RdBu_r", vmin=-size, vmax=size, interpolation="none")
            ax.set_title(names[unit] if names else str(unit), fontsize=8)
            ax.set(xticks=[], yticks=[])
        for ax in panels[len(weight) :]:
            ax.set_visible(False)
        plotting.set_heading(figure, f"templates of {len(weight)} units", left=0.03)
    return figure
