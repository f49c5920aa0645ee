"""What command lines of this project share: how words are read, and what becomes of errors.

Every user error is one line on stderr and exit code 2; nothing has been written then. So is a disk that is full, or
memory that has run out. A fault of this package is one line too, and exit code 70.
"""

import argparse
import os
import re
import shlex
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from rich.console import Console

from jaxmlp.cli.jax_settings import NUM_CPU_DEVICES, cpu_devices
from jaxmlp.errors import MOST, InputError, ran_out, shown

SIGNALLED = 128
"""Exit codes beyond it say which signal ended the program, as shells have it: 130 for Ctrl-C, 143 for SIGTERM."""
REFUSED, FAULT = 2, 70
"""Exit codes: what the user or the machine can change, and what only a change of this package can (sysexits.h)."""
TRACEBACK = "JAXMLP_TRACEBACK"
"""The variable that asks for all of a fault, not only its last line."""
FOLDER_OPTIONS = ("--data-dir", "--out", "--log-dir", "--spec")


class Parser(argparse.ArgumentParser):
    """argparse, with its errors as `InputError` and without shortened options: each has one name in records."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, **options)

    def parse_known_args(  # pyright: ignore[reportIncompatibleMethodOverride] (overloads)
        self, args: Any = None, namespace: Any = None
    ) -> Any:
        """As argparse, which takes `--seeds=--` for an empty list of seeds."""
        for word in sys.argv[1:] if args is None else args:
            if word.startswith("--") and word.endswith("=--"):
                self.error(f"argument {word[:-3]}: '--' is no value")
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        """Raise `InputError` instead of ending the program."""
        raise InputError(f"{message} (see {self.prog} --help)")


def as_positive(text: str) -> int:
    """An integer of at least 1."""
    try:
        number = int(text)
    except ValueError:  # of more than 4300 digits too
        number = 0
    if not 1 <= number <= MOST:
        raise argparse.ArgumentTypeError(f"{shown(text)} is not a positive integer below 2**31")
    return number


def as_natural(text: str) -> int:
    """An integer of at least 0."""
    if not re.fullmatch("[0-9]{1,10}", text) or int(text) > MOST:
        raise argparse.ArgumentTypeError(f"{shown(text)} is not an integer from 0 to 2**31 - 1")
    return int(text)


def as_path(text: str) -> Path:
    """Absolute, once: what is made and what is told later do not depend on where a program stands or what ~ is."""
    if not text or "\0" in text:
        raise argparse.ArgumentTypeError(f"{text!r} is no path: give a file or folder")
    try:
        found = Path(text).expanduser().absolute()
        os.fsencode(found)
        found.exists()  # which says, as the line above, whether the system can have such a name at all
    except (RuntimeError, ValueError, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) else getattr(error, "reason", error)
        raise argparse.ArgumentTypeError(f"{shown(text)} is no path here ({reason})") from None
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

    A command of the parser is a function of the arguments and a console; it may return an exit code. This is the last
    defence: whatever else comes out of a command is one line, and says whether the user, the machine or this package is
    to blame.
    """
    try:
        arguments = parser.parse_args(argv)
        arguments.line = recorded_command(program, argv)
        command: Callable[[argparse.Namespace, Console], int | None] = arguments.command
        return command(arguments, Console(markup=False)) or 0  # a path may look like markup
    except KeyboardInterrupt as stop:
        print("interrupted: what was finished is kept; the same command with --resume goes on", file=sys.stderr)
        (number,) = stop.args or (signal.SIGINT,)
        return SIGNALLED + number
    except Exception as error:
        code, line = told_of(error)
        print(f"error: {line}", file=sys.stderr)
        if code == FAULT and os.environ.get(TRACEBACK):
            traceback.print_exc()
        return code


def told_of(error: Exception) -> tuple[int, str]:
    """(exit code, one line) of what came out of a command."""
    if isinstance(error, InputError):
        return REFUSED, " ".join(str(error).splitlines())
    if ran_out(error):
        return REFUSED, (
            "out of memory: give fewer lanes or seeds, a smaller net or --evaluation-batch-size, or free memory; "
            "what was finished is kept, the same command with --resume goes on"
        )
    if isinstance(error, OSError):
        where = "" if error.filename is None else f" ({str(error.filename)!r})"
        return REFUSED, (
            f"{error.strerror or error}{where}: make room, or give another folder; what was finished is kept, "
            "the same command with --resume goes on"
        )
    at = traceback.extract_tb(error.__traceback__)[-1]
    said = " ".join(str(error).split())[:300]
    return FAULT, (
        f"a fault of jaxmlp, not yours: {type(error).__name__} in {Path(at.filename).name} line {at.lineno} ({said}); "
        f"please report it; {TRACEBACK}=1 shows all of it"
    )


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
