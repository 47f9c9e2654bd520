"""What a person enters about a customer, and how amounts are shown."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Final

from tillbridge.domain.money import currency
from tillbridge.portal.customers.mapping import is_day
from tillbridge.portal.customers.model import LONGEST, Fields
from tillbridge.portal.customers.normal import is_email, printable
from tillbridge.web.words import NO_BREAK, Words

TEXTS: Final = ("name", "contact", "email", "phone", "address", "birthday", "note")

_MINUS: Final = "\N{MINUS SIGN}"

Wrong = Mapping[str, str]
"""For each field that is wrong the key of the sentence that says why."""


def read_fields(form: Mapping[str, str]) -> tuple[Fields, Wrong]:
    """The fields as they were entered, and what is wrong with them."""
    texts = {name: form.get(name, "").replace("\r\n", "\n") for name in TEXTS}
    wrong: dict[str, str] = {}
    for name, text in texts.items():
        if len(text) > LONGEST.get(name, len(text)):
            wrong[name] = "customers.wrong.long"
        elif "".join(printable(text)) != text:
            wrong[name] = "customers.wrong.control"
    if not texts["name"]:
        wrong["name"] = "customers.wrong.name"
    if texts["email"] and not is_email(texts["email"]):
        wrong["email"] = "customers.wrong.email"
    if texts["birthday"] and not is_day(texts["birthday"]):
        wrong["birthday"] = "customers.wrong.birthday"
    fields = Fields(
        name=texts["name"],
        contact=texts["contact"],
        email=texts["email"],
        phone=texts["phone"],
        address=texts["address"],
        birthday=texts["birthday"],
        consent=form.get("consent") == "yes",
        note=texts["note"],
    )
    return fields, wrong


def entered(fields: Fields) -> Mapping[str, object]:
    """Fields as a form shows them."""
    return asdict(fields)


def amount(words: Words, minor: int, code: str) -> str:
    """An amount, also a sum that no single payment could have; below zero where customers owe something."""
    text = major(abs(minor), code, ".")
    whole, _, fraction = text.partition(".")
    number = words.count(int(whole)) + (words.t("format.decimal") + fraction if fraction else "")
    return f"{_MINUS if minor < 0 else ''}{number}{NO_BREAK}{code}"


def major(minor: int, code: str, separator: str) -> str:
    """The same without its currency for a program or a spreadsheet, which takes a hyphen for the sign."""
    exponent = currency(code).exponent
    whole, fraction = divmod(abs(minor), 10**exponent)
    text = f"{whole}{separator}{fraction:0{exponent}d}" if exponent else str(whole)
    return f"-{text}" if minor < 0 else text
