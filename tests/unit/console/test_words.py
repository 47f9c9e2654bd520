"""Amounts and times as people read them."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from tillbridge.connector.console.language import CATALOGUES
from tillbridge.connector.console.words import Words
from tillbridge.domain.cashier_texts import Language
from tillbridge.domain.money import Money, currency
from tillbridge.web.language import choose

NOON = datetime(2026, 3, 29, 10, 0, tzinfo=UTC)
PARIS = ZoneInfo("Europe/Paris")


def words(language: Language = Language.EN, now: datetime = NOON) -> Words:
    return Words(CATALOGUES[language], now, PARIS)


@pytest.mark.parametrize(
    ("language", "minor", "unit", "text"),
    [
        (Language.EN, 123456789, "EUR", "1,234,567.89 EUR"),
        (Language.DE, 123456789, "EUR", "1.234.567,89 EUR"),
        (Language.FR, 123456789, "EUR", "1\u202f234\u202f567,89 EUR"),
        (Language.CS, 123456789, "CZK", "1\u00a0234\u00a0567,89 CZK"),
        (Language.EN, 5, "EUR", "0.05 EUR"),
        (Language.EN, 99999, "EUR", "999.99 EUR"),
        (Language.DE, 1000, "JPY", "1.000 JPY"),
        (Language.FR, 12345, "KWD", "12,345 KWD"),
    ],
)
def test_an_amount_looks_as_the_language_has_it(language: Language, minor: int, unit: str, text: str) -> None:
    shown = words(language).amount(Money(minor, currency(unit)))
    assert shown == text.replace(" ", "\u00a0")


def test_no_amount_is_a_dash() -> None:
    assert words().amount(None) == "\N{EN DASH}"


def test_a_time_of_today_needs_no_date_and_says_utc_beside_it() -> None:
    moment = words().moment(datetime(2026, 3, 29, 9, 59, 58, 123456, tzinfo=UTC))
    assert (moment.text, moment.utc) == ("11:59:58", "2026-03-29 09:59:58 UTC")
    assert moment.iso == "2026-03-29T09:59:58.123+00:00"


@pytest.mark.parametrize(
    ("language", "text"),
    [
        (Language.EN, "2026-03-28 23:59:59"),
        (Language.DE, "28.03.2026 23:59:59"),
        (Language.FR, "28/03/2026 23:59:59"),
        (Language.CS, "28.\u00a003.\u00a02026 23:59:59"),
    ],
)
def test_another_day_is_the_shops_own_day(language: Language, text: str) -> None:
    # 22:59:59 in UTC is still the day before in Paris, in the night in which the clocks go forward.
    assert words(language).moment(datetime(2026, 3, 28, 22, 59, 59, tzinfo=UTC)).text == text
    assert words(language).moment(datetime(2026, 3, 28, 23, 0, tzinfo=UTC)).text == "00:00:00"


@pytest.mark.parametrize(
    ("cookie", "preset", "header", "chosen"),
    [
        (None, None, None, Language.EN),
        (None, None, "fr-CA,fr;q=0.9,en;q=0.8", Language.FR),
        (None, None, "pl,cs;q=0.7,de;q=0.3", Language.CS),
        (None, None, "en;q=0.1, de;q=0.2", Language.DE),
        (None, None, "de;q=0, it", Language.EN),
        (None, None, "de;q=much", Language.EN),
        (None, None, "pl-PL", Language.EN),
        (None, Language.CS, "fr", Language.CS),
        ("de", Language.CS, "fr", Language.DE),
        ("xx", None, "fr", Language.FR),
        (None, None, "x" * 300 + ",de", Language.EN),
    ],
)
def test_the_persons_own_choice_goes_before_the_shops_before_the_browsers(
    cookie: str | None, preset: Language | None, header: str | None, chosen: Language
) -> None:
    assert choose(cookie, preset, header) is chosen
