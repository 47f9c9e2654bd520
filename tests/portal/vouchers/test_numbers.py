"""How numbers and PINs are drawn and kept."""

import random
from collections import Counter
from itertools import pairwise

import pytest

from tillbridge.domain.voucher_code import right_check_digit
from tillbridge.portal.house import House
from tillbridge.portal.vouchers.numbers import draw, seal_pin, unseal_pin

DRAWS = 20_000


def test_what_is_drawn_is_even_and_independent() -> None:
    chance = random.Random(11)
    drawn = [draw(chance, "040") for _ in range(DRAWS)]
    assert all(right_check_digit(one.number) and one.number.startswith("040") and len(one.pin) == 4 for one in drawn)
    assert len({one.number for one in drawn}) == DRAWS
    for texts in ([one.number[3:13] for one in drawn], [one.pin for one in drawn]):
        for at in range(len(texts[0])):
            shares = Counter(text[at] for text in texts)
            assert set(shares) == set("0123456789")
            assert all(abs(share - DRAWS / 10) < 5 * (DRAWS * 0.09) ** 0.5 for share in shares.values())
    # A PIN says nothing about its number: the pairs of their last drawn digits are even, too.
    pairs = Counter((one.number[12], one.pin[3]) for one in drawn)
    assert all(abs(pairs[a, b] - DRAWS / 100) < 5 * (DRAWS * 0.0099) ** 0.5 for a in "0123456789" for b in "0123456789")


def test_numbers_do_not_follow_each_other() -> None:
    chance = random.Random(12)
    serials = [int(draw(chance, "276").number[3:13]) for _ in range(1000)]
    assert sum(b > a for a, b in pairwise(serials)) in range(400, 600)
    assert min(abs(b - a) for a, b in pairwise(serials)) > 1


def test_what_was_drawn_shows_in_no_text() -> None:
    drawn = draw(random.Random(13), "276")
    assert drawn.number not in f"{drawn!r} {drawn}"
    assert drawn.pin not in f"{drawn!r} {drawn}"


async def test_a_pin_is_sealed_for_its_voucher(house: House) -> None:
    sealed = seal_pin(house.vault, "a" * 32, "0420")
    assert b"0420" not in sealed
    assert sealed != seal_pin(house.vault, "a" * 32, "0420")
    assert unseal_pin(house.vault, "a" * 32, sealed) == "0420"
    for voucher_id, text in (("b" * 32, sealed), ("a" * 32, sealed[:-1] + bytes([sealed[-1] ^ 1]))):
        with pytest.raises(ValueError, match="voucher-pin"):
            unseal_pin(house.vault, voucher_id, text)
