"""`tillbridge pay`: what it does."""

import re
from dataclasses import replace
from typing import Final

from tillbridge.cli.bodies import amount_body, checked
from tillbridge.cli.desks import Desk, Order
from tillbridge.cli.driver_options import terminal_from_options
from tillbridge.cli.errors import WrongWord, told
from tillbridge.cli.exits import Exit
from tillbridge.cli.finding import desk_for_paying
from tillbridge.cli.pay import PayOptions
from tillbridge.cli.paying import Cashier
from tillbridge.cli.places import Where
from tillbridge.cli.running import run
from tillbridge.cli.showing import LiveScreen, print_end, print_lost
from tillbridge.connector.api.bodies import PaymentBody
from tillbridge.connector.settings import Configured
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.runtime.effects import Runtime

USUAL_CURRENCY: Final = "EUR"
AMOUNT: Final = "AMOUNT"
PARENT: Final = "--parent"
PAYMENT_ID: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)
LONGEST_SHOWN: Final = 40
"""Characters of a wrong id that are repeated to the person who wrote it."""

_WRITTEN: Final = {"amount": AMOUNT, "parent": PARENT}
"""How the parts of a request are called on the command line."""


def take(place: Where, options: PayOptions) -> Exit:
    """Takes the payment, says what came out, and returns the exit code."""
    runtime = Runtime()
    with told(Exit.USAGE):
        direct = _direct(place, options)
        body = _body(options, options.terminal if direct is None else direct.name)
    with told(Exit.REFUSED):
        return run(_take(place, direct, Order(body, runtime.ids.new()), options))


def _direct(place: Where, options: PayOptions) -> Configured | None:
    currency = (options.currency or USUAL_CURRENCY).upper()
    direct = terminal_from_options(options.driver, options.serial, options.tcp, options.terminal, currency)
    if direct is not None and place.data is None and place.config is None:
        raise BridgeError(Code.SETTINGS_INVALID, "say in which folder the payment is journalled", place="--data")
    return direct


def _body(options: PayOptions, terminal: str | None) -> PaymentBody:
    """What is asked for, without the amount where only the earlier payment says in which currency that is."""
    if options.parent is not None and PAYMENT_ID.fullmatch(options.parent) is None:
        shown = repr(options.parent[:LONGEST_SHOWN])
        raise WrongWord(
            Code.FIELD_INVALID, f"{shown} is no id of a payment: see `tillbridge payments list`", place=PARENT
        )
    amount = None
    if options.amount is not None and not _in_currency_of_parent(options):
        amount = amount_body(options.amount, (options.currency or USUAL_CURRENCY).upper(), place=AMOUNT)
    body = checked(
        PaymentBody,
        kind=options.kind,
        amount=amount,
        parent=options.parent,
        terminal=terminal,
        order_id=options.order_id,
    )
    try:
        body.money()
    except BridgeError as error:
        raise WrongWord(error.code, error.detail, place=_WRITTEN.get(error.place or "", error.place)) from None
    return body


def _in_currency_of_parent(options: PayOptions) -> bool:
    return options.parent is not None and options.amount is not None and options.currency is None


async def _take(place: Where, direct: Configured | None, order: Order, options: PayOptions) -> Exit:
    screen = LiveScreen()
    async with desk_for_paying(place, direct, Runtime()) as desk:
        order = await _priced(desk, order, options)
        cashier = Cashier(desk, screen)
        try:
            code = await cashier.take(order)
        except BridgeError as error:
            order = await _on_the_first(desk, order, error)
            cashier = Cashier(desk, screen)
            code = await cashier.take(order)
        finally:
            screen.end()
        # The outcome is said before the terminal's line is closed, which may take a moment.
        if cashier.payment is None:
            print_lost()
        else:
            print_end(cashier.payment)
    return code


async def _priced(desk: Desk, order: Order, options: PayOptions) -> Order:
    """With the amount in the currency of the payment that it goes back to."""
    if options.parent is None or options.amount is None or not _in_currency_of_parent(options):
        return order
    asked = (await desk.payment(options.parent)).amount
    amount = amount_body(options.amount, USUAL_CURRENCY if asked is None else asked.currency, place=AMOUNT)
    return replace(order, body=order.body.model_copy(update={"amount": amount}))


async def _on_the_first(desk: Desk, order: Order, refusal: BridgeError) -> Order:
    """The same on the first terminal of the settings, where nobody chose among several; else raises the refusal.

    Nothing was accepted under the order's key, so that it still stands for nothing.
    """
    open_choice = order.body.terminal is None and order.body.parent is None
    first = await desk.first_terminal() if open_choice and refusal.code is Code.TERMINAL_UNKNOWN else None
    if first is None:
        raise refusal
    return replace(order, body=order.body.model_copy(update={"terminal": first}))
