"""The pages of write-offs and exceptions, asked as a browser asks them."""

import re
from dataclasses import replace

import pytest

from tests.portal.browser import Browser, Reply
from tests.portal.people import Standing, somebody
from tests.portal.validity.test_cases import KEY, guessed, operation_id
from tests.portal.validity.yearly import Yearly, olga
from tillbridge.domain.errors import BridgeError
from tillbridge.link.voucher_messages import OperationState
from tillbridge.portal.app import portal_app
from tillbridge.portal.rights import Person
from tillbridge.portal.validity.feature import feature
from tillbridge.portal.vouchers.feature import MENU

SAID = {"reason": "asked the shop", "evidence": "journal line 117"}
SPACE = "\N{NO-BREAK SPACE}"


def browser(yearly: Yearly, person: Person | None = None) -> Browser:
    made = replace(feature(yearly.house, olga), menu=(MENU,), jobs=())
    return Browser(portal_app(yearly.house, Standing(person or yearly.chief()), [made]))


async def shown(asked: Browser, path: str) -> str:
    reply = await asked.get(path)
    assert reply.status == 200, (path, reply.status, reply.text[:400])
    assert not re.search(r"[{}]|(validity|exceptions|vouchers)\.[a-z]", reply.text.partition("<main")[2]), path
    return reply.text


def gone_on(reply: Reply) -> str:
    assert reply.status == 303, (reply.status, reply.text[-1500:])
    return reply.location


async def test_a_rule_is_made_changed_and_switched_off(yearly: Yearly) -> None:
    asked, here = browser(yearly), f"/vouchers/systems/{yearly.floor.system_id}/validity"
    assert "not used for 3 years is written off each year on 31 December" in await shown(asked, here)
    for wrong, sentence in (
        ({"years": "x"}, "from 1 to 30"),
        ({"day": "31", "month": "2"}, "no such day"),
        ({"month": "13"}, "no such day"),
    ):
        form = {"years": "3", "day": "1", "month": "7", **wrong}
        reply = await asked.post(f"{here}/edit", page=f"{here}/edit", **form)
        assert (reply.status, sentence in reply.text) == (400, True)
    changed = gone_on(await asked.post(f"{here}/edit", page=f"{here}/edit", years="1", day="29", month="2"))
    assert "not used for a year is written off each year on 29 February" in await shown(asked, changed)
    off = gone_on(await asked.post(f"{here}/off", page=f"{here}/edit"))
    page = await shown(asked, off)
    assert "Nothing expires any more." in page
    assert "Vouchers do not expire" in page


async def test_what_is_due_is_seen_before_and_taken_back_after(yearly: Yearly) -> None:
    floor = yearly.floor
    number, other = await floor.voucher(loaded=10_050), await floor.voucher(loaded=700)
    await floor.load(number, 2_000, at=floor.there)
    blocked = await floor.voucher(loaded=900)
    await floor.change(blocked, blocked=True)
    here = f"/vouchers/systems/{floor.system_id}/validity"
    yearly.go_to("2029-12-24T08:00")
    await yearly.finish()
    page = await shown(browser(yearly), here)
    for text in ("127.50", "107.50", "20.00"):
        assert f"{text}{SPACE}EUR" in page, text
    assert "In 7 days, on 2029-12-31" in page
    assert "Blocked, left alone" in page
    assert number not in page
    # The banner is on every page of the last week.
    assert f"on 2029-12-31, 127.50{SPACE}EUR that nobody used" in page
    yearly.go_to("2029-12-31T00:01")
    await yearly.finish()
    asked = browser(yearly)
    after = await shown(asked, here)
    assert "that nobody used" not in after.partition("<h1")[0]
    run = re.findall(r"/vouchers/write-offs/[0-9a-f]{32}", after)[0]
    page = await shown(asked, run)
    assert page.count("/of/") == 2
    one = f"{run}/of/{await yearly.id_of(other)}"
    assert f"7.00{SPACE}EUR was written off on 2029-12-31" in await shown(asked, one)
    assert (await asked.post(one, page=one, reason=" ")).status == 400
    assert "The credit is back" in await shown(asked, gone_on(await asked.post(one, page=one, reason="kindness")))
    assert "given back already" in await shown(asked, one)
    assert (await asked.post(f"{run}/take-back", page=run, reason="")).status == 400
    assert "is being taken back" in await shown(asked, gone_on(await asked.post(f"{run}/take-back", page=run, **SAID)))
    await yearly.finish()
    assert "Olga Owner took this write-off back: asked the shop" in await shown(asked, run)
    assert await floor.balance(number) == 12_050
    assert (await asked.get(f"{run}/of/{await yearly.id_of(blocked)}")).status == 404


