"""Judges what a till asks for, in the one order that is kept everywhere: the first thing that is wrong is the answer.

Pure. Order: the location takes part, currency, number known, country, life, blocked, PIN lock, PIN, limits, funds.
"""

from collections.abc import Container
from typing import assert_never

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.voucher_code import masked, right_check_digit
from tillbridge.link.voucher_messages import Load, Redeem
from tillbridge.portal.vouchers.guessing import PinGuard
from tillbridge.portal.vouchers.holding import require_going
from tillbridge.portal.vouchers.model import Place, Voucher
from tillbridge.portal.vouchers.systems_model import Life, VoucherSystem


def system_at(place: Place | None, currency: str) -> VoucherSystem:
    """The voucher system of a location, for this currency.

    `BridgeError`: VOUCHER_NOT_PARTICIPATING, VOUCHER_CURRENCY with the system's own, MAINTENANCE in recovery.
    """
    if place is None or place.system is None:
        raise BridgeError(Code.VOUCHER_NOT_PARTICIPATING)
    if place.system.currency != currency:
        raise BridgeError(Code.VOUCHER_CURRENCY, place="currency", members={"currency": place.system.currency})
    # Its balances may be those of yesterday: neither told nor taken from.
    require_going(place.system)
    return place.system


def of_this_merchant(system: VoucherSystem, merchant: str | None, numbers: Container[tuple[str, str]]) -> None:
    """Nothing unless the code names another merchant: `numbers` are those of each system's own.

    `BridgeError(VOUCHER_OTHER_MERCHANT)`.
    """
    if merchant is not None and (system.id, merchant) not in numbers:
        raise BridgeError(Code.VOUCHER_OTHER_MERCHANT, place="merchant")


def unknown(number: str) -> BridgeError:
    """The refusal of a number that is not in the system: a typing mistake, or a voucher of nobody here."""
    if not right_check_digit(number):
        return BridgeError(Code.VOUCHER_CHECK_DIGIT, place="number")
    return BridgeError(Code.VOUCHER_UNKNOWN, masked(number), place="number")


def usable(voucher: Voucher, place: Place, system: VoucherSystem, *, to_pay: bool) -> None:
    """Nothing if the voucher may be used here; else `BridgeError`.

    VOUCHER_COUNTRY, VOUCHER_NOT_ACTIVATED, VOUCHER_RETIRED, VOUCHER_EXPIRED (with the date; it can be loaded again),
    VOUCHER_BLOCKED.
    """
    if not system.cross_country and voucher.country != place.country:
        raise BridgeError(Code.VOUCHER_COUNTRY)
    match voucher.life:
        case Life.PRODUCED:
            raise BridgeError(Code.VOUCHER_NOT_ACTIVATED)
        case Life.RETIRED:
            raise BridgeError(Code.VOUCHER_RETIRED)
        case Life.ACTIVE:
            pass
        case _:
            assert_never(voucher.life)
    if to_pay and voucher.written_off and not voucher.balance:
        raise BridgeError(Code.VOUCHER_EXPIRED, members={"date": voucher.expired_on})
    if voucher.blocked:
        raise BridgeError(Code.VOUCHER_BLOCKED)


def wrong_pin(guard: PinGuard) -> BridgeError:
    """The refusal of a wrong PIN, with what is left after it."""
    if guard.blocked:
        return BridgeError(Code.VOUCHER_PIN_WRONG, members={"tries_left": 0, "blocked": True})
    until = {} if guard.locked_until is None else {"until": guard.locked_until.isoformat()}
    return BridgeError(Code.VOUCHER_PIN_WRONG, members={"tries_left": guard.tries_left, **until})


def amount_to_take(asked: Redeem, balance: int) -> int:
    """How much a redemption takes. `BridgeError`: VOUCHER_EMPTY, VOUCHER_FUNDS with the balance."""
    if not balance:
        raise BridgeError(Code.VOUCHER_EMPTY, members={"balance": 0})
    if asked.exact is None:
        return min(asked.up_to or 0, balance)
    if asked.exact > balance:
        raise BridgeError(Code.VOUCHER_FUNDS, members={"balance": balance})
    return asked.exact


def amount_to_load(asked: Load, balance: int, system: VoucherSystem) -> int:
    """How much a load puts on. `BridgeError`: VOUCHER_AMOUNT with `min` and `max`, VOUCHER_CAP with `max`."""
    if not system.load_min <= asked.amount <= system.load_max:
        limits = {"min": system.load_min, "max": system.load_max}
        raise BridgeError(Code.VOUCHER_AMOUNT, place="amount", members=limits)
    if balance + asked.amount > system.balance_max:
        raise BridgeError(Code.VOUCHER_CAP, place="amount", members={"max": system.balance_max, "balance": balance})
    return asked.amount
