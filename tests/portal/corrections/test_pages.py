"""The pages of corrections, asked as a browser asks them."""

import re
from dataclasses import replace
from typing import Final

import pytest

from tests.portal.browser import Browser, Reply
from tests.portal.clock import HandClock
from tests.portal.corrections.office import Office
from tests.portal.people import TOKEN, Standing, somebody
from tillbridge.domain.cashier_texts import Language
from tillbridge.portal.app import portal_app
from tillbridge.portal.corrections.feature import feature
from tillbridge.portal.corrections.model import Kind
from tillbridge.portal.feature import Feature
from tillbridge.portal.rights import Person
from tillbridge.portal.vouchers.batches_model import BatchDraft
from tillbridge.portal.vouchers.batches_service import Batches
from tillbridge.portal.vouchers.feature import MENU
from tillbridge.portal.vouchers.feature import office as office_pages


def browser(office: Office, person: Person, language: str = "en") -> Browser:
    house = office.floor.house
    features = [Feature("vouchers", pages=office_pages(house), menu=(MENU,)), feature(house)]
    return Browser(portal_app(house, Standing(replace(person, language=None)), features), language=language)


async def shown(asked: Browser, path: str) -> str:
    reply = await asked.get(path)
    assert reply.status == 200, (path, reply.status, reply.text[:400])
    assert not re.search(r"[{}]|(?:vouchers|corrections)\.[a-z]", reply.text.partition("<main")[2]), path
    return reply.text


def gone_on(reply: Reply) -> str:
    assert reply.status == 303, (reply.status, reply.text[:600])
    return reply.location


WRONG: Final = (
    ({"amount": "4,00,0"}, "Please enter an amount"),
    ({"amount": "10.01"}, "There is less credit"),
    ({"amount": "0"}, "above zero"),
    ({"amount": "4", "reason": ""}, "Please give a reason"),
    ({"amount": "4", "seq": "0"}, "Something was booked on this voucher just now"),
)
"""What somebody enters, and what the form says to that."""


async def test_one_asks_and_the_other_approves(office: Office) -> None:
    floor = office.floor
    number = await floor.voucher(loaded=1_000)
    voucher = f"/vouchers/one/{(await floor.row(number))['id']}"
    anna, bert = browser(office, office.anna), browser(office, office.bert)
    assert f'href="{voucher}/corrections"' in await shown(anna, voucher)
    page = await shown(anna, f"{voucher}/corrections")
    assert [f"{voucher}/corrections/{kind}" in page for kind in Kind] == [True] * len(Kind)
    form = f"{voucher}/corrections/less"
    await shown(anna, form)
    seq = {"seq": "1", "reason": "typed twice"}
    for wrong, said in WRONG:
        reply = await anna.post(form, page=form, **(seq | wrong))
        assert (reply.status, said in reply.text) == (400, True), wrong
    request = gone_on(await anna.post(form, page=form, amount="4", **seq))
    page = await shown(anna, request)
    assert "The request is made." in page
    assert "\N{MINUS SIGN}4.00" in page
    assert "Withdraw the request" in page
    assert "Approve" not in page.partition("Decide")[2].partition("The voucher")[0]
    here = request.partition("?")[0]
    assert "is waiting already" in await shown(anna, f"{voucher}/corrections")
    assert "is waiting already" in await shown(anna, form)
    tab = f"/vouchers/systems/{floor.system_id}/corrections"
    assert here in (await shown(bert, tab)).partition("Done")[0]
    assert "typed twice" in await shown(bert, here)
    refusal = await bert.post(f"{here}/refuse", page=here, reason=" ")
    assert (refusal.status, "Please give a reason" in refusal.text) == (400, True)
    booked = gone_on(await bert.post(f"{here}/approve", page=here))
    assert "The correction is booked." in await shown(bert, booked)
    assert "Approve and book" not in await shown(bert, here)
    late = gone_on(await bert.post(f"{here}/refuse", reason="late", token=TOKEN))
    assert "Somebody has decided already." in await shown(bert, late)
    history = await shown(anna, voucher)
    assert ("Corrected by hand" in history, "typed twice" in history) == (True, True)
    assert here in (await shown(anna, tab)).partition(">Done")[2]


