"""JSON as money needs it: nothing ambiguous, and an error that says where it stands."""

import json
from typing import Any, Final, NoReturn

from fastapi import HTTPException, Request

BAD_REQUEST: Final = 400


def _refuse(detail: str) -> NoReturn:
    raise HTTPException(BAD_REQUEST, detail)


def _no_equal_names(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        # The usual reader keeps the last one, another program the first: so two amounts could be meant.
        _refuse("a name stands twice in one object")
    return found


def _not_in_json(text: str) -> NoReturn:
    _refuse(f"{text} is no number in JSON")


def read_json(body: bytes) -> object:
    """The value of a JSON text in UTF-8; `HTTPException(400)` with a reason for everything else."""
    try:
        value: object = json.loads(
            body.decode("utf-8-sig"), object_pairs_hook=_no_equal_names, parse_constant=_not_in_json
        )
    except json.JSONDecodeError as error:
        _refuse(f"line {error.lineno}, column {error.colno}: {error.msg}")
    except UnicodeDecodeError as error:
        _refuse(f"byte {error.start} is not UTF-8")
    except RecursionError:
        _refuse("the body is nested too deeply")
    except ValueError:
        _refuse("a number has too many digits")
    return value


class StrictRequest(Request):
    """A request whose JSON is read by `read_json`."""

    async def json(self) -> Any:  # noqa: ANN401  # as the base class has it
        """The body's value."""
        return read_json(await self.body())
