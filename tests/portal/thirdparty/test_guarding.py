"""Who may ask, when, and how often; and what no log shows."""

from datetime import timedelta
from io import StringIO

import pytest
import structlog

from tests.portal.clock import HandClock
from tests.portal.thirdparty.till import Till, refused, said
from tests.portal.vouchers.floor import PIN
from tillbridge.link.scopes import Scope
from tillbridge.portal.maintenance.model import Component
from tillbridge.portal.maintenance.service import Maintenance
from tillbridge.portal.partners import proving
from tillbridge.portal.thirdparty import store
from tillbridge.portal.vouchers.guessing import MOST_AN_HOUR
from tillbridge.runtime.logging import Level, set_up_logging


async def test_without_a_good_key_nothing_opens(till: Till) -> None:
    number = await till.floor.voucher(loaded=1_000)
    reply = await till.balance(number, key="")
    assert refused(reply) == (401, "X904")
    assert reply.headers["www-authenticate"].startswith("Bearer")
    assert said(reply)["legacy_code"] == "007"
    bearer = {"authorization": f"Bearer {till.key}"}
    assert (await till.ask("GET", f"/vouchers/{number}/balance", key="", headers=bearer)).status == 200
    reads = await till.make_key(Scope.VOUCHERS_READ)
    assert (await till.balance(number, key=reads)).status == 200
    assert refused(await till.redeem(f"{number}{PIN}", 100, key=reads)) == (403, "P207")
    assert refused(await till.cancel(number, "x", key=reads)) == (403, "P207")


async def test_a_key_in_the_address_only_with_its_switch_and_in_no_log(till: Till) -> None:
    number, written = await till.floor.voucher(loaded=1_000), StringIO()
    set_up_logging(level=Level.DEBUG, console=written)
    try:
        path = f"/vouchers/{number}{PIN}/redeem"
        asked = {"amount_in_cents": 100}
        assert refused(await till.ask("POST", f"{path}?apikey={till.key}", asked, key="")) == (401, "X904")
        compatible = await till.make_key(in_address=True)
        assert (await till.ask("POST", f"{path}?apikey={compatible}", asked, key="")).status == 200
        # Both of them at once leave it open which one counts.
        assert refused(await till.ask("POST", f"{path}?apikey={compatible}", asked)) == (401, "X904")
    finally:
        set_up_logging(console=StringIO())
        structlog.reset_defaults()
    told = written.getvalue()
    assert not [secret for secret in (till.key, compatible, number, "apikey") if secret in told]


async def test_a_fault_of_ours_is_answered_in_this_form_and_logged_without_the_number(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    number, written = await till.floor.voucher(loaded=1_000), StringIO()

    async def broken(*_: object) -> int:
        raise RuntimeError("out of order")

    monkeypatch.setattr(store, "loaded_in_all", broken)
    set_up_logging(level=Level.DEBUG, console=written)
    try:
        reply = await till.balance(f"{number}{PIN}")
    finally:
        set_up_logging(console=StringIO())
        structlog.reset_defaults()
    assert refused(reply)[0] == 500
    assert said(reply)["trace_id"] in written.getvalue()
    assert number not in written.getvalue()


async def test_the_service_has_a_switch_and_a_licence_of_its_own(till: Till) -> None:
    number = await till.floor.voucher(loaded=1_000)
    token = await till.token(number, 400, reference_number="r-1")
    await till.switch(on=False)
    assert refused(await till.balance(number)) == (503, "X902")
    off = await till.redeem(f"{number}{PIN}", 100, reference_number="r-2")
    assert (refused(off), said(off)["legacy_code"]) == ((503, "X902"), "007")
    # An answer that was given is given again, and money goes back whatever is switched off.
    assert said(await till.redeem(f"{number}{PIN}", 400, reference_number="r-1"))["redeem_token"] == token
    assert said(await till.cancel(number, token))["balance_in_cents"] == 1_000
    there = await till.make_key(location_id=till.floor.there.location_id)
    assert refused(await till.balance(number, key=there)) == (403, "P302")


async def test_maintenance_stops_all_of_it(till: Till) -> None:
    number = await till.floor.voucher(loaded=1_000)
    token = await till.token(number, 400)
    async with till.house.database.writing() as connection:
        until = till.house.runtime.clock.now() + timedelta(hours=1)
        await Maintenance(till.house).switch_on(
            connection, till.person, Component.VOUCHERS, until=until, reason="x", zone="UTC"
        )
    replies = (
        await till.balance(number),
        await till.redeem(f"{number}{PIN}", 100),
        await till.cancel(number, token),
    )
    assert [refused(one) for one in replies] == [(503, "X903")] * 3
    assert {one.headers["retry-after"] for one in replies} == {"3600"}
    assert "14:00:00" in said(replies[0])["message"]


async def test_guessing_counts_as_everywhere_else(till: Till, clock: HandClock) -> None:
    number = await till.floor.voucher(loaded=1_000)
    for _ in range(5):
        assert refused(await till.redeem(f"{number}9999", 100)) == (403, "V205")
    locked = await till.redeem(f"{number}{PIN}", 100, reference_number="r-1")
    assert (refused(locked), locked.headers["retry-after"]) == ((429, "V206"), "300")
    assert said(await till.balance(number))["is_redeemable"] is False
    clock.forward(minutes=5)
    # What was not decided is not kept.
    assert (await till.redeem(f"{number}{PIN}", 100, reference_number="r-1")).status == 200


async def test_unknown_numbers_count_at_the_location(till: Till) -> None:
    known = await till.floor.voucher(loaded=1_000)
    for _ in range(MOST_AN_HOUR):
        assert refused(await till.balance("27612345678904")) == (404, "V103")
    assert refused(await till.balance(known)) == (429, "V401")
    assert refused(await till.redeem(f"{known}{PIN}", 100)) == (429, "V401")


async def test_one_key_is_used_so_often_in_a_minute(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proving, "CALLS_A_MINUTE", 2)
    number = await till.floor.voucher(loaded=1_000)
    assert [(await till.balance(number)).status for _ in range(3)] == [200, 200, 429]


async def test_a_sentence_is_in_the_tills_language_or_the_countrys(till: Till) -> None:
    for language, sentence in (
        ("", "Dieser Gutschein ist hier nicht bekannt."),
        ("fr", "Ce bon n'est pas connu ici."),
    ):
        headers = {"accept-language": language}
        reply = await till.ask("GET", "/vouchers/27612345678904/balance", headers=headers)
        assert said(reply)["message"] == sentence
