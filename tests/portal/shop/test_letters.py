"""Letters of the shop: each is written once, on its day, to whom it is for, and carries the vouchers that are his."""

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from tests.portal.clock import HandClock
from tests.portal.people import TOKEN
from tests.portal.shop.stand import SLUG, Stand, letters, proven, together
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.house import House
from tillbridge.portal.mail import queue, sending
from tillbridge.portal.mail.tables import attachment
from tillbridge.portal.shop import dispatch_store
from tillbridge.portal.shop.model import DispatchState, OrderState

BUYER, CARL = "anna@example.org", "carl@example.org"


async def said(house: House) -> list[tuple[str, str, list[str]]]:
    """What is sent now: to whom, the text, and the names of the files."""
    found: list[tuple[str, str, list[str]]] = []
    lease = timedelta(days=400)
    while True:
        async with house.database.writing() as connection:
            one = await queue.claim(connection, house.runtime.clock.now(), lease)
            if one is None:
                return found
            files = await queue.attachments(connection, one, house.vault)
        message = sending.compose(house, one, files)
        body = message.get_body()
        assert body is not None
        assert all(each.content.startswith(b"%PDF") for each in files)
        names = [str(part.get_filename()) for part in message.iter_attachments()]
        found.append((one.recipient, body.get_content(), names))


async def test_a_present_leaves_on_its_day_and_its_link_shows_that_voucher_alone(
    stand: Stand, clock: HandClock
) -> None:
    day = (clock.now() + timedelta(days=10)).date()
    order_id = await stand.issued({}, {"value": 5000, "send_to": CARL, "send_on": day, "recipient": "Carl"})
    one = await stand.order(order_id)
    assert one.state is OrderState.DELIVERED
    [(to, _, files)] = await said(stand.house)
    assert (to, files) == (BUYER, [f"voucher-{one.number}.pdf"])
    # Eight in the morning in Berlin.
    clock.forward(seconds=int((_morning(day) - clock.now()).total_seconds()) - 1)
    await stand.step()
    assert await said(stand.house) == []
    clock.forward(seconds=1)
    await together(stand.delivering.drain() for _ in range(3))
    [(to, text, files)] = await said(stand.house)
    assert (to, len(files)) == (CARL, 1)
    link = re.search(rf"/shop/{SLUG}/gift/([-\w]+)", text)
    assert link is not None
    _, _, line = await stand.buying.given(SLUG, link[1])
    assert line.wish.value == 5000
    with pytest.raises(BridgeError) as unknown:
        await stand.buying.opened(SLUG, link[1])
    assert unknown.value.code is Code.RECORD_UNKNOWN
    guest = stand.browser()
    page = await guest.get(link[0])
    assert (page.status, "Carl" in page.text, BUYER in page.text) == (200, True, False)
    paper = await guest.get(f"{link[0]}/vouchers.pdf")
    assert (paper.status, paper.body[:4]) == (200, b"%PDF")


def _morning(day: date) -> datetime:
    return datetime.combine(day, time(8), ZoneInfo("Europe/Berlin")).astimezone(UTC)


async def test_what_was_given_back_before_its_day_is_not_sent(stand: Stand, clock: HandClock) -> None:
    day = (clock.now() + timedelta(days=3)).date()
    order_id = await stand.issued(send_to=CARL, send_on=day)
    # The buyer has the link at once, and no file: the voucher is somebody else's.
    [(to, _, files)] = await said(stand.house)
    assert (to, files) == (BUYER, [])
    await stand.office.refund(proven(stand), order_id, "called off")
    clock.forward(days=4)
    await stand.step()
    assert await said(stand.house) == []
    seen = await stand.office.order(stand.person, order_id)
    assert [one.state for one in seen.letters] == [DispatchState.WRITTEN, DispatchState.DROPPED]


@pytest.mark.parametrize(
    ("values", "place"),
    [
        ({"send_to": "nobody"}, "send_to"),
        ({"days": 1}, "send_to"),
        ({"send_to": CARL, "days": -1}, "send_on"),
        ({"send_to": CARL, "days": 400}, "send_on"),
    ],
)
async def test_what_cannot_be_sent_is_refused(stand: Stand, values: dict[str, Any], place: str) -> None:
    values = dict(values)
    days = values.pop("days", None)
    on = None if days is None else (stand.house.runtime.clock.now() + timedelta(days=int(str(days)))).date()
    with pytest.raises(BridgeError) as refused:
        await stand.cart(send_on=on, **values)
    assert (refused.value.code, refused.value.place) == (Code.FIELD_INVALID, place)


class _KilledError(Exception):
    """The process dies here."""


async def test_a_letter_that_was_not_written_is_written_later_and_once(
    stand: Stand, monkeypatch: pytest.MonkeyPatch, clock: HandClock
) -> None:
    order_id = await stand.placed()
    await stand.pay(order_id)
    await stand.checkout.look(order_id)

    async def dies(*_: object) -> None:
        raise _KilledError

    with monkeypatch.context() as patched:
        patched.setattr(dispatch_store, "finish", dies)
        with pytest.raises(_KilledError):
            await stand.delivering.drain()
    assert (await stand.order(order_id)).state is OrderState.ISSUED
    assert await letters(stand.house) == []
    assert await stand.count(attachment) == 0
    clock.forward(minutes=6)
    await stand.step()
    await stand.step()
    assert (await stand.order(order_id)).state is OrderState.DELIVERED
    assert await letters(stand.house) == [BUYER]


async def test_a_letter_that_bounces_is_seen_in_the_office_and_sent_to_another_address(stand: Stand) -> None:
    order_id = await stand.issued()
    async with stand.house.database.writing() as connection:
        one = await queue.claim(connection, stand.house.runtime.clock.now(), timedelta(minutes=1))
        assert one is not None
        await queue.failed(connection, one, "Undeliverable 550")
        # What is given up keeps no file.
        assert list(await connection.scalars(select(attachment.c.id))) == []
    asked, path = stand.browser(person=stand.person), f"/shops/orders/{order_id}"
    assert "not delivered (Undeliverable 550)" in (await asked.get(path)).text
    for email, status in (("nobody", 400), ("anna@sommer.example", 303)):
        reply = await asked.post(f"{path}/resend", token=TOKEN, line="0", email=email)
        assert reply.status == status, reply.text[:500]
    assert (await asked.post(f"{path}/resend", token=TOKEN, line="7")).status == 404
    await stand.delivering.drain()
    assert (await letters(stand.house))[-1] == "anna@sommer.example"
    assert (await stand.order(order_id)).email == "anna@sommer.example"


async def test_a_shop_that_attaches_nothing_sends_the_link_alone(stand: Stand) -> None:
    asked, path = stand.browser(person=stand.person), f"/shops/{stand.shop_id}/settings"
    texts = {f"{name}_de": "Text" for name in ("terms", "withdrawal", "imprint")}
    assert (await asked.post(path, token=TOKEN, name="Sommer", slug=SLUG, **texts)).status == 303
    await stand.issued(quantity=2)
    [(to, text, files)] = await said(stand.house)
    assert (to, files) == (BUYER, [])
    assert f"/shop/{SLUG}/order/" in text
