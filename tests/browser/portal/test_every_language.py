"""Every page in every language, asked without a window: nothing is missing, and nothing is said by its key."""

import re
from collections.abc import Sequence
from typing import Final

import pytest

from tests.browser.portal.life import Life
from tests.browser.portal.open_portal import OpenPortal
from tests.browser.portal.where import PAGES, Page
from tests.portal.browser import Browser as Asker
from tillbridge.domain.cashier_texts import Language
from tillbridge.portal.accounts.sessions import NAME
from tillbridge.portal.pages.site import CATALOGUES

_LANGUAGES: Final = tuple(Language)
_PREFIXES: Final = "|".join(sorted({key.partition(".")[0] for key in CATALOGUES[Language.EN].texts} - {"format"}))
_KEY: Final = re.compile(rf">[^<]*(?<![@\w])(?:{_PREFIXES})\.[a-z_]+(?:\.[a-z_]+)*\b[^<]*<")
_FIELD: Final = re.compile(r">[^<]*\{[a-z_]+\}[^<]*<")
_SHOP_OR_PERSON: Final = re.compile(r"/(?:interfaces|locations|connectors)/\{\w+\}|\{\w+\}")
_TAB: Final = re.compile(r"\{system\}/(?:types|validity|reports|exceptions|corrections|recovery)")
NAMED_ALIKE: Final = {page.name for page in PAGES if _SHOP_OR_PERSON.fullmatch(page.path) or _TAB.fullmatch(page.path)}
"""Pages whose heading is the name of a shop, of a person, or of the voucher system above its tabs."""

SAYS_KEYS: Final = {"audit-entry"}
"""The page that names an event as it is stored, for those who search an export."""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_it_is_said_in_two(portal: OpenPortal, life: Life, page: Page) -> None:
    """In one language, and in the next one for the next page; `make soak` asks for each page in each."""
    first = PAGES.index(page)
    said_in(portal, life, page, [_LANGUAGES[first % len(_LANGUAGES)], _LANGUAGES[(first + 1) % len(_LANGUAGES)]])


@pytest.mark.soak
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_it_is_said_in_each(portal: OpenPortal, life: Life, page: Page) -> None:
    said_in(portal, life, page, _LANGUAGES)


def said_in(portal: OpenPortal, life: Life, page: Page, languages: Sequence[Language]) -> None:
    asker = Asker(portal.app, cookies={} if page.who is None else {NAME: portal.session(page.who)})
    told = set()
    for language in languages:
        asker.language = language
        reply = portal.run(asker.get(page.at(life)))
        text = reply.text
        assert reply.status == page.status
        assert f'<html lang="{language}">' in text
        assert _FIELD.findall(text) == []
        if page.name not in SAYS_KEYS:
            assert _KEY.findall(text) == []
        told.add(re.search(r"<h1>(.*?)</h1>", text, re.DOTALL)[1])  # type: ignore[index]  # each page has a heading
    assert len(told) > 1 or len(languages) < len(_LANGUAGES) or page.name in NAMED_ALIKE
