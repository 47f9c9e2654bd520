"""`tillbridge vouchers`: what it does, by asking the running connector."""

import secrets
import sys
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tillbridge.cli.bodies import amount_body
from tillbridge.cli.exits import Exit
from tillbridge.cli.link_asking import KEY_BYTES, connector_at
from tillbridge.cli.places import Where
from tillbridge.cli.running import run
from tillbridge.connector.api.outcome_resources import AmountResource
from tillbridge.connector.api.voucher_resources import ActionResource, ActionsResource, VoucherResource
from tillbridge.domain.outcome import MoneyMoved
from tillbridge.domain.voucher_code import read_code


@dataclass(frozen=True, slots=True)
class Booking:
    """What was written on the command line; `amount` is in major units."""

    code: str
    amount: str
    currency: str
    receipt: str
    key: str | None


def has_pin(code: str) -> bool:
    """Whether a code carries its PIN. `BridgeError` as `read_code`."""
    return read_code(code).pin is not None


def print_balance(place: Where, code: str, currency: str) -> None:
    """Prints what is on a voucher."""

    async def ask() -> VoucherResource:
        async with connector_at(place) as asker:
            return await asker.ask("POST", "vouchers/lookup", VoucherResource, {"code": code, "currency": currency})

    found = run(ask())
    sys.stdout.write(f"{found.number}  {_money(found.balance)}  {found.state}\n")


def redeem_one(place: Where, booking: Booking, pin: str | None, *, exact: bool) -> Exit:
    """Pays with a voucher and prints what was taken."""
    how = {"exact" if exact else "up_to": _amount(booking)}
    return _book(place, "vouchers/redeem", booking, how if pin is None else {**how, "pin": pin})


def load_one(place: Where, booking: Booking) -> Exit:
    """Loads a voucher and prints what was put on it."""
    return _book(place, "vouchers/load", booking, {"amount": _amount(booking)})


def put_back_one(place: Where, key: str) -> None:
    """Puts a payment back and prints how it stands."""

    async def ask() -> ActionResource:
        async with connector_at(place) as asker:
            return await asker.ask("POST", f"vouchers/{key}/put-back", ActionResource)

    _print(run(ask()))


def print_open(place: Where) -> None:
    """Prints everything that is not over."""

    async def ask() -> ActionsResource:
        async with connector_at(place) as asker:
            return await asker.ask("GET", "vouchers", ActionsResource)

    found = run(ask())
    table = Table(box=None, pad_edge=False)
    for name in ("what to do", "state", "number", "amount", "receipt", "key"):
        table.add_column(name, overflow="fold")
    shown = {one.key: ("close or cancel its receipt", one) for one in found.open}
    shown |= {one.key: ("nothing: it reaches the portal by itself", one) for one in found.waiting}
    shown |= {one.key: (f"decide: {one.open_case}", one) for one in found.cases}
    for words, one in shown.values():
        cells = (words, one.state.value, one.number, _money(one.taken or one.asked), one.receipt, one.key)
        table.add_row(*map(Text, cells))
    Console(highlight=False).print(table if shown else "Nothing is open.")


def _book(place: Where, path: str, booking: Booking, more: dict[str, Any]) -> Exit:
    body = {"code": booking.code, "receipt": booking.receipt, **more}
    # Said before anything goes out: whoever is cut off can ask for it, or put it back.
    key = booking.key or secrets.token_hex(KEY_BYTES)
    sys.stderr.write(f"key {key}\n")

    async def ask() -> ActionResource:
        async with connector_at(place) as asker:
            return await asker.ask("POST", path, ActionResource, body, key)

    found = run(ask())
    _print(found)
    return Exit.APPROVED if found.money_moved is MoneyMoved.YES else Exit.IN_DOUBT


def _print(found: ActionResource) -> None:
    left = "" if found.balance is None else f"  left {_money(found.balance)}"
    sys.stdout.write(f"{found.state}  {_money(found.taken or found.asked)}{left}  {found.number}\n")


def _amount(booking: Booking) -> dict[str, Any]:
    return amount_body(booking.amount, booking.currency, place="AMOUNT").model_dump()


def _money(amount: AmountResource | None) -> str:
    return "-" if amount is None else f"{amount.major} {amount.currency}"
