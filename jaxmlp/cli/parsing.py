"""What command lines of this project share: how words are read, and what becomes of errors.

Every user error is one line on stderr and exit code 2; nothing has been written then.
"""

import argparse
import os
import shlex
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from rich.console import Console

from jaxmlp.cli.jax_settings import NUM_CPU_DEVICES, cpu_devices
from jaxmlp.errors import InputError

SIGNALLED = 128
"""Exit codes beyond it say which signal ended the program, as shells have it: 130 for Ctrl-C, 143 for SIGTERM."""
FOLDER_OPTIONS = ("--data-dir", "--out", "--log-dir", "--spec")


class Parser(argparse.ArgumentParser):
    """argparse, with its errors as `InputError` and without shortened options: each has one name in records."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        """Raise `InputError` instead of ending the program."""
        raise InputError(f"{message} (see {self.prog} --help)")


def as_positive(text: str) -> int:
    """An integer of at least 1."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive integer")
    return number


def as_natural(text: str) -> int:
    """An integer of at least 0."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not an integer of at least 0")
    return int(text)


def as_path(text: str) -> Path:
    """Absolute, once: what is made and what is told later do not depend on where a program stands or what ~ is."""
    try:
        found = Path(text).expanduser().absolute()
        os.fsencode(found)
    except (RuntimeError, ValueError, UnicodeError) as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no path here ({error})") from None
    if not text or "\0" in text:
        raise argparse.ArgumentTypeError(f"{text!r} is no path: give a file or folder")
    return found


def as_names(text: str) -> list[str]:
    """The parts between commas."""
    return [name for name in text.split(",") if name]


def recorded_command(program: Sequence[str], argv: Sequence[str]) -> str:
    """The command as results keep it: folders are this machine's own business, so they appear as DIR."""
    words = list(argv)
    for i, word in enumerate(words):
        option, _, value = word.partition("=")
        if option in FOLDER_OPTIONS and value:
            words[i] = f"{option}=DIR"
        elif option in FOLDER_OPTIONS and i + 1 < len(words):
            words[i + 1] = "DIR"
        elif os.sep in word and not word.startswith("-"):
            words[i] = word.rstrip(os.sep).rpartition(os.sep)[2]
    return shlex.join([*program, *words])


def run_line(parser: Parser, argv: Sequence[str], program: Sequence[str]) -> int:
    """Read one command line and do what it says; returns the exit code.

    A command of the parser is a function of the arguments and a console; it may return an exit code.
    """
    try:
        arguments = parser.parse_args(argv)
        arguments.line = recorded_command(program, argv)
        command: Callable[[argparse.Namespace, Console], int | None] = arguments.command
        return command(arguments, Console()) or 0
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as stop:
        print("interrupted: what was finished is kept; the same command with --resume goes on", file=sys.stderr)
        (number,) = stop.args or (signal.SIGINT,)
        return SIGNALLED + number


def run_program(main: Callable[[], int]) -> NoReturn:
    """Be a program: as many CPU devices as there are cores, and no crash where a signal ends training."""
    # Unless the user has chosen their number, or there are several processes, which may share the machine. A variable:
    # jax, which reads it, is not loaded before a command needs it.
    by_flags = "xla_force_host_platform_device_count" in os.environ.get("XLA_FLAGS", "")
    if not by_flags and not any(word.startswith("--coordinator") for word in sys.argv):
        os.environ.setdefault(NUM_CPU_DEVICES, str(cpu_devices()))
    code = main()
    if code > SIGNALLED:
        # A chunk may still run on the device's threads, and an interpreter that shuts down under them crashes.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)
