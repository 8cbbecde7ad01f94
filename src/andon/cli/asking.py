"""Questions to the person at the terminal. A password is never an argument: others could see it."""

import sys

import typer

from andon.kernel.errors import InvalidInput


def is_anybody_there() -> bool:
    """Whether a person can be asked."""
    return sys.stdin.isatty()


def text(question: str, option: str, default: str | None = None) -> str:
    """An answer, or what `option` would have given.

    Raises:
        InvalidInput: nobody can be asked.
    """
    somebody(question, option)
    answer: str = typer.prompt(question, default=default, err=True)
    return answer.strip()


def somebody(question: str, option: str) -> None:
    """Go on only where a person can be asked.

    Raises:
        InvalidInput: nobody can be.
    """
    if not is_anybody_there():
        raise InvalidInput("not-given", f"nobody is here to ask: {question}", hint=f"add {option}")


def password(question: str = "Password", option: str = "--password-stdin") -> str:
    """A password, unseen.

    Raises:
        InvalidInput: nobody can be asked.
    """
    _somebody(option)
    answer: str = typer.prompt(question, hide_input=True, err=True)
    return answer


def new_password(option: str = "--new-password-stdin", *, what: str = "password") -> str:
    """A new password (or what it is called), twice the same.

    Raises:
        InvalidInput: nobody can be asked.
    """
    _somebody(option)
    answer: str = typer.prompt(f"New {what}", hide_input=True, confirmation_prompt=True, err=True)
    return answer


def line_of_stdin(what: str) -> str:
    """One line of standard input without its end.

    Raises:
        InvalidInput: there is none.
    """
    line = sys.stdin.readline()
    if not line.strip("\r\n"):
        raise InvalidInput(
            "nothing-on-stdin", f"standard input holds no {what}", hint=f"one line: the {what}"
        )
    return line.rstrip("\r\n")


def _somebody(option: str) -> None:
    if not is_anybody_there():
        raise InvalidInput("password-missing", "nobody is here to ask for a password", hint=f"add {option}")
