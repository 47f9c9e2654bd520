"""How a command says that it cannot: one sentence and what to do, on standard error, and never a traceback."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from tillbridge.cli.exits import Exit
from tillbridge.domain.errors import BridgeError

DEBUG: Final = "TILLBRIDGE_DEBUG"
"""Set to anything, a fault of our own shows where it came from."""


class WrongWord(BridgeError):
    """Something on the command line is wrong: a fault of its usage, wherever it is found. `place` is the option."""


class Commands(TyperGroup):
    """The group of all commands: errors end here."""

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401  # the base class has a type that it does not give out
        """Runs the command; a refusal becomes a sentence and an exit code."""
        with told():
            return super().invoke(ctx)


_EXTRAS: Final = {"portal": "portal", "demo": "connector,portal"}
"""What a command needs besides the core; the connector's part for all others."""


@contextmanager
def told(code: Exit = Exit.FAILED) -> Iterator[None]:
    """Says what goes wrong inside, and exits with `code`."""
    try:
        yield
    except (typer.Exit, typer.Abort, TyperException):
        raise  # how typer itself ends a command, with its own words
    except BrokenPipeError:
        # Whoever reads, such as `head`, has seen enough: what is still to be written goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(Exit.FAILED) from None
    except Exception as error:
        found = bridge_error(error)
        if found is not None:
            say(found)
            raise typer.Exit(Exit.USAGE if isinstance(found, WrongWord) else code) from None
        if isinstance(error, ModuleNotFoundError) and not (error.name or "").startswith("tillbridge"):
            extra = _EXTRAS.get(next(iter(sys.argv[1:]), ""), "connector")
            complain(f"this needs {error.name}: pip install 'tillbridge[{extra}]'")
            raise typer.Exit(Exit.FAILED) from None
        if os.environ.get(DEBUG):
            raise
        # Only the kind of it is shown: an exception's text may quote what nobody should read.
        complain(f"a fault of tillbridge itself: {type(error).__name__}. Set {DEBUG}=1 to see where.")
        raise typer.Exit(Exit.FAILED) from None


def bridge_error(error: BaseException) -> BridgeError | None:
    """The refusal in an exception, also where a group of tasks has wrapped it."""
    if isinstance(error, BridgeError):
        return error
    if isinstance(error, BaseExceptionGroup):
        return next((found for one in error.exceptions if (found := bridge_error(one)) is not None), None)
    return None


def say(error: BridgeError) -> None:
    """The refusal in words: everything that is wrong, then what to do."""
    for problem in getattr(error, "sentences", None) or [str(error)]:
        complain(problem)
    if error.payment_id is not None:
        sys.stderr.write(f"That payment: tillbridge payments show {error.payment_id}\n")
    sys.stderr.write(f"{error.entry.action}\n")


def complain(sentence: str) -> None:
    """A sentence on standard error."""
    sys.stderr.write(f"tillbridge: {sentence}\n")