async def test_a_case_is_decided_on_its_page(yearly: Yearly) -> None:
    floor, page = yearly.floor, f"/vouchers/systems/{yearly.floor.system_id}/exceptions"
    assert "Nothing to look at" in await shown(browser(yearly), page)
    number = await floor.voucher(loaded=1_000)
    await floor.redeem(number, 400, key=KEY, station="till 2", operator="Ida")
    yearly.go_to("2026-03-16T06:00")
    asked = browser(yearly)
    text = await shown(asked, page)
    case = re.findall(r"/vouchers/cases/[0-9a-f]{32}", text)[0]
    assert "Till till 2" in text
    await shown(asked, case)
    reply = await asked.post(case, page=case, decision="nonsense", **SAID)
    assert (reply.status, "choose what happened" in reply.text) == (400, True)
    reply = await asked.post(case, page=case, decision="not_paid", evidence="", reason="x")
    assert (reply.status, "records show" in reply.text) == (400, True)
    done = gone_on(await asked.post(case, page=case, decision="not_paid", **SAID))
    assert "The amount is back on the voucher." in await shown(asked, done)
    assert (await asked.get(case)).status == 404
    with pytest.raises(BridgeError):
        await floor.desk.confirm(floor.here, KEY)
    assert "Closed after a put-back" in await shown(asked, page)
    assert "No money is moved here" in await shown(asked, case)
    done = gone_on(await asked.post(case, page=case, decision="settled", **SAID))
    assert "Nothing to look at" in await shown(asked, done)
    assert (await floor.desk.state(floor.here, KEY)).state is OperationState.PUT_BACK


async def test_a_pause_ends_on_its_page(yearly: Yearly) -> None:
    await guessed(yearly)
    asked, page = browser(yearly), f"/vouchers/systems/{yearly.floor.system_id}/exceptions"
    text = await shown(asked, page)
    assert "Redeeming, after 30 wrong PINs" in text
    assert text.count("PIN locked until") == 6
    pause = f"/vouchers/systems/{yearly.floor.system_id}/pauses/{yearly.floor.here.location_id}"
    assert pause in text
    await shown(asked, pause)
    assert (await asked.post(pause, page=pause, reason="")).status == 400
    assert "may go on" in await shown(asked, gone_on(await asked.post(pause, page=pause, reason="broken reader")))
    assert (await asked.get(pause)).status == 404


@pytest.mark.parametrize(
    ("rights", "validity", "exceptions"),
    [
        (("vouchers.settlement.view",), 200, 200),
        (("vouchers.settings.view",), 200, 403),
        (("vouchers.correct.view",), 200, 200),
        (("vouchers.codes.edit", "vouchers.pin.edit"), 403, 403),
    ],
)
async def test_who_sees_which_page(yearly: Yearly, rights: tuple[str, ...], validity: int, exceptions: int) -> None:
    floor = yearly.floor
    await floor.redeem(await floor.voucher(loaded=1_000), 400, key=KEY)
    yearly.go_to("2026-03-16T06:00")
    asked = browser(yearly, somebody(floor.here.tenant_id, *rights))
    at = f"/vouchers/systems/{floor.system_id}"
    assert (await asked.get(f"{at}/validity")).status == validity
    page = await asked.get(f"{at}/exceptions")
    assert page.status == exceptions
    assert "/vouchers/cases/" not in page.text
    assert (await asked.get(f"{at}/validity/edit")).status == 403
    assert (await asked.get(f"/vouchers/cases/{await operation_id(yearly)}")).status == 403
    assert (await browser(yearly, somebody("f" * 32, *rights)).get(f"{at}/validity")).status in {403, 404}