async def test_entries_are_chosen_and_an_empty_amount_is_all_of_it(office: Office) -> None:
    floor = office.floor
    number, new = await floor.voucher(loaded=1_000), await floor.voucher()
    await floor.redeem(number, 300, at=floor.there)
    voucher = f"/vouchers/one/{(await floor.row(number))['id']}/corrections"
    anna, bert = browser(office, office.anna), browser(office, office.bert)
    page = await shown(anna, f"{voucher}/reverse")
    assert "7.00" in page.partition("of it possible")[0].rpartition("Entry 1")[2]
    for kind, form, balance in (
        ("put_back", {"original": (await office.entry(number, 2))["id"]}, 1_000),
        ("more", {"amount": "2.50", "location": floor.there.location_id}, 1_250),
        ("reverse", {"original": (await office.entry(number, 1))["id"], "amount": "5"}, 750),
        ("reissue", {"target": f"{new}  "}, 0),
    ):
        path = f"{voucher}/{kind}"
        seq = str((await floor.row(number))["seq"])
        asked = gone_on(await anna.post(path, page=path, reason="wrong", seq=seq, **form)).partition("?")[0]
        await shown(bert, asked)
        assert "done=booked" in gone_on(await bert.post(f"{asked}/approve", page=asked)), kind
        assert await floor.balance(number) == balance, kind
    assert await floor.balance(new) == 750
    assert "Out of use" in await shown(anna, voucher)
    assert "is nothing of this kind" in await shown(anna, f"{voucher}/reverse")
    new_page = await shown(anna, f"/vouchers/one/{(await floor.row(new))['id']}")
    assert ("Taken over from an old voucher" in new_page, "wrong" in new_page) == (True, True)
    for path, form, said in (
        ("retire", {}, "out of use already"),
        ("reissue", {"target": "12"}, "No voucher of this system"),
        ("reissue", {"target": new}, "out of use already"),
    ):
        page, seq = f"{voucher}/{path}", str((await floor.row(number))["seq"])
        reply = await anna.post(page, page=page, reason="wrong", seq=seq, **form)
        assert (reply.status, said in reply.text) == (400, True), path
    assert (await anna.get(f"{voucher}/everything")).status == 404
    await floor.sound()


@pytest.mark.parametrize("language", ["de", "fr", "cs"])
async def test_every_page_in_every_language(office: Office, language: str) -> None:
    floor = office.floor
    number = await floor.voucher(loaded=1_000)
    one = await office.ask(number, Kind.LESS, 100)
    await floor.redeem(number, 950)
    await office.desk.approve(office.bert, one.id)
    voucher = f"/vouchers/one/{(await floor.row(number))['id']}"
    asked = browser(office, office.anna, language)
    for path in (
        voucher,
        f"{voucher}/corrections",
        *(f"{voucher}/corrections/{kind}" for kind in Kind),
        f"/vouchers/corrections/{one.id}",
        f"/vouchers/systems/{floor.system_id}/corrections",
    ):
        assert f'lang="{language}"' in await shown(asked, path)
    assert Language(language)


async def test_whoever_may_not_is_shown_no_way_there(office: Office, clock: HandClock) -> None:
    floor = office.floor
    number = await floor.voucher(loaded=1_000)
    voucher = f"/vouchers/one/{(await floor.row(number))['id']}"
    one = await office.ask(number, Kind.LESS, 100)
    clerk = browser(office, somebody(floor.here.tenant_id, "vouchers.state.edit"))
    assert "/corrections" not in await shown(clerk, voucher)
    assert (await clerk.get(f"{voucher}/corrections")).status == 403
    assert (await clerk.get(f"/vouchers/corrections/{one.id}")).status == 403
    auditor = browser(office, somebody(floor.here.tenant_id, "vouchers.correct.view"))
    page = await shown(auditor, f"/vouchers/corrections/{one.id}")
    assert ("Approve and book" in page, "276 " in page) == (False, False)
    assert "What is to be corrected?" not in await shown(auditor, f"{voucher}/corrections")
    assert (await auditor.get(f"{voucher}/corrections/less")).status == 403
    clock.forward(minutes=6)
    late = browser(office, office.anna)
    assert gone_on(await late.get(f"{voucher}/corrections/less")).startswith("/step-up?next=")


async def test_unused_codes_are_withdrawn_on_their_own_page(office: Office) -> None:
    batches, asked = Batches(office.floor.house), browser(office, office.anna)
    batch = await batches.make(office.anna, office.floor.system_id, BatchDraft("Ostern", "276", 5))
    here = f"/vouchers/batches/{batch.id}"
    assert f'href="{here}/withdraw"' in await shown(asked, here)
    form = f"{here}/withdraw"
    await shown(asked, form)
    wrong = await asked.post(form, page=form, first="2", last="9", reason="lost")
    assert (wrong.status, "neither a place" in wrong.text) == (400, True)
    done = gone_on(await asked.post(form, page=form, first="2", last="4", reason="lost"))
    page = await shown(asked, done)
    assert ("The unused codes are withdrawn." in page, page.count("Out of use")) == (True, 4)
    again = gone_on(await asked.post(form, page=form, first="2", last="4", reason="lost"))
    assert "there was no unused code" in await shown(asked, again)
