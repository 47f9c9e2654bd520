"""The sandbox of a voucher provider speaks the documented form: names, types, and what each answer means."""

import json
from typing import Any

import pytest

from tests.support.console.asgi_client import Answer, Client
from tillbridge.cli.simulate_voucher_provider import PORT as TOLD
from tillbridge.cli.simulating_voucher_provider import Wish
from tillbridge.domain.errors import BridgeError
from tillbridge.virtual.voucher_provider.app import PORT, Sandbox
from tillbridge.virtual.voucher_provider.books import Books, Card, read_card
from tillbridge.virtual.voucher_provider.faults import Asked, Fault, read_switch

NUMBER = "27612345678904"


def provider(**promises: bool) -> tuple[Sandbox, Client]:
    one = Sandbox(Books([Card(NUMBER, 5000, "0420"), Card("1234567890", 0)], **promises), "key")
    return one, Client(one.app(), {"x-api-key": "key"})


async def post(client: Client, what: str, **body: Any) -> Answer:
    headers = {"content-type": "application/json"}
    return await client.ask("POST", f"/vouchers/{NUMBER}/{what}", json.dumps(body).encode(), headers)


async def test_a_balance_has_the_documented_fields_and_an_empty_message() -> None:
    _, client = provider()
    found = (await client.get(f"/vouchers/{NUMBER}/balance")).json
    assert found == {
        "code": NUMBER,
        "is_redeemable": True,
        "balance_in_cents": 5000,
        "total_amount_in_cents": 5000,
        "message": "",
    }
    empty = (await client.get("/vouchers/1234567890/balance")).json
    assert (empty["is_redeemable"], bool(empty["message"])) == (False, True)


async def test_the_key_stands_in_the_header_or_in_the_query() -> None:
    one, _ = provider()
    for headers, query, status in (({}, "", 401), ({}, "?apikey=key", 200), ({"x-api-key": "keyy"}, "", 401)):
        assert (await Client(one.app(), headers).get(f"/vouchers/{NUMBER}/balance{query}")).status == status


async def test_what_is_taken_goes_back_as_often_as_there_is_something_left() -> None:
    one, client = provider()
    taken = (await post(client, "redeem", amount_in_cents=2000, pin="0420")).json
    assert (taken["balance_in_cents"], taken["message"]) == (3000, "")
    token = taken["redeem_token"]
    assert (await post(client, "cancel", redeem_token=token, amount_in_cents=500)).json["balance_in_cents"] == 3500
    assert (await post(client, "cancel", redeem_token=token)).json["balance_in_cents"] == 5000
    over = await post(client, "cancel", redeem_token=token, amount_in_cents=1)
    assert (over.status, bool(over.json["message"])) == (409, True)
    assert one.books.cards[NUMBER].balance == 5000


async def test_a_reference_that_comes_twice_is_carried_out_once_unless_it_forgets() -> None:
    for remembers, left in ((True, 3000), (False, 1000)):
        one, client = provider(remembers=remembers)
        for _ in range(2):
            await post(client, "redeem", amount_in_cents=2000, pin="0420", reference_number="r-1")
        assert one.books.cards[NUMBER].balance == left


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"amount_in_cents": 2000}, 409),
        ({"amount_in_cents": 2000, "pin": "9999"}, 409),
        ({"amount_in_cents": 5001, "pin": "0420"}, 409),
        ({"amount_in_cents": 1.5, "pin": "0420"}, 422),
        ({"amount_in_cents": True, "pin": "0420"}, 422),
        ({"amount_in_cents": -1, "pin": "0420"}, 422),
        ({"pin": "0420"}, 422),
    ],
)
async def test_what_is_refused_moves_nothing_and_says_why(body: dict[str, Any], status: int) -> None:
    one, client = provider()
    answer = await post(client, "redeem", **body)
    assert (answer.status, bool(answer.json["message"])) == (status, True)
    assert one.books.cards[NUMBER].balance == 5000


async def test_where_there_is_no_way_back_nothing_goes_back() -> None:
    _, client = provider(takes_back=False)
    token = (await post(client, "redeem", amount_in_cents=1, pin="0420")).json["redeem_token"]
    assert (await post(client, "cancel", redeem_token=token)).status == 409


async def test_the_page_lists_cards_and_switches_faults_in_each_language() -> None:
    one, _ = provider()
    for language, text in (("de-AT,de", "Karten"), ("fr", "Cartes"), ("cs", "Karty"), ("xx, en", "Cards")):
        page = await Client(one.app(), {"accept-language": language}).get("/")
        assert text in page.text
        assert NUMBER in page.text
    person = Client(one.app(), {})
    assert (await person.submit("/switches", asked="redeem", fault="cut-after", times="2")).status == 303
    assert [(each.fault, each.times) for each in one.faults.on] == [(Fault.CUT_AFTER, 2)]
    assert (await person.submit("/switches", asked="redeem", fault="<b>", times="")).status == 422
    await person.submit("/switches", fault="")
    assert one.faults.on == ()
    await person.submit("/cards", number="99", cents="100", pin="")
    assert one.books.balance("99")["balance_in_cents"] == 100
    assert (await person.submit("/cards", number="<i>", cents="1", pin="")).status == 422


def test_the_command_line_reads_cards_and_faults() -> None:
    assert TOLD == PORT
    card = read_card("276:5000:0420")
    assert (card.number, card.balance, card.pin) == ("276", 5000, "0420")
    switch = read_switch("balance.late:3:1.5")
    assert (switch.fault, switch.asked, switch.times, switch.seconds) == (Fault.LATE, Asked.BALANCE, 3, 1.5)
    for wrong in ("nothing", "redeem.", "late:0", "late:1:9999", "late:x"):
        with pytest.raises(BridgeError):
            read_switch(wrong)
    for wrong in ("276", "276:x", "x:1", "276:1:x"):
        with pytest.raises(BridgeError):
            read_card(wrong)
    with pytest.raises(BridgeError):
        Wish.of(0, ["x"], "key", (), takes_back=True, remembers=True)
