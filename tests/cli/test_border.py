"""The border of both commands: whatever is typed, and whatever a command dies of, is one line and an exit code."""

import argparse
import errno

import pytest

from experiments.lab.cli import run_experiments_line
from jaxmlp.cli.main import run_jaxmlp_line
from jaxmlp.cli.parsing import FAULT, REFUSED, Parser, as_path, as_positive, run_line
from jaxmlp.errors import InputError, ran_out

LONG = 300 * "n"
COMMANDS = {"jaxmlp": run_jaxmlp_line, "experiments": run_experiments_line}


def refused(capsys, command, *line):
    """The one line on stderr of a command line that is refused."""
    assert COMMANDS[command](list(line)) == REFUSED
    told = capsys.readouterr().err
    assert told.startswith("error: ")
    assert told.count("\n") == 1
    return told


@pytest.mark.parametrize(
    ("command", "line", "told"),
    [
        ("experiments", ["run", "norms", "--seeds=--"], "--seeds: '--' is no value"),
        ("jaxmlp", ["train", "--epochs=--"], "--epochs: '--' is no value"),
        ("experiments", ["run", "norms", "--seeds", "1" + 20 * "0"], "below 2**31"),
        ("experiments", ["run", "norms", "--seeds", 5000 * "9"], "below 2**31"),
        ("experiments", ["run", "norms", "--out", f"/tmp/{LONG}"], "no path here"),
        ("experiments", ["run", "norms", "--out", "~nosuchuser/x"], "no path here"),
        ("experiments", ["report", f"/tmp/{LONG}"], "no path here"),
        ("experiments", ["test", ""], "is no path"),
        ("jaxmlp", ["predict", "net\0", "x.csv"], "is no path"),
        ("jaxmlp", ["train", "--learning-rate", "1e39"], "float32 holds as inf"),
        ("jaxmlp", ["train", "--learning-rate", "1e-50"], "float32 holds as 0"),
        ("jaxmlp", ["train", "--widths", "1" + 20 * "0"], "below 2**31"),
        ("jaxmlp", ["train", "--widths", "1" + 9 * "0"], "GB of memory are free"),
        ("jaxmlp", ["train", "--seeds", "1000000000"], "1,000,000,000 runs"),
        ("jaxmlp", ["train", "--lanes", "1000000000"], "1,000,000,000 lanes"),
        ("jaxmlp", ["train", "--epochs", "2000000000"], "GB of memory are free"),
        ("jaxmlp", ["train", "--batch-size", "1", "--norm", "batch_norm"], "batch norm with batch size 1"),
        ("jaxmlp", ["train", "--coordinator", "nonsense", "--processes", "2", "--process-id", "0"], "HOST:PORT"),
        ("jaxmlp", ["train", "--coordinator", "h:99999999", "--processes", "2", "--process-id", "0"], "65535"),
        (
            "jaxmlp",
            ["train", "--coordinator", "no.such.host.invalid:80", "--processes", "2", "--process-id", "0"],
            "host",
        ),
    ],
)
def test_what_cannot_be_is_one_line_and_writes_nothing(capsys, tmp_path, monkeypatch, command, line, told):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JAXMLP_CACHE", str(tmp_path / "cache"))
    assert told in refused(capsys, command, *line)
    assert not [path for path in tmp_path.iterdir() if path.name != "cache"]


def ending(error):
    """Exit code of a command that dies of this."""

    def command(arguments, console):
        raise error

    parser = Parser(prog="x")
    parser.set_defaults(command=command)
    return run_line(parser, [], ["x"])


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (InputError("two\nlines"), REFUSED, "two lines"),
        (OSError(errno.ENOSPC, "No space left on device", "/a/b"), REFUSED, "No space left on device ('/a/b')"),
        (FileNotFoundError(errno.ENOENT, "No such file or directory", "x"), REFUSED, "--resume goes on"),
        (MemoryError(), REFUSED, "out of memory"),
        (RuntimeError("INTERNAL: Generated function failed: Out of memory"), REFUSED, "out of memory"),
        (TypeError("int is not\niterable"), FAULT, "a fault of jaxmlp, not yours: TypeError in test_border.py line"),
    ],
)
def test_what_a_command_dies_of_is_one_line_that_says_whose_it_is(capsys, error, code, told):
    assert ending(error) == code
    printed = capsys.readouterr().err
    assert told in printed
    assert printed.count("\n") == 1


def test_a_fault_is_shown_whole_where_that_is_asked_for(capsys, monkeypatch):
    monkeypatch.setenv("JAXMLP_TRACEBACK", "1")
    assert ending(TypeError("x")) == FAULT
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 1 bytes"),
        RuntimeError("INTERNAL: Error: Out of memory"),
        RuntimeError("std::bad_alloc"),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
    ],
    ids=str,
)
def test_memory_runs_out_in_many_words(error):
    assert ran_out(error)
    assert not ran_out(OSError(errno.ENOSPC, "No space left on device"))
    assert not ran_out(RuntimeError("INTERNAL: a bug"))


@pytest.mark.parametrize("read", [as_path, as_positive])
def test_an_error_quotes_no_more_than_a_line_of_what_was_typed(read):
    with pytest.raises(argparse.ArgumentTypeError) as refusal:
        read("x" * 10_000)
    assert len(str(refusal.value)) < 200


def test_a_path_that_looks_like_markup_is_printed_as_it_is(capsys):
    parser = Parser(prog="x")
    parser.set_defaults(command=lambda arguments, console: console.print("/m/[/x]/[bold]y"))
    assert run_line(parser, [], ["x"]) == 0
    assert capsys.readouterr().out == "/m/[/x]/[bold]y\n"
