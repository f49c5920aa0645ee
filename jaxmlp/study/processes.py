"""Several processes, on one machine or many, as one study: `jax.distributed` tells each who it is.

Processes share nothing but the study's folder and a few words at its start and end. Without `jax.distributed` there is
one process, and everything here does nothing.
"""

import itertools
import json
import re
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, TypeVar

import jax

from jaxmlp.errors import InputError

Item = TypeVar("Item")

_WORDS = itertools.count()
"""Numbers what processes say to each other: all of them say the same things in the same order."""
_PATIENCE_MS = 14 * 24 * 3600 * 1000
"""Processes may end days apart; one that dies ends the others by jax's own heartbeats."""
_FAREWELL_MS = 60 * 1000
"""A chunk, a checkpoint and some."""


def join(coordinator: str, *, num_processes: int | None = None, process_id: int | None = None) -> None:
    """Become one of several processes; before anything else uses jax.

    Args:
        coordinator: HOST:PORT of the first process, which listens there and nowhere else, or `auto` where jax finds out
            by itself (Slurm, Kubernetes). Whoever reaches the port can take part: nothing asks for a password.
        num_processes: how many there are; None with `auto`.
        process_id: which this one is, from 0; None with `auto`.

    Raises:
        InputError: a wrong combination of these, or nobody answered.
    """
    if coordinator == "auto":
        if num_processes is not None or process_id is not None:
            raise InputError("with --coordinator auto, jax finds the processes itself: leave out their number and id")
    elif num_processes is None or process_id is None:
        raise InputError("--coordinator HOST:PORT needs --processes N and --process-id I, I from 0 to N-1")
    elif not 0 <= process_id < num_processes:
        raise InputError(
            f"process id {process_id} of {num_processes} processes: give one from 0 to {num_processes - 1}"
        )
    address = None if coordinator == "auto" else _checked_address(coordinator)
    # Unless told, the first process would listen on all interfaces of its machine.
    bind = address if process_id == 0 else None
    if bind is not None:
        print(f"listening on {bind}: whoever reaches it can take part, nothing asks for a password", file=sys.stderr)
    try:
        jax.distributed.initialize(address, num_processes, process_id, coordinator_bind_address=bind)
    except (RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"no connection to the other processes by --coordinator {coordinator}: {reason}") from None


def _checked_address(coordinator: str) -> str:
    """HOST:PORT, where the host has an address and the port can be; raises `InputError` otherwise, at once."""
    host, _, port = coordinator.rpartition(":")
    if not host or not re.fullmatch("[0-9]{1,5}", port) or not 0 < int(port) < 2**16:
        raise InputError(f"--coordinator {coordinator!r}: give HOST:PORT, a port from 1 to 65535, or auto")
    try:
        socket.getaddrinfo(host.strip("[]"), int(port))
    except (OSError, UnicodeError) as error:
        raise InputError(f"--coordinator {coordinator!r}: the host has no address here ({error})") from None
    return coordinator


def is_first() -> bool:
    """Whether this process plans, merges and shows the progress."""
    return jax.process_index() == 0


def several() -> bool:
    """Whether there are other processes."""
    return jax.process_count() > 1


def leave_together() -> None:
    """Wait, not long, for the others to stop too: the first process to leave takes the others with it, as they are."""
    if several():
        # Where one has died or was not asked to stop, there is nobody to wait for.
        with suppress(RuntimeError):
            _client().wait_at_barrier("jaxmlp/stopped", _FAREWELL_MS)


def mine(items: Sequence[Item]) -> list[Item]:
    """Every n-th of them: disjoint between the n processes, and together all."""
    return list(items[jax.process_index() :: jax.process_count()])


# Words go through the coordinator's own store, not through collectives of the devices: those are bound to the clocks of
# a training cluster, and gave up on a process that came minutes later.


def _client() -> Any:
    from jax._src import distributed  # jax shows no other way to it

    return distributed.global_state.client


def agree(word: Any) -> Any:
    """The first process's word, in every process: lists, dicts, texts and numbers, as JSON has them."""
    return gather(word)[0]


def gather(word: Any) -> list[Any]:
    """Every process's word, in every process, in their order."""
    if not several():
        return [word]
    key = f"jaxmlp/{next(_WORDS)}"
    _client().key_value_set(f"{key}/{jax.process_index()}", json.dumps(word))
    told = [_client().blocking_key_value_get(f"{key}/{i}", _PATIENCE_MS) for i in range(jax.process_count())]
    return [json.loads(word) for word in told]


def wait_for_all(name: str) -> None:
    """Return when every process has come here; `name` says where that is."""
    if several():
        _client().wait_at_barrier(f"jaxmlp/{next(_WORDS)}/{name}", _PATIENCE_MS)
