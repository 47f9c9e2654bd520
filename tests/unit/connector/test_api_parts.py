"""Parts of the native interface by themselves: the business day, and what is remembered of decisions."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest

from tillbridge.connector.api.bodies import AmountBody, PaymentBody, SignatureBody, digest
from tillbridge.connector.api.moments import moment, start_of_business_day
from tillbridge.connector.api.outcome_resources import Resource
from tillbridge.connector.api.repeats import MOST_REMEMBERED, Repeats
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.engine.rules import EngineSettings


@pytest.mark.parametrize(
    ("now", "began"),
    [
        ("2026-01-02T03:04:05Z", "2026-01-02T03:00:00Z"),
        ("2026-01-02T02:59:59Z", "2026-01-01T03:00:00Z"),
        # The night in which the clocks go forward, and the one in which they go back.
        ("2026-03-29T01:30:00Z", "2026-03-28T03:00:00Z"),
        ("2026-03-29T02:00:00Z", "2026-03-29T02:00:00Z"),
        ("2026-10-25T02:59:59Z", "2026-10-24T02:00:00Z"),
        ("2026-10-25T03:00:00Z", "2026-10-25T03:00:00Z"),
    ],
)
def test_a_business_day_begins_at_the_same_hour_on_the_wall(now: str, began: str) -> None:
    settings = EngineSettings(time_zone="Europe/Paris", business_day_starts_hour=4)
    assert start_of_business_day(settings, datetime.fromisoformat(now)) == datetime.fromisoformat(began)


def test_without_a_zone_of_its_own_it_is_the_computers() -> None:
    settings = EngineSettings(business_day_starts_hour=0)
    now = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    began = start_of_business_day(settings, now)
    assert began == now.astimezone().replace(hour=0, minute=0, second=0)
    assert began.tzinfo is not None


def test_a_moment_that_no_calendar_has_is_refused_by_its_place() -> None:
    assert moment(None, "since") is None
    with pytest.raises(BridgeError) as refusal:
        moment("2026-02-30T00:00:00Z", "until")
    assert (refusal.value.code, refusal.value.place) == (Code.FIELD_INVALID, "until")


def test_a_digest_says_where_it_is_for_as_well() -> None:
    body = SignatureBody(accepted=True, by="Ada")
    assert digest(body, "/a") != digest(body, "/b")
    assert digest(body, "/a") == digest(SignatureBody(by="Ada", accepted=True), "/a")
    sale = PaymentBody(amount=AmountBody(minor=1, currency="EUR"))
    assert digest(sale) == PaymentBody(amount=AmountBody(minor=1, currency="EUR"), online=False).fingerprint()


Act = Callable[[], Awaitable[Resource]]


class Number(Resource):
    number: int


async def test_so_many_answers_are_remembered_and_the_oldest_is_forgotten_first() -> None:
    done = 0

    async def act() -> Resource:
        nonlocal done
        done += 1
        return Number(number=done)

    repeats = Repeats()
    for number in range(MOST_REMEMBERED + 1):
        await repeats.once("native:main", f"k{number}", "same", act)
    assert done == MOST_REMEMBERED + 1
    newest = await repeats.once("native:main", f"k{MOST_REMEMBERED}", "same", act)
    assert (done, newest.body) == (MOST_REMEMBERED + 1, b'{"number":%d}' % (MOST_REMEMBERED + 1))
    await repeats.once("native:main", "k0", "same", act)
    assert done == MOST_REMEMBERED + 2


async def test_two_callers_may_use_the_same_key() -> None:
    repeats = Repeats()

    async def act(number: int) -> Resource:
        return Number(number=number)

    first = await repeats.once("native:till-1", "k", "a", lambda: act(1))
    second = await repeats.once("native:till-2", "k", "b", lambda: act(2))
    assert first.body != second.body


async def test_who_repeats_while_it_is_being_done_waits_for_it_and_tries_itself_if_it_fails() -> None:
    repeats = Repeats()
    go = asyncio.Event()
    tries: list[str] = []

    async def fails() -> Resource:
        tries.append("first")
        await go.wait()
        raise BridgeError(Code.STILL_RUNNING)

    async def works() -> Resource:
        tries.append("second")
        return Number(number=1)

    async with asyncio.TaskGroup() as group:
        first = group.create_task(_refused(repeats, fails))
        await asyncio.sleep(0)
        second = group.create_task(_worked(repeats, works))
        await asyncio.sleep(0)
        assert tries == ["first"]
        go.set()
    assert tries == ["first", "second"]
    assert (first.result(), second.result()) == (Code.STILL_RUNNING, b'{"number":1}')


async def _refused(repeats: Repeats, act: Act) -> Code:
    with pytest.raises(BridgeError) as refusal:
        await repeats.once("native:main", "k", "same", act)
    return refusal.value.code


async def _worked(repeats: Repeats, act: Act) -> bytes:
    return bytes((await repeats.once("native:main", "k", "same", act)).body)
