"""`tillbridge pay`: what it does."""

from dataclasses import replace

from tillbridge.cli.bodies import amount_body, checked
from tillbridge.cli.desks import Order
from tillbridge.cli.driver_options import terminal_from_options
from tillbridge.cli.errors import told
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


def take(place: Where, options: PayOptions) -> Exit:
    """Takes the payment, says what came out, and returns the exit code."""
    runtime = Runtime()
    with told(Exit.USAGE):
        direct = _direct(place, options)
        body = _body(options, options.terminal if direct is None else direct.name)
    with told(Exit.REFUSED):
        return run(_take(place, direct, Order(body, runtime.ids.new()), runtime))


def _direct(place: Where, options: PayOptions) -> Configured | None:
    direct = terminal_from_options(options.driver, options.serial, options.tcp, options.terminal)
    if direct is not None and place.data is None and place.config is None:
        raise BridgeError(Code.SETTINGS_INVALID, "say in which folder the payment is journalled", place="--data")
    return direct


def _body(options: PayOptions, terminal: str | None) -> PaymentBody:
    amount = amount_body(options.amount, options.currency.upper(), place="AMOUNT")
    return checked(PaymentBody, amount=amount, terminal=terminal, order_id=options.order_id)


async def _take(place: Where, direct: Configured | None, order: Order, runtime: Runtime) -> Exit:
    screen = LiveScreen()
    async with desk_for_paying(place, direct, runtime) as desk:
        if order.body.terminal is None:
            order = replace(order, body=order.body.model_copy(update={"terminal": await desk.first_terminal()}))
        cashier = Cashier(desk, screen)
        try:
            code = await cashier.take(order)
        finally:
            screen.end()
        # The outcome is said before the terminal's line is closed, which may take a moment.
        if cashier.payment is None:
            print_lost()
        else:
            print_end(cashier.payment)
    return code
