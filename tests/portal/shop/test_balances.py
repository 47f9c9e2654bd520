"""A balance is told to whoever has number and PIN, and nobody guesses either by asking."""

import pytest

from tests.portal.clock import HandClock
from tests.portal.shop.stand import SLUG, SOURCE, Stand
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.shop.balances import BY_SHOP, Balances
from tillbridge.portal.vouchers.numbers import unseal_pin

PAGE = f"/shop/{SLUG}/balance"


async def voucher(stand: Stand) -> tuple[str, str]:
    """Number and PIN of one that was sold."""
    (one,) = await stand.units(await stand.issued())
    assert one.pin_sealed is not None
    return one.number, unseal_pin(stand.house.vault, one.voucher_id, one.pin_sealed)


def other(pin: str) -> str:
    return f"{(int(pin) + 1) % 10_000:04}"


async def refusal(stand: Stand, number: str, pin: str, source: str = SOURCE) -> Code:
    with pytest.raises(BridgeError) as refused:
        await Balances(stand.house).of(await stand.front(), number, pin, source)
    return refused.value.code


async def test_an_unknown_number_and_a_wrong_pin_look_alike_and_the_pin_locks(stand: Stand, clock: HandClock) -> None:
    number, pin = await voucher(stand)
    asked = stand.browser()
    right = await asked.post(PAGE, page=PAGE, number=f"{number[:4]} {number[4:]}", pin=pin)
    assert (right.status, "25.00" in right.text) == (200, True)
    assert "frame-ancestors 'none'" in right.headers["content-security-policy"]
    pages = []
    for tried in ((number, other(pin)), ("27600000000009", pin), ("x", pin), (number, "")):
        reply = await asked.post(PAGE, page=PAGE, number=tried[0], pin=tried[1])
        pages.append((reply.status, reply.text.partition('role="alert"')[2].partition("</p>")[0]))
    assert len(set(pages)) == 1
    assert pages[0][0] == 400
    for place in range(4):
        assert await refusal(stand, number, other(pin), f"198.51.100.{place}") is Code.VOUCHER_UNKNOWN
    # Five wrong ones in a row: for a while even the right one is not judged, and nobody is told why.
    assert await refusal(stand, number, pin) is Code.VOUCHER_UNKNOWN
    clock.forward(minutes=6)
    found = await Balances(stand.house).of(await stand.front(), number, pin, SOURCE)
    assert (found.money.minor, found.usable) == (2500, True)


async def test_a_robot_is_slowed_down_and_whoever_knows_is_not(stand: Stand) -> None:
    number, pin = await voucher(stand)
    for _ in range(25):
        await Balances(stand.house).of(await stand.front(), number, pin, SOURCE)
    ends = [await refusal(stand, "27600000000009", pin) for _ in range(21)]
    assert ends == [Code.VOUCHER_UNKNOWN] * 20 + [Code.SLOW_DOWN]
    assert await refusal(stand, number, pin) is Code.SLOW_DOWN
    assert BY_SHOP.most > 20
    assert (await Balances(stand.house).of(await stand.front(), number, pin, "198.51.100.1")).money.minor == 2500


async def test_the_office_shows_a_button_for_any_website(stand: Stand) -> None:
    text = (await stand.browser(person=stand.person).get(f"/shops/{stand.shop_id}")).text
    assert f'<a href="http://127.0.0.1:8480/shop/{SLUG}" style="' in text
