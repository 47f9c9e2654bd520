"""Checks what was written on the command line as the native interface would."""

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from tillbridge.cli.errors import WrongWord
from tillbridge.connector.api.bodies import AmountBody
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import Money, currency, parse_major
from tillbridge.runtime.settings.problems import problems_of
from tillbridge.runtime.settings.yaml_file import Document

M = TypeVar("M", bound=BaseModel)


def checked(model: type[M], **fields: Any) -> M:  # noqa: ANN401  # whatever the model takes
    """A body of these fields; `WrongWord` naming the option that is wrong."""
    try:
        return model(**fields)
    except ValidationError as error:
        raise wrong_word(error, model, fields) from None


def wrong_word(
    error: ValidationError, model: type[BaseModel], raw: dict[str, Any], place: str | None = None
) -> WrongWord:
    """The first thing that a model finds wrong, as the command line's fault; `place` where no field has an option."""
    first = problems_of(error, model, Document(raw), ())[0]
    named = error.errors(include_url=False, include_input=False)[0]["loc"]
    option = "--" + str(named[0]).replace("_", "-") if named else None
    return WrongWord(Code.SETTINGS_INVALID, first.sentence, place=place or option)


def amount_body(text: str, code: str, *, place: str, currency_place: str = "--currency") -> AmountBody:
    """The amount that was written in major units; `WrongWord` naming the place where it was."""
    try:
        money = parse_major(text, currency(code))
    except BridgeError as error:
        wrong = currency_place if error.code is Code.CURRENCY_UNKNOWN else place
        raise WrongWord(error.code, error.detail, place=wrong) from None
    if money.minor == 0:
        least = Money(1, money.currency)
        raise WrongWord(Code.AMOUNT_INVALID, f"the least amount is {least}", place=place)
    return checked(AmountBody, minor=money.minor, currency=money.currency.code)
