"""The pages of types of vouchers, asked as a browser asks them."""

import re
from dataclasses import replace
from typing import Final

from tests.portal.browser import Browser, Reply
from tests.portal.people import Standing, somebody
from tests.portal.vouchers.office import system
from tillbridge.domain.cashier_texts import Language
from tillbridge.portal.app import portal_app
from tillbridge.portal.feature import Feature
from tillbridge.portal.house import House
from tillbridge.portal.printing.feature import pages
from tillbridge.portal.rights import Person
from tillbridge.portal.vouchers.feature import office

FORM = {"name_de": "Frühstück", "price": "25", "position": "1", "active": "on"}


def browser(house: House, person: Person) -> Browser:
    features = [Feature("vouchers", pages=office(house)), Feature("printing", pages=pages(house))]
    return Browser(portal_app(house, Standing(person), features))


async def shown(asked: Browser, path: str) -> str:
    reply = await asked.get(path)
    assert reply.status == 200, (path, reply.status, reply.text[:400])
    assert not re.search(r"[{}]|(?:vouchers|printing)\.[a-z]", reply.text.partition("<main")[2]), path
    return reply.text


def gone_on(reply: Reply) -> str:
    assert reply.status == 303, (reply.status, reply.text[:600])
    return reply.location


async def test_from_no_type_to_a_button_and_back(house: House) -> None:
    person, one, _ = await system(house, "DE")
    asked, here = browser(house, person), f"/vouchers/systems/{one.id}/types"
    assert f'href="{here}"' in await shown(asked, f"/vouchers/systems/{one.id}")
    assert "No type yet" in await shown(asked, here)
    page = await shown(asked, gone_on(await asked.post(f"{here}/new", page=f"{here}/new", **FORM)))
    for said in ("The voucher type has been made.", "Frühstück", "25.00\N{NO-BREAK SPACE}EUR", "On sale"):
        assert said in page
    found = re.search(r"/vouchers/types/[0-9a-f]{32}", page)
    assert found is not None
    edit = await shown(asked, found[0])
    assert ('value="25.00"' in edit, 'value="Frühstück"' in edit, " checked" in edit) == (True, True, True)
    change = {"name_de": "Frei", "name_cs": "Volně", "price": "", "position": "3"}
    page = await shown(asked, gone_on(await asked.post(found[0], page=found[0], **change)))
    assert ("free, 1.00" in page, "Not on sale" in page) == (True, True)
    page = await shown(asked, gone_on(await asked.post(f"{found[0]}/remove", page=found[0])))
    assert ("has been removed" in page, "No type yet" in page) == (True, True)


WRONG: Final[tuple[tuple[dict[str, str], str], ...]] = (
    ({"name_de": ""}, "a name of at most 40 characters"),
    ({"name_fr": "x" * 41}, "a name of at most 40 characters"),
    ({"price": "0.50"}, "an amount within the limits"),
    ({"price": "3000.01"}, "an amount within the limits"),
    ({"price": "1e3"}, "an amount within the limits"),
    ({"price": "-5"}, "an amount within the limits"),
    ({"position": ""}, "a whole number from 0 to 999"),
    ({"position": "\N{SUPERSCRIPT TWO}"}, "a whole number from 0 to 999"),
    ({"design": "x" * 65}, "at most 64 characters"),
)


async def test_what_is_wrong_is_said_beside_it(house: House) -> None:
    person, one, _ = await system(house, "DE")
    asked, page = browser(house, person), f"/vouchers/systems/{one.id}/types/new"
    for change, said in WRONG:
        reply = await asked.post(page, page=page, **(FORM | change))
        assert (reply.status, said in reply.text) == (400, True), change


async def test_readers_look_and_change_nothing(house: House) -> None:
    person, one, (place,) = await system(house, "DE")
    here = f"/vouchers/systems/{one.id}/types"
    asked = browser(house, person)
    gone_on(await asked.post(f"{here}/new", page=f"{here}/new", **FORM))
    reader = browser(house, somebody(person.home, "vouchers.codes.view", locations=frozenset({place})))
    page = await shown(reader, here)
    assert ("Frühstück" in page, "/vouchers/types/" in page) == (True, False)
    found = re.search(r"/vouchers/types/[0-9a-f]{32}", await shown(asked, here))
    assert found is not None
    for path in (f"{here}/new", found[0]):
        assert (await reader.get(path)).status == 403
    assert (await reader.post(f"{found[0]}/remove", page="/vouchers")).status == 403


async def test_every_page_in_every_language(house: House) -> None:
    person, one, _ = await system(house, "DE")
    here = f"/vouchers/systems/{one.id}/types"
    gone_on(await browser(house, person).post(f"{here}/new", page=f"{here}/new", **FORM))
    for language in Language:
        asked = browser(house, replace(person, language=language))
        page = await shown(asked, here)
        await shown(asked, f"{here}/new")
        found = re.search(r"/vouchers/types/[0-9a-f]{32}", page)
        assert found is not None
        await shown(asked, found[0])
