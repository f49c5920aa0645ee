"""Downloading the MNIST family with tensorflow-datasets, without TensorFlow.

The builders that tensorflow-datasets brings for these sets need TensorFlow (PNG encoding, gzip extraction). This
one takes the parts that do not: the checksums registered for these addresses, a `Tensor` feature, and array_record
files. Python fetches, since the download manager waits for ever where a server stops answering, and decompresses.
Import this module only where a download is wanted: it pulls in tensorflow-datasets.
"""

import contextlib
import hashlib
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

from jaxmlp.data.idx import ADVICE, IDX_FILES, IMAGE_SHAPE, NUM_CLASSES, Arrays, read_family_part
from jaxmlp.errors import InputError

_READ_CHUNK = 1000
_FETCH_BYTES = 1 << 20
_TIMEOUT_SECONDS = 10
"""So long a server may send nothing."""


class _LocalInfo(tfds.core.DatasetInfo):
    """Description of a set that no remote bucket knows: asking one would only leave an empty temporary folder."""

    def initialize_from_bucket(self) -> None:
        pass


class IdxImages(tfds.core.GeneratorBasedBuilder):
    """Builder for any set that comes as the four IDX files of `IDX_FILES` (.gz), which lie in `folder`."""

    VERSION = tfds.core.Version("1.0.0")

    def __init__(self, *, folder: Path, data_dir: Path):
        self.folder = folder
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
        paths = {field: self.folder / f"{name}.gz" for field, name in IDX_FILES.items()}
        return {
            part: self._generate_examples(paths[f"{part}_inputs"], paths[f"{part}_targets"])
            for part in ("train", "test")
        }

    def _generate_examples(self, images_path: Path, labels_path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
        images, labels = read_family_part(images_path, labels_path)
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
        raise InputError(f"cannot download {name}: array_record is not installed (it ships for Linux only): {ADVICE}")
    _check_registered(base_url)
    try:
        with tempfile.TemporaryDirectory(prefix="jaxmlp-") as folder:
            for file in IDX_FILES.values():
                _fetch(f"{base_url}{file}.gz", Path(folder))
            return _prepare_and_read(Path(folder))
    except (OSError, http.client.HTTPException) as error:
        if isinstance(error, urllib.error.HTTPError):
            error.close()  # it is the open answer, too
        reason = " ".join(str(error).split())
        raise InputError(f"cannot download {name} from {base_url} ({reason}): {ADVICE}") from error


def _check_registered(base_url: str) -> None:
    """A file is only as trustworthy as its registered checksum: without one, nothing is downloaded."""
    for name in IDX_FILES.values():
        url = f"{base_url}{name}.gz"
        if url not in checksums.get_all_url_infos():
            raise InputError(f"tensorflow-datasets {tfds.__version__} has no checksum for {url}: {ADVICE}")


def _fetch(url: str, folder: Path) -> None:
    """Put one file into a folder; a server that sends nothing for some seconds ends it, and so does another checksum.

    Raises:
        OSError, HTTPException: no network, no such file, or a server that stops.
        InputError: not what the registered checksum says.
    """
    registered = checksums.get_all_url_infos()[url]
    digest, left = hashlib.sha256(), int(registered.size)
    with (
        urllib.request.urlopen(url, timeout=_TIMEOUT_SECONDS) as answer,
        (folder / url.rpartition("/")[2]).open("wb") as file,
    ):
        while left >= 0 and (content := answer.read(_FETCH_BYTES)):
            left -= len(content)
            digest.update(content)
            file.write(content)
    if left or digest.hexdigest() != registered.checksum:
        raise InputError(f"cannot use {url}: its checksum is not the registered one: {ADVICE}")


def _prepare_and_read(folder: Path) -> Arrays:
    if not sys.stderr.isatty():
        tfds.disable_progress_bar()
    builder = IdxImages(folder=folder, data_dir=folder)
    config = tfds.download.DownloadConfig(try_download_gcs=False)
    # It prints where it prepared the set, which is this temporary folder: of no use to a reader.
    with contextlib.redirect_stdout(io.StringIO()):
        builder.download_and_prepare(
            download_dir=folder / "downloads", download_config=config, file_format="array_record"
        )
    sources: Any = builder.as_data_source()
    arrays: Arrays = {}
    for part in ("train", "test"):
        images, labels = _read(sources[part])
        arrays |= {f"{part}_inputs": images, f"{part}_targets": labels}
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
