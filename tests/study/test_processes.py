"""How a process meets the others of a study: by an address that can be, where it listens and nowhere else."""

import socket
import subprocess
import sys

import pytest

from jaxmlp.errors import InputError
from jaxmlp.study import processes

LISTENING = """
import psutil, sys
from jaxmlp.study import processes
port = int(sys.argv[1])
processes.join(f"127.0.0.1:{port}", num_processes=1, process_id=0)
there = [one.laddr for one in psutil.Process().net_connections() if one.status == "LISTEN"]
print(sorted({address.ip.removeprefix("::ffff:") for address in there if address.port == port}))
"""


@pytest.mark.parametrize(
    "address",
    ["nonsense", ":80", "host:", "host:x", "localhost:0", "localhost:99999999", "localhost:-1", "no.such.invalid:80"],
)
def test_an_address_that_cannot_be_is_refused_at_once(address):
    with pytest.raises(InputError, match="--coordinator"):
        processes.join(address, num_processes=2, process_id=0)


def test_the_first_process_listens_where_it_was_told_and_says_so():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    line = [sys.executable, "-c", LISTENING, str(port)]
    ended = subprocess.run(line, capture_output=True, text=True, timeout=120, check=True)
    assert ended.stdout.strip() == "['127.0.0.1']"
    assert f"listening on 127.0.0.1:{port}: whoever reaches it can take part" in ended.stderr
