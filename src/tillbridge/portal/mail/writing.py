"""Writes a letter from the texts of a language."""

from typing import Final

from tillbridge.domain.cashier_texts import Language
from tillbridge.portal.mail.post import Letter
from tillbridge.portal.pages.site import CATALOGUES
from tillbridge.portal.settings import PortalSettings

LONGEST_SUBJECT: Final = 200


def write(  # what stands on an envelope
    settings: PortalSettings,
    language: Language,
    key: str,
    recipient: str,
    name: str,
    tenant_id: str | None,
    **fields: object,
) -> Letter:
    """A letter with the texts `<key>.subject` and `<key>.text`, which may speak of {operator}, {name} and the fields.

    What was typed by somebody stands in one line, wherever it stands: it can begin no header and no paragraph.
    """
    texts = CATALOGUES[language]
    said = {"operator": settings.operator.name, "name": name} | fields
    flat = {field: one_line(str(value)) for field, value in said.items()}
    greeting, farewell = texts("mail.greeting", **flat), texts("mail.farewell", **flat, portal=settings.address)
    text = f"{greeting}\n\n{texts(f'{key}.text', **flat)}\n\n{farewell}\n"
    return Letter(recipient, one_line(texts(f"{key}.subject", **flat))[:LONGEST_SUBJECT], text, tenant_id)


def one_line(text: str) -> str:
    """The text without line breaks and other control characters."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
