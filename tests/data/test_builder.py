"""The download path against a server on this machine, with checksums registered for each test."""

import gzip
import importlib.util
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from jaxmlp.data import load
from jaxmlp.data.loading import DOWNLOADS
from jaxmlp.errors import InputError
from tests.data.idx_files import NAMES, idx_bytes, random_set, write_set

needs_array_record = pytest.mark.skipif(
    importlib.util.find_spec("array_record") is None, reason="array_record ships for Linux only"
)
CHECKSUMS = "tensorflow_datasets.core.download.checksums.get_all_url_infos"


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


class Unavailable(QuietHandler):
    def do_GET(self) -> None:
        self.send_error(503)


class NotHttp(QuietHandler):
    def do_GET(self) -> None:
        self.wfile.write(b"220 not a web server\r\n")
        self.close_connection = True


class Silent(QuietHandler):
    def do_GET(self) -> None:
        time.sleep(1)


class Stalls(QuietHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"the beginning")
        self.wfile.flush()
        time.sleep(2)


class BreaksOff(QuietHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"too little")


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files go: looked at after failures."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def site(
    request: pytest.FixtureRequest, tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[str, Path]]:
    """Address and folder of a server that stands in for the one of kmnist; a test may give it another handler."""
    folder = tmp_path / "site"
    folder.mkdir()
    handler = getattr(request, "param", QuietHandler)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    address = f"http://127.0.0.1:{server.server_port}/"
    monkeypatch.setitem(DOWNLOADS, "kmnist", address)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield address, folder
    server.shutdown()
    thread.join()
    server.server_close()


