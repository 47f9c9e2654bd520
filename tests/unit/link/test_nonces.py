"""Nonces that every replica knows and none remembers."""

from datetime import timedelta

import pytest

from tests.unit.link.exchange import NOW
from tillbridge.link.nonces import LIFE_SECONDS, SLOT_SECONDS, Nonces

SECRET = b"s" * 32
START = NOW - timedelta(seconds=NOW.timestamp() % SLOT_SECONDS)


def _after(seconds: float, secret: bytes = SECRET) -> tuple[str, ...]:
    return Nonces(secret).accepted(START + timedelta(seconds=seconds))


@pytest.mark.parametrize("given_at", [0, 0.001, 75, SLOT_SECONDS - 0.001])
def test_a_nonce_lives_for_half_of_five_minutes_at_least_and_five_at_most(given_at: float) -> None:
    nonce = Nonces(SECRET).current(START + timedelta(seconds=given_at))
    assert nonce in _after(given_at)
    assert nonce in _after(given_at + LIFE_SECONDS / 2)
    assert nonce not in _after(given_at + LIFE_SECONDS)


def test_another_replica_accepts_what_one_gave_out() -> None:
    assert Nonces(SECRET).current(NOW) in Nonces(bytes(SECRET)).accepted(NOW)


def test_a_replica_whose_clock_is_a_little_behind_accepts_it_too() -> None:
    assert Nonces(SECRET).current(START) in _after(-2)


def test_nobody_without_the_secret_makes_one() -> None:
    assert not set(_after(0)) & set(_after(0, b"t" * 32))


def test_each_slot_has_its_own() -> None:
    given = [Nonces(SECRET).current(START + timedelta(seconds=SLOT_SECONDS * slot)) for slot in range(50)]
    assert len(set(given)) == 50


def test_the_secret_is_long_enough_and_not_shown() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Nonces(b"short")
    assert "sss" not in repr(Nonces(SECRET))
