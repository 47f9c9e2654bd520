"""The client against a gateway on a real port: whatever is lost on the way, an order is there once."""

import asyncio

import pytest

from tests.support.hipay_gateway import HASHKEY, LOGIN, PASSWORD, Gateway, Mishap, gateway
from tests.support.shop import free_port
from tests.unit.psp.hipay_client.test_orders import paid
from tillbridge.psp.hipay.client import HipayClient
from tillbridge.psp.hipay.orders import Contract, PassiveOrder, passive_order
from tillbridge.psp.verdicts import Fate, Verdict


def order(number: int = 1, minor: int = 1023) -> PassiveOrder:
    return passive_order(paid(minor, id=f"{number:032x}"), Contract("1234567", "1234567"), HASHKEY)


async def report(place: Gateway, one: PassiveOrder, *, look_first: bool = False, seconds: float = 5.0) -> Verdict:
    async with HipayClient(place.url, LOGIN, PASSWORD, "0", seconds=seconds) as client:
        return await client.report(one, look_first=look_first)


async def test_an_order_is_taken_and_connections_are_used_again() -> None:
    async with gateway() as place, HipayClient(place.url, LOGIN, PASSWORD, "0") as client:
        for number in range(20):
            verdict = await client.report(order(number), look_first=False)
            assert (verdict.fate, verdict.reference) == (Fate.TAKEN, str(800000000000 + number))
        assert (len(place.orders), place.connections) == (20, 1)


@pytest.mark.parametrize("mishap", [Mishap.CUT_AFTER, Mishap.FAULT_AFTER, Mishap.SILENT_AFTER, Mishap.NONSENSE_AFTER])
async def test_a_lost_answer_is_unclear_and_the_next_try_only_looks(mishap: Mishap) -> None:
    async with gateway() as place:
        place.mishaps.append(mishap)
        assert (await report(place, order(), seconds=0.5)).fate is Fate.UNCLEAR
        verdict = await report(place, order(), look_first=True)
        assert (verdict.fate, verdict.reference, place.posts()) == (Fate.TAKEN, "800000000000", 1)


@pytest.mark.parametrize("mishap", [Mishap.CUT_BEFORE, Mishap.FAULT_BEFORE])
async def test_what_never_arrived_is_looked_for_and_then_sent(mishap: Mishap) -> None:
    async with gateway() as place:
        place.mishaps.append(mishap)
        assert (await report(place, order())).fate is Fate.UNCLEAR
        assert (await report(place, order(), look_first=True)).fate is Fate.TAKEN
        assert [method for method, *_ in place.asked] == ["POST", "GET", "POST"]


async def test_a_duplicate_counts_as_delivered_if_it_is_ours_and_not_if_it_is_another_s() -> None:
    async with gateway() as place:
        await report(place, order())
        assert (await report(place, order())).fate is Fate.TAKEN, "after a crash nobody remembers the first"
        assert len(place.orders) == 1
        dearer = order(minor=9999)
        verdict = await report(place, dearer)
        assert verdict.fate is Fate.REFUSED
        assert "another amount" in verdict.words
        place.late = True
        assert (await report(place, order())).fate is Fate.UNCLEAR, "it is there, and cannot be seen yet"


async def test_nothing_is_sent_where_the_look_up_fails() -> None:
    async with gateway() as place:
        for mishap, fate in ((Mishap.FAULT_BEFORE, Fate.UNCLEAR), (Mishap.UNAVAILABLE, Fate.UNREACHED)):
            place.mishaps.append(mishap)
            assert (await report(place, order(), look_first=True)).fate is fate
        assert place.posts() == 0


@pytest.mark.parametrize(
    ("mishap", "fate"),
    [
        (Mishap.LOGIN, Fate.HELD),
        (Mishap.ADDRESS, Fate.HELD),
        (Mishap.MOVED, Fate.HELD),
        (Mishap.UNAVAILABLE, Fate.UNREACHED),
        (Mishap.DECLINED, Fate.REFUSED),
    ],
)
async def test_every_other_trouble_has_its_meaning(mishap: Mishap, fate: Fate) -> None:
    async with gateway() as place:
        place.mishaps.append(mishap)
        assert (await report(place, order())).fate is fate


async def test_a_wrong_password_is_held_and_stands_in_no_word() -> None:
    async with gateway() as place, HipayClient(place.url, LOGIN, "wrong-one", "0") as client:
        verdict = await client.report(order(), look_first=False)
        assert (verdict.fate, "wrong-one" in verdict.words) == (Fate.HELD, False)


async def test_nobody_there_is_unreached() -> None:
    async with HipayClient(f"http://127.0.0.1:{free_port()}", LOGIN, PASSWORD, "0") as client:
        assert (await client.report(order(), look_first=False)).fate is Fate.UNREACHED


async def test_an_answer_without_end_is_not_read_for_ever() -> None:
    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        try:
            while True:
                writer.write(b"x" * 65536)
                await writer.drain()
        except ConnectionError:
            writer.close()

    server = await asyncio.start_server(flood, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, HipayClient(url, LOGIN, PASSWORD, "0") as client:
        assert (await client.report(order(), look_first=False)).fate is Fate.UNCLEAR
