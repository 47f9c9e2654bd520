"""`tillbridge payments`: what it does."""

from dataclasses import dataclass

from tillbridge.cli.bodies import amount_body, checked
from tillbridge.cli.errors import WrongWord
from tillbridge.cli.finding import desk_for_looking
from tillbridge.cli.places import Where
from tillbridge.cli.running import run
from tillbridge.cli.showing import events_table, payment_table, payments_table, wide_console
from tillbridge.connector.api.bodies import ResolveBody
from tillbridge.domain.errors import Code
from tillbridge.engine.journal.reading import NOTHING, Filter
from tillbridge.runtime.effects import Runtime


@dataclass(frozen=True, slots=True)
class Finding:
    """What a person found out about a payment in doubt; `amount` in major units, as it was written."""

    taken: bool
    by: str
    reason: str
    amount: str | None


def list_page(place: Where, before: str | None, limit: int, where: Filter = NOTHING) -> None:
    """Prints one page of what the filter lets through."""

    async def ask() -> None:
        async with desk_for_looking(place, Runtime()) as desk:
            found = await desk.payments(before, limit, where)
        _print(payments_table(found) if found else "No payments.")

    run(ask())


def show_one(place: Where, payment_id: str) -> None:
    """Prints one payment with its timeline."""

    async def ask() -> None:
        async with desk_for_looking(place, Runtime()) as desk:
            payment = await desk.payment(payment_id)
            events = await desk.events(payment_id)
        _print(payment_table(payment), "", events_table(events))

    run(ask())


def settle(place: Where, payment_id: str, finding: Finding) -> None:
    """Settles a payment in doubt and prints it."""
    if finding.amount is not None and not finding.taken:
        raise WrongWord(Code.SETTINGS_INVALID, "there is no amount of what was not taken", place="--amount")

    async def ask() -> None:
        async with desk_for_looking(place, Runtime()) as desk:
            amount = None
            if finding.amount is not None:
                asked = (await desk.payment(payment_id)).amount
                code = "EUR" if asked is None else asked.currency
                amount = amount_body(finding.amount, code, place="--amount")
            body = checked(ResolveBody, taken=finding.taken, by=finding.by, reason=finding.reason, amount=amount)
            settled = await desk.resolve(payment_id, body)
        _print(payment_table(settled))

    run(ask())


def _print(*parts: object) -> None:
    console = wide_console()
    for part in parts:
        console.print(part)
