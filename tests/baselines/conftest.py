"""Real MNIST and a cache of one's own, as in the data room's tests."""

from tests.data.conftest import cache, mnist_dir

__all__ = ["cache", "mnist_dir"]
