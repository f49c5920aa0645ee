"""The one exception that means "the input was wrong", with a message a person can act on."""

from collections.abc import Iterable


class InputError(ValueError):
    """Input a user can correct: one line that says what was given, what is accepted and what to do.

    The command line prints it as one line and exits with 2; anything else that escapes is a bug.
    """


def check_count(what: str, given: object) -> None:
    """Raise `InputError` unless `given` is a positive integer."""
    if type(given) is not int or given < 1:
        raise InputError(f"{what} is {given!r}: give a positive integer")


def check_choice(what: str, given: object, accepted: Iterable[str]) -> None:
    """Raise `InputError` unless `given` is one of `accepted`; `what` names the thing, e.g. "activation"."""
    names = list(accepted)
    if given not in names:
        raise InputError(f"unknown {what} {given!r}: choose one of {', '.join(names)}")
