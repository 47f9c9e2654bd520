"""What letters say, in four languages."""

from pathlib import Path

import pytest

from tillbridge.domain.cashier_texts import Language
from tillbridge.portal.accounts import letters
from tillbridge.portal.mail.writing import write
from tillbridge.portal.pages.site import CATALOGUES
from tillbridge.portal.settings import PortalSettings

KEYS = (
    letters.PASSWORD_LINK,
    letters.PASSWORD_SET,
    letters.FACTOR_ADDED,
    letters.FACTOR_REMOVED,
    letters.RECOVERY_CODE_USED,
)


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("key", KEYS)
def test_every_letter_can_be_written_in_every_language(tmp_path: Path, language: Language, key: str) -> None:
    fields = {"link": "https://portal.example/x", "minutes": 60, "factor": "Telephone", "left": 9}
    one = write(PortalSettings(data=tmp_path), language, key, "a@b.example", "Anna {name}", None, **fields)
    assert "Anna {name}" in one.text
    assert "{operator}" not in one.subject + one.text
    assert one.subject.isprintable()


def test_a_name_with_line_breaks_begins_no_paragraph(tmp_path: Path) -> None:
    name = "Anna\r\n\r\nClick https://evil.example"
    one = write(PortalSettings(data=tmp_path), Language.EN, letters.PASSWORD_SET, "a@b.example", name, None)
    assert one.text.startswith("Hello Anna Click https://evil.example,\n\n")


@pytest.mark.parametrize("name", ["accounts", "mail"])
def test_the_four_languages_have_the_same_texts(name: str) -> None:
    prefix = (f"{name}.",) if name == "mail" else (f"{name}.", "audit.event.account.")
    keys = {
        language: {key for key in catalogue.texts if key.startswith(prefix)}
        for language, catalogue in CATALOGUES.items()
    }
    assert len({frozenset(found) for found in keys.values()}) == 1
    assert keys[Language.EN]
