"""The picture of ten images: each with its prediction, the wrong ones marked with what they are."""

import matplotlib as mpl
import numpy as np
import pytest

from jaxmlp.errors import InputError
from jaxmlp.evidence import random_ten, ten_images_figure
from jaxmlp.evidence.images import WRONG
from jaxmlp.evidence.plotting import INK, svg_bytes

LABELS = np.array([7, 2, 1, 0, 4, 1, 4, 9, 5, 9])
PREDICTED = np.array([7, 2, 1, 0, 9, 1, 4, 9, 6, 9])


@pytest.mark.parametrize("side", [8, 28])
def test_every_image_stands_under_its_prediction(side):
    images = np.random.default_rng(0).integers(0, 256, (10, side * side)).astype(np.uint8)
    figure = ten_images_figure(images, LABELS, PREDICTED)
    titles = [ax.get_title(loc="left") for ax in figure.axes]
    assert titles == ["7", "2", "1", "0", "9, is 4", "1", "4", "9", "6, is 5", "9"]
    for ax, image, right in zip(figure.axes, images, LABELS == PREDICTED, strict=True):
        (drawn,) = ax.get_images()
        np.testing.assert_array_equal(drawn.get_array(), image.reshape(side, side))
        assert (drawn.norm.vmin, drawn.norm.vmax) == (0, 255)  # not each image's own range
        (title,) = [text for text in ax.findobj(mpl.text.Text) if text.get_text() == ax.get_title(loc="left") != ""]
        assert title.get_color() == (INK if right else WRONG)
    assert "8 of 10 right" in figure.get_suptitle()


def test_images_need_not_be_square_nor_bytes_and_classes_may_have_names():
    images = np.random.default_rng(0).normal(size=(10, 12)).astype(np.float32)
    names = tuple("abcdefghij")
    figure = ten_images_figure(images, LABELS, PREDICTED, image_shape=(3, 4), names=names)
    assert [ax.get_title(loc="left") for ax in figure.axes][3:5] == ["a", "j, is e"]
    for ax, image in zip(figure.axes, images, strict=True):
        (drawn,) = ax.get_images()
        np.testing.assert_array_equal(drawn.get_array(), image.reshape(3, 4))
        assert (drawn.norm.vmin, drawn.norm.vmax) == (images.min(), images.max())


def test_it_is_a_grid_of_two_rows_of_five_in_order():
    figure = ten_images_figure(np.zeros((10, 64), np.uint8), LABELS, PREDICTED)
    corners = np.array([ax.get_position().p0 for ax in figure.axes]).reshape(2, 5, 2)
    assert (np.diff(corners[:, :, 0], axis=1) > 0.1).all()  # left to right
    assert (corners[0, :, 1] > corners[1, :, 1] + 0.1).all()  # the first five above
    assert svg_bytes(figure, "ten") == svg_bytes(figure, "ten")


def test_ten_are_consecutive_inside_and_drawn_from_every_offset():
    drawn = [random_ten(13, seed) for seed in range(60)]
    assert {ten.start for ten in drawn} == {0, 1, 2, 3}
    assert {ten.stop - ten.start for ten in drawn} == {10}
    assert random_ten(13, 5) == random_ten(13, 5)
    assert random_ten(10, 0) == slice(0, 10)
    with pytest.raises(InputError, match="there are 9 test images: the picture needs 10"):
        random_ten(9, 0)
