"""The two lines by which a named person stands for a decision: who, and why."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tillbridge.connector.console.settling import one_line
from tillbridge.connector.console.words import Words
from tillbridge.engine.engine import MAX_PERSON_TEXT


@dataclass(frozen=True, slots=True)
class Signed:
    """Name and reason as entered, with what is wrong by the name of its field."""

    by: str = ""
    reason: str = ""
    wrong: Mapping[str, str] = field(default_factory=dict)


def read_signed(form: Mapping[str, str], words: Words) -> Signed:
    """What was entered; `wrong` is empty where it may go to the journal."""
    by, reason = one_line(form.get("by", "")), one_line(form.get("reason", ""))
    wrong = {name: words.t(f"error.{name}") for name, text in (("by", by), ("reason", reason)) if not text}
    for name, text in (("by", by), ("reason", reason)):
        if len(text) > MAX_PERSON_TEXT:
            wrong[name] = words.t("error.too_long", limit=MAX_PERSON_TEXT)
    return Signed(by, reason, wrong)