def register(address: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Register the checksums of the files as they are now."""
    from tensorflow_datasets.core.download import checksums

    infos = {f"{address}{name}.gz": checksums.compute_url_info(folder / f"{name}.gz") for name in NAMES}
    monkeypatch.setattr(CHECKSUMS, lambda: infos)


def refused(*parts: str) -> None:
    """`load` raises one line that contains the parts and the way out."""
    with pytest.raises(InputError) as error:
        load("kmnist")
    message = str(error.value)
    assert "\n" not in message
    assert all(part in message for part in (*parts, "--data-dir")), message


@needs_array_record
def test_a_download_equals_the_files_it_came_from(site, monkeypatch: pytest.MonkeyPatch, temporary: Path, tmp_path):
    address, folder = site
    # More examples than one read takes, so that the order across reads is seen too.
    values = random_set(num_train=1203, num_test=40)
    register(address, write_set(folder, values), monkeypatch)
    dataset = load("kmnist")
    np.testing.assert_array_equal(dataset.train_inputs, values[NAMES[0]].reshape(1203, 784))
    np.testing.assert_array_equal(dataset.train_targets, values[NAMES[1]])
    np.testing.assert_array_equal(dataset.test_inputs, values[NAMES[2]].reshape(40, 784))
    np.testing.assert_array_equal(dataset.test_targets, values[NAMES[3]])
    assert dataset.digest == load("kmnist", data_dir=folder).digest
    assert "tensorflow" not in sys.modules
    assert list(temporary.iterdir()) == []


@needs_array_record
def test_a_second_load_needs_no_server(site, monkeypatch: pytest.MonkeyPatch):
    address, folder = site
    register(address, write_set(folder, random_set()), monkeypatch)
    first = load("kmnist")
    for path in folder.iterdir():
        path.unlink()
    assert load("kmnist").digest == first.digest


@needs_array_record
@pytest.mark.parametrize("name", NAMES)
def test_a_wrong_checksum_is_refused_and_nothing_is_kept(
    site, name: str, monkeypatch: pytest.MonkeyPatch, temporary: Path, cache: Path
):
    address, folder = site
    register(address, write_set(folder, random_set()), monkeypatch)
    write_set(folder, {name: random_set(seed=9)[name]})
    refused(f"{address}{name}.gz", "checksum")
    assert not cache.exists()
    assert list(temporary.iterdir()) == []


@needs_array_record
def test_a_file_without_registered_checksum_is_not_fetched(site, monkeypatch: pytest.MonkeyPatch, cache: Path):
    address, folder = site
    write_set(folder, random_set())
    monkeypatch.setattr(CHECKSUMS, dict)
    refused(f"{address}{NAMES[0]}.gz", "no checksum")
    assert not cache.exists()


@needs_array_record
@pytest.mark.parametrize("name", [NAMES[0], NAMES[3]])
def test_a_missing_file_is_named_with_its_status(site, name: str, monkeypatch: pytest.MonkeyPatch, cache: Path):
    address, folder = site
    register(address, write_set(folder, random_set()), monkeypatch)
    (folder / f"{name}.gz").unlink()
    refused(address, "404")
    assert not cache.exists()


@needs_array_record
def test_files_with_right_checksums_must_still_be_idx(
    site, monkeypatch: pytest.MonkeyPatch, cache: Path, temporary: Path
):
    address, folder = site
    write_set(folder, random_set())
    (folder / f"{NAMES[1]}.gz").write_bytes(gzip.compress(idx_bytes(np.zeros(5))))
    register(address, folder, monkeypatch)
    with pytest.raises(InputError, match=r"\A.*30 images but .* 5 labels.*\Z"):
        load("kmnist")
    assert not cache.exists()
    assert list(temporary.iterdir()) == []


@needs_array_record
def test_no_network_fails_within_seconds(site, monkeypatch: pytest.MonkeyPatch, cache: Path):
    _, folder = site
    register("http://127.0.0.1:1/", write_set(folder, random_set()), monkeypatch)
    monkeypatch.setitem(DOWNLOADS, "kmnist", "http://127.0.0.1:1/")
    refused("http://127.0.0.1:1/", "refused")
    assert not cache.exists()


@needs_array_record
@pytest.mark.parametrize(
    ("site", "found"),
    [
        pytest.param(Unavailable, "503", id="unavailable"),
        pytest.param(NotHttp, "220 not a web server", id="not http"),
        pytest.param(Silent, "timed out", id="silent"),
        pytest.param(BreaksOff, "", id="breaks off"),
        pytest.param(Stalls, "timed out", id="stops in the middle"),
    ],
    indirect=["site"],
)
def test_a_server_that_fails_is_one_line_within_seconds(
    site, found: str, monkeypatch: pytest.MonkeyPatch, temporary: Path, cache: Path
):
    monkeypatch.setattr("jaxmlp.data.builder._TIMEOUT_SECONDS", 0.2)
    address, folder = site
    register(address, write_set(folder, random_set()), monkeypatch)
    start = time.monotonic()
    refused(address, found)
    assert time.monotonic() - start < 10
    assert not cache.exists()
    assert list(temporary.iterdir()) == []


DOWNLOAD = """
import sys, warnings
warnings.simplefilter("error")
from jaxmlp.data import load
from jaxmlp.data.loading import DOWNLOADS
from tensorflow_datasets.core.download import checksums
address, folder, names = sys.argv[1], sys.argv[2], sys.argv[3:]
DOWNLOADS["kmnist"] = address
for name in names:
    checksums.get_all_url_infos()[f"{address}{name}.gz"] = checksums.compute_url_info(f"{folder}/{name}.gz")
digest = load("kmnist").digest
print(digest, "tensorflow_datasets" in sys.modules, "tensorflow" in sys.modules)
"""


@needs_array_record
def test_a_download_in_a_new_process_is_silent_and_never_imports_tensorflow(site):
    address, folder = site
    write_set(folder, random_set())
    command = [sys.executable, "-c", DOWNLOAD, address, str(folder), *NAMES]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert done.stdout.splitlines() == [f"{load('kmnist', data_dir=folder).digest} True False"]


def test_a_platform_without_array_record_is_told_the_other_way(monkeypatch: pytest.MonkeyPatch, cache: Path):
    monkeypatch.setitem(sys.modules, "array_record", None)
    refused("array_record", "Linux")
    assert not cache.exists()


def test_every_address_has_registered_checksums():
    from tensorflow_datasets.core.download import checksums

    registered = checksums.get_all_url_infos()
    assert [url for base in DOWNLOADS.values() for name in NAMES if (url := f"{base}{name}.gz") not in registered] == []
