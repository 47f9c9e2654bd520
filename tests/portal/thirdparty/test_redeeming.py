"""A till of another maker looks vouchers up and redeems them."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from tests.portal.clock import HandClock
from tests.portal.thirdparty.till import Till, refused, said
from tests.portal.vouchers.floor import PIN
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.link.voucher_messages import OperationState
from tillbridge.portal.ledger.tables import entry, operation
from tillbridge.portal.storage.database import Database
from tillbridge.portal.thirdparty.tables import third_party_repeat

OF_THE_REDEMPTION = 2
"""Which write of a request books; the first counts what its key was used for."""

AMOUNTS = ("1e3", "10.0", "true", "-1", "0", "10000000000000", '"10"', "null", "[1]", '"\uff11\uff10"', "1e400")

AMBIGUOUS = (
    b"",
    b"[]",
    b"amount_in_cents=100",
    b'{"amount_in_cents": 100, "amount_in_cents": 200}',
    b'{"amount_in_cents": 100, "reference_nummer": "1"}',
    b'{"amount_in_cents": 100, "reference_number": ""}',
    b'{"amount_in_cents": 100, "reference_number": 4711}',
    b'{"amount_in_cents": 100, "reference_number": "a\\u0000"}',
    b'{"amount_in_cents": 100, "reference_number": "\\ud800"}',
    b'{"amount_in_cents": 100, "pin": 420}',
    b'{"amount_in_cents": 100' + b" " * 5_000 + b"}",
)


async def repeats(till: Till) -> int:
    async with till.house.database.reading() as connection:
        return int(await connection.scalar(select(func.count()).select_from(third_party_repeat)) or 0)


async def test_a_balance_says_what_is_there_and_what_ever_was(till: Till) -> None:
    number = await till.floor.voucher(loaded=5_000)
    await till.floor.redeem(number, 1_200)
    await till.floor.load(number, 1_000)
    for code in (number, f"{number}{PIN}"):
        reply = await till.balance(code)
        assert (reply.status, reply.headers["cache-control"]) == (200, "no-store")
        assert said(reply) == {
            "code": code,
            "is_redeemable": True,
            "balance_in_cents": 4_800,
            "total_amount_in_cents": 6_000,
            "message": "",
        }


async def test_a_load_that_was_reversed_counts_for_nothing(till: Till) -> None:
    number, key = await till.floor.voucher(loaded=1_000), till.floor.key()
    await till.floor.load(number, 300, key=key)
    await till.floor.desk.reverse(till.floor.here, key)
    assert said(await till.balance(number))["total_amount_in_cents"] == 1_000


async def test_a_balance_says_why_it_cannot_be_redeemed(till: Till) -> None:
    cases: list[tuple[dict[str, Any], int, str]] = [
        ({"blocked": True}, 500, "This voucher is blocked."),
        ({"life": "produced"}, 0, "not activated"),
        ({}, 0, "no credit left"),
        ({"country": "040"}, 0, "another country"),
        ({"pin_blocked": True}, 500, "The PIN of this voucher is blocked."),
    ]
    for values, loaded, sentence in cases:
        made = {name: value for name, value in values.items() if name in {"country", "life"}}
        number = await till.floor.voucher(loaded=loaded, **made)
        if values.keys() - made.keys():
            await till.floor.change(number, **values)
        reply = await till.balance(number)
        body = said(reply)
        assert (reply.status, body["is_redeemable"], body["balance_in_cents"]) == (200, False, loaded), sentence
        assert sentence in body["message"]


async def test_a_redemption_is_booked_as_confirmed_at_once(till: Till) -> None:
    number = await till.floor.voucher(loaded=1_000)
    reply = await till.redeem(f"{number}{PIN}", 700, reference_number="4711")
    body = said(reply)
    assert (reply.status, body["balance_in_cents"], body["message"]) == (200, 300, "")
    assert body.keys() == {"code", "balance_in_cents", "redeem_token", "message"}
    async with till.house.database.reading() as connection:
        (row,) = (await connection.execute(select(operation).where(operation.c.kind == "redeem"))).mappings()
        stations = list(await connection.scalars(select(entry.c.station).where(entry.c.kind == "redeem")))
    assert (row["state"], row["closed_at"], row["transaction_ref"]) == ("confirmed", row["created_at"], "4711")
    assert stations == ["Kasse Linde"]
    await till.floor.sound()


async def test_it_takes_all_or_nothing(till: Till) -> None:
    number = await till.floor.voucher(loaded=300)
    reply = await till.redeem(f"{number}{PIN}", 301)
    assert refused(reply) == (409, "V302")
    assert (said(reply)["balance_in_cents"], said(reply)["message"]) == (300, "Only 3.00\xa0EUR is left.")
    assert await till.floor.balance(number) == 300
    assert (await till.redeem(f"{number}{PIN}", 300)).status == 200
    assert refused(await till.redeem(f"{number}{PIN}", 1)) == (409, "V301")


async def test_a_pin_is_needed_and_there_is_one(till: Till) -> None:
    number = await till.floor.voucher(loaded=1_000)
    assert refused(await till.redeem(number, 100)) == (400, "V105")
    assert refused(await till.redeem(number, 100, pin="")) == (400, "V105")
    assert refused(await till.redeem(f"{number}{PIN}", 100, pin="1111")) == (400, "V104")
    assert refused(await till.redeem(number, 100, pin="12")) == (400, "V101")
    assert (await till.floor.row(number))["pin_misses"] == 0
    assert (await till.redeem(number, 100, pin=PIN)).status == 200
    assert (await till.redeem(f"{number}{PIN}", 200, pin=PIN)).status == 200
    wrong = await till.redeem(f"{number}1111", 100)
    assert (refused(wrong), said(wrong)["tries_left"]) == ((403, "V205"), 4)
    assert (await till.floor.row(number))["pin_misses"] == 1


async def test_a_code_has_fourteen_or_eighteen_digits(till: Till) -> None:
    for code in ("1", "27612345678904042", "\uff12\uff17\uff16" + "0" * 11, "abcdefghijklmn", "2761%20234567890"):
        reply = await till.balance(code)
        assert (refused(reply), said(reply)["code"]) == ((400, "V101"), ""), code


async def test_an_unknown_number_and_a_typing_mistake(till: Till) -> None:
    assert refused(await till.balance("27612345678904")) == (404, "V103")
    assert refused(await till.balance("27612345678905")) == (400, "V102")
    assert refused(await till.redeem("276123456789040420", 100)) == (404, "V103")


async def test_an_amount_is_a_whole_number(till: Till) -> None:
    number = await till.floor.voucher(loaded=1_000)
    for amount in AMOUNTS:
        raw = f'{{"amount_in_cents": {amount}}}'.encode()
        reply = await till.ask("POST", f"/vouchers/{number}{PIN}/redeem", raw)
        assert (refused(reply), said(reply)["place"]) == ((400, "V304"), "amount_in_cents"), amount
    assert refused(await till.ask("POST", f"/vouchers/{number}{PIN}/redeem", {})) == (400, "V304")
    assert await till.floor.balance(number) == 1_000


async def test_what_could_mean_two_things_is_refused(till: Till) -> None:
    number = await till.floor.voucher(loaded=1_000)
    for body in AMBIGUOUS:
        reply = await till.ask("POST", f"/vouchers/{number}{PIN}/redeem", body)
        assert refused(reply)[0] in {400, 413}, body
        assert PIN not in said(reply)["message"]
    assert await till.floor.balance(number) == 1_000


# ------------------------------------------------------------ asked again


async def test_the_same_reference_books_once(till: Till) -> None:
    number = await till.floor.voucher(loaded=1_000)
    first = await till.redeem(f"{number}{PIN}", 400, reference_number="r-1")
    again = await till.redeem(number, 400, pin=PIN, reference_number="r-1")
    assert (said(again)["redeem_token"], again.headers["idempotent-replay"]) == (said(first)["redeem_token"], "true")
    assert said(again)["balance_in_cents"] == 600
    for which, amount in ((number, 401), (await till.floor.voucher(loaded=1_000), 400)):
        reply = await till.redeem(f"{which}{PIN}", amount, reference_number="r-1")
        assert refused(reply) == (422, "V501")
    assert await till.floor.balance(number) == 600
    assert await repeats(till) == 0


async def test_a_refusal_is_kept_under_its_reference(till: Till) -> None:
    number = await till.floor.voucher(loaded=100)
    first = await till.redeem(f"{number}{PIN}", 400, reference_number="r-1")
    await till.floor.load(number, 1_000)
    again = await till.redeem(f"{number}{PIN}", 400, reference_number="r-1")
    assert (refused(again), again.body) == ((409, "V302"), first.body)
    assert again.headers["idempotent-replay"] == "true"
    wrong = [await till.redeem(f"{number}9999", 400, reference_number="r-2") for _ in range(3)]
    assert {refused(one) for one in wrong} == {(403, "V205")}
    assert (await till.floor.row(number))["pin_misses"] == 1


async def test_the_key_is_replaced_and_its_references_stay(till: Till) -> None:
    number = await till.floor.voucher(loaded=1_000)
    token = await till.token(number, 400, reference_number="r-1")
    new = await till.make_key()
    again = await till.redeem(f"{number}{PIN}", 400, reference_number="r-1", key=new)
    assert said(again)["redeem_token"] == token
    # Another maker's till at the same counter may count from one as well.
    other = await till.partners.add(till.person, "Kasse Eiche")
    third = await till.make_key(partner=other)
    more = await till.redeem(f"{number}{PIN}", 100, reference_number="r-1", key=third)
    assert (more.status, said(more)["balance_in_cents"]) == (200, 500)


async def test_without_a_reference_every_call_counts_and_an_equal_one_is_noted(till: Till, clock: HandClock) -> None:
    number = await till.floor.voucher(loaded=2_000)
    first, second = await till.token(number, 400), await till.token(number, 400)
    assert (first != second, await till.floor.balance(number), await repeats(till)) == (True, 1_200, 1)
    await till.token(number, 399)
    clock.forward(minutes=10)
    await till.token(number, 400)
    assert await repeats(till) == 1


async def test_a_call_that_finds_the_money_gone_points_at_the_one_that_took_it(till: Till) -> None:
    number = await till.floor.voucher(loaded=400)
    await till.token(number, 400)
    assert refused(await till.redeem(f"{number}{PIN}", 400)) == (409, "V301")
    assert refused(await till.redeem(f"{number}{PIN}", 400)) == (409, "V301")
    async with till.house.database.reading() as connection:
        (row,) = await connection.execute(
            select(third_party_repeat, operation.c.state, operation.c.taken).join(
                operation, operation.c.id == third_party_repeat.c.operation_id
            )
        )
    assert (row.state, row.taken) == ("confirmed", 400)


async def test_what_was_cancelled_repeats_nothing(till: Till) -> None:
    number = await till.floor.voucher(loaded=1_000)
    await till.cancel(number, await till.token(number, 400))
    await till.token(number, 400)
    assert await repeats(till) == 0


async def test_another_branch_or_a_wrong_pin_repeats_nothing(till: Till) -> None:
    number, there = await till.floor.voucher(loaded=1_000), await till.open_there()
    await till.token(number, 400)
    assert (await till.redeem(f"{number}{PIN}", 400, key=there)).status == 200
    assert refused(await till.redeem(f"{number}1234", 400)) == (403, "V205")
    assert await repeats(till) == 0


async def test_an_answer_that_the_database_lost_books_once(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    number, writing, writes = await till.floor.voucher(loaded=1_000), Database.writing, 0

    @asynccontextmanager
    async def losing(self: Database) -> AsyncIterator[AsyncConnection]:
        nonlocal writes
        async with writing(self) as connection:
            yield connection
        writes += 1
        if writes == OF_THE_REDEMPTION:
            raise BridgeError(Code.DATABASE_UNAVAILABLE)

    monkeypatch.setattr(Database, "writing", losing)
    reply = await till.redeem(f"{number}{PIN}", 400)
    monkeypatch.undo()
    assert (reply.status, said(reply)["balance_in_cents"], writes) == (200, 600, OF_THE_REDEMPTION + 1)
    assert (await till.floor.balance(number), await repeats(till)) == (600, 0)
    await till.floor.sound()


# ------------------------------------------------------------ two at once


async def test_two_tills_of_two_forms_never_take_more_than_there_is(till: Till) -> None:
    number = await till.floor.voucher(loaded=1_000)
    taken = []

    async def connector(at: int) -> None:
        answered = await till.floor.redeem(number, 150, exact=True, key=f"connectors-key-{at:03d}")
        if answered.status == 200:
            taken.append(json.loads(answered.body)["taken"])

    async def other(at: int) -> None:
        reply = await till.redeem(f"{number}{PIN}", 150, reference_number=f"r-{at}")
        assert reply.status in {200, 409}, reply.text
        if reply.status == 200:
            taken.append(150)
        else:
            assert refused(reply)[1] in {"V301", "V302", "V502"}

    async with asyncio.TaskGroup() as group:
        for at in range(8):
            group.create_task(connector(at))
            group.create_task(other(at))
    assert sum(taken) == 900
    assert await till.floor.balance(number) == 100
    await till.floor.sound()


async def test_the_same_reference_at_once_books_once(till: Till) -> None:
    number = await till.floor.voucher(loaded=1_000)
    async with asyncio.TaskGroup() as group:
        asked = [group.create_task(till.redeem(f"{number}{PIN}", 400, reference_number="r-1")) for _ in range(8)]
    replies = [one.result() for one in asked]
    # 503: on a busy machine one of them may have waited for a connection for too long.
    assert {one.status for one in replies} <= {200, 409, 503}
    done = [said(one) for one in replies if one.status == 200]
    assert done
    assert {one["redeem_token"] for one in done} == {done[0]["redeem_token"]}
    assert all(refused(one) == (409, "V502") for one in replies if one.status == 409)
    assert await till.floor.balance(number) == 600


async def test_a_confirmed_redemption_is_seen_as_such_by_its_key(till: Till) -> None:
    token = await till.token(await till.floor.voucher(loaded=1_000), 400)
    assert (await till.floor.desk.state(till.floor.here, token)).state is OperationState.CONFIRMED
