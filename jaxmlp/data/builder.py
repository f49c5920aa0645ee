"""Downloading the MNIST family with tensorflow-datasets, without TensorFlow.

The builders that tensorflow-datasets brings for these sets need TensorFlow (PNG encoding, gzip extraction). This
one takes the parts that do not: the download manager with the checksums registered for these addresses, a `Tensor`
feature, and array_record files. Python's own gzip decompresses. Import this module only where a download is
wanted: it is the one place that pulls in tensorflow-datasets.
"""

import contextlib
import http.client
import importlib.util
import io
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from tensorflow_datasets.core.download import checksums
from tensorflow_datasets.core.download.download_manager import NonMatchingChecksumError

from jaxmlp.data.idx import IDX_FILES, IMAGE_SHAPE, NUM_CLASSES, Arrays, read_part
from jaxmlp.errors import InputError

_READ_CHUNK = 1000
_TIMEOUT_SECONDS = 10
_ADVICE = "give a folder of IDX files with --data-dir instead"


class _LocalInfo(tfds.core.DatasetInfo):
    """Description of a set that no remote bucket knows: asking one would only leave an empty temporary folder."""

    def initialize_from_bucket(self) -> None:
        pass


class IdxImages(tfds.core.GeneratorBasedBuilder):
    """Builder for any set that comes as the four IDX files of `IDX_FILES` (.gz) under one address."""

    VERSION = tfds.core.Version("1.0.0")

    def __init__(self, *, base_url: str, data_dir: Path):
        self.base_url = base_url
        super().__init__(data_dir=data_dir)

    def _info(self) -> tfds.core.DatasetInfo:
        features = tfds.features.FeaturesDict(
            {
                "image": tfds.features.Tensor(shape=IMAGE_SHAPE, dtype=np.uint8),
                "label": tfds.features.ClassLabel(num_classes=NUM_CLASSES),
            }
        )
        # The order of the files matters: S-008 validates on the last tenth.
        return _LocalInfo(builder=self, features=features, disable_shuffling=True)

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Iterator]:
        # One after the other, so that no other download still writes after one has failed.
        paths = {field: Path(dl_manager.download(f"{self.base_url}{name}.gz")) for field, name in IDX_FILES.items()}
        return {
            part: self._generate_examples(paths[f"{part}_images"], paths[f"{part}_labels"])
            for part in ("train", "test")
        }

    def _generate_examples(self, images_path: Path, labels_path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
        images, labels = read_part(images_path, labels_path)
        for i, (image, label) in enumerate(zip(images, labels, strict=True)):
            yield i, {"image": image, "label": int(label)}


def download(name: str, base_url: str) -> Arrays:
    """Download, verify and decode one set; nothing stays on disk, the caller caches the arrays.

    Args:
        name: the set's name, for messages.
        base_url: address that `IDX_FILES` are appended to; checksums must be registered for it.

    Returns:
        The arrays of `Dataset`, images flattened to [N, 784].

    Raises:
        InputError: no array_record on this platform, no network, or a file whose checksum is not the registered one.
    """
    if importlib.util.find_spec("array_record") is None:
        raise InputError(f"cannot download {name}: array_record is not installed (it ships for Linux only): {_ADVICE}")
    _check_registered(base_url)
    try:
        _check_reachable(base_url)
        with tempfile.TemporaryDirectory(prefix="jaxmlp-") as folder:
            return _prepare_and_read(Path(folder), base_url)
    except NonMatchingChecksumError as error:
        url = str(error).split(",", 1)[0].removeprefix("Artifact ")
        raise InputError(f"cannot use {url}: its checksum is not the registered one: {_ADVICE}") from error
    except (OSError, http.client.HTTPException, tfds.download.DownloadError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"cannot download {name} from {base_url} ({reason}): {_ADVICE}") from error


def _check_registered(base_url: str) -> None:
    """A file is only as trustworthy as its registered checksum: without one, nothing is downloaded."""
    for name in IDX_FILES.values():
        url = f"{base_url}{name}.gz"
        if url not in checksums.get_all_url_infos():
            raise InputError(f"tensorflow-datasets {tfds.__version__} has no checksum for {url}: {_ADVICE}")


def _check_reachable(base_url: str) -> None:
    """Fail within seconds where no network or no file is: the download manager would retry for minutes."""
    try:
        urllib.request.urlopen(f"{base_url}{IDX_FILES['test_labels']}.gz", timeout=_TIMEOUT_SECONDS).close()
    except urllib.error.HTTPError as error:
        error.close()  # it is the open answer, too
        raise


def _prepare_and_read(folder: Path, base_url: str) -> Arrays:
    if not sys.stderr.isatty():
        tfds.disable_progress_bar()
    builder = IdxImages(base_url=base_url, data_dir=folder)
    config = tfds.download.DownloadConfig(force_checksums_validation=True, try_download_gcs=False)
    # It prints where it prepared the set, which is this temporary folder: of no use to a reader.
    with contextlib.redirect_stdout(io.StringIO()):
        builder.download_and_prepare(
            download_dir=folder / "downloads", download_config=config, file_format="array_record"
        )
    sources: Any = builder.as_data_source()
    arrays: Arrays = {}
    for part in ("train", "test"):
        images, labels = _read(sources[part])
        arrays |= {f"{part}_images": images, f"{part}_labels": labels}
    return arrays


def _read(source: Any) -> tuple[np.ndarray, np.ndarray]:
    """All examples of one part, in the order of the file: images uint8 [N, 784], labels int32 [N]."""
    images = np.empty((len(source), int(np.prod(IMAGE_SHAPE))), np.uint8)
    labels = np.empty(len(source), np.int32)
    for start in range(0, len(source), _READ_CHUNK):
        rows = range(start, min(start + _READ_CHUNK, len(source)))
        for i, example in zip(rows, source.__getitems__(rows), strict=True):
            images[i], labels[i] = example["image"].reshape(-1), example["label"]
    return images, labels
