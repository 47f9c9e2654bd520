"""What people ask of a connector through the portal, and what the connector answers."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from pydantic import JsonValue
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import Money
from tillbridge.link.message_words import CommandKind, CommandState
from tillbridge.link.messages import CommandAnswer
from tillbridge.portal.audit.log import Actor, ActorKind, Entry
from tillbridge.portal.commands import store
from tillbridge.portal.commands.hub import Hub
from tillbridge.portal.commands.model import (
    CONFIGURATION_LASTS,
    UNSTARTED_LASTS,
    Command,
    Facts,
    Holder,
    State,
)
from tillbridge.portal.house import House
from tillbridge.portal.links.model import LinkState
from tillbridge.portal.links.store import living
from tillbridge.portal.rights import Action, Area, Person

LONGEST_ORDER: Final = 50

_STATES: Final = {
    CommandState.ACCEPTED: State.ACCEPTED,
    CommandState.RUNNING: State.RUNNING,
    CommandState.DONE: State.DONE,
    CommandState.REFUSED: State.REFUSED,
    # The connector never saw it, and has written down that it will not take it any more.
    CommandState.UNKNOWN: State.EXPIRED,
}


class CommandEvent(StrEnum):
    """What the audit log knows of commands."""

    PAYMENT_ASKED = "command.payment_asked"
    PAYMENT_ENDED = "command.payment_ended"
    CONFIGURATION_SENT = "command.configuration_sent"
    CONFIGURATION_ENDED = "command.configuration_ended"


_ENDED: Final = {
    CommandKind.PAYMENT: CommandEvent.PAYMENT_ENDED,
    CommandKind.CONFIGURATION: CommandEvent.CONFIGURATION_ENDED,
}


class CommandDesk:
    """Takes commands from people and answers from connectors."""

    def __init__(self, house: House, hub: Hub) -> None:
        self._house = house
        self._hub = hub

    async def start_payment(
        self, person: Person, location_id: str, amount: Money, terminal: str, order: str, command_id: str
    ) -> Command:
        """Asks the connector of a location to take a payment; it must begin within a minute or not at all.

        `command_id` comes with the form: sent twice, it is one payment. `BridgeError`: RIGHT_MISSING; RECORD_CONFLICT
        for an id that stands for something else; NOT_PAIRED, LINK_SUSPENDED or CONVERSION_REQUIRED where nobody could
        take it.
        """
        person.require(Area.PAYMENTS, Action.EDIT, location_id)
        body: Facts = {
            "amount_minor": amount.minor,
            "currency": amount.currency.code,
            "terminal": terminal,
            "order_id": order[:LONGEST_ORDER],
        }
        return await self._command(person, location_id, CommandKind.PAYMENT, body, command_id)

    async def send_configuration(self, person: Person, location_id: str, settings: dict[str, JsonValue]) -> Command:
        """Sends settings to a connector, which takes them only if its own settings allow it. `BridgeError` as above."""
        person.require(Area.POS_INTERFACE, Action.EDIT, location_id)
        command_id = self._house.runtime.ids.new()
        return await self._command(person, location_id, CommandKind.CONFIGURATION, {"settings": settings}, command_id)

    async def answered(self, holder: Holder, said: CommandAnswer) -> None:
        """Writes down what a connector said of a command. What is over stays as it is."""
        result: Facts = dict(said.answer or {})
        if said.result is not None:
            result |= said.result.model_dump(mode="json", exclude_none=True)
        async with self._house.database.writing() as connection:
            told = await store.answer(
                connection,
                said.id,
                holder.location_id,
                state=_STATES[said.state],
                now=self._house.runtime.clock.now(),
                code=said.code or "",
                result=result,
            )
            if told is not None and told.state.over:
                await self._note_end(connection, holder, told)

    async def resumed(self, holder: Holder, unfinished: Sequence[str]) -> None:
        """A connector came back with these commands in its hands; it is asked about each of them besides."""
        if not unfinished:
            return
        async with self._house.database.writing() as connection:
            await store.resume(connection, holder.location_id, unfinished, self._house.runtime.clock.now())

    async def _command(
        self, person: Person, location_id: str, kind: CommandKind, body: Facts, command_id: str
    ) -> Command:
        now = self._house.runtime.clock.now()
        lasts = UNSTARTED_LASTS if kind is CommandKind.PAYMENT else CONFIGURATION_LASTS
        one = Command(
            command_id,
            person.home,
            location_id,
            kind,
            body,
            State.QUEUED,
            now,
            now + lasts,
            person.actor.name,
        )
        event = CommandEvent.PAYMENT_ASKED if kind is CommandKind.PAYMENT else CommandEvent.CONFIGURATION_SENT
        async with self._house.database.writing() as connection:
            if (earlier := await store.find(connection, command_id, person.home)) is not None:
                return _same(earlier, one)
            await _require_link(connection, person.home, location_id)
            if not await store.add(connection, one):
                # Somebody was faster by a moment, or it is another merchant's.
                earlier = await store.find(connection, command_id, person.home)
                return _same(earlier, one)
            entry = Entry(event, person.home, location_id, subject=one.id, after=body)
            await self._house.audit.note(connection, person.actor, entry)
        self._hub.wake()
        return one

    async def _note_end(self, connection: AsyncConnection, holder: Holder, told: Command) -> None:
        event = _ENDED.get(told.kind)
        if event is None:
            return
        after = {"state": told.state.value, "code": told.code, **told.result}
        actor = Actor(ActorKind.LINK, holder.link_id, "connector")
        entry = Entry(event, holder.tenant_id, holder.location_id, subject=told.id, after=after)
        await self._house.audit.note(connection, actor, entry)


def _same(earlier: Command | None, one: Command) -> Command:
    """The earlier command, if it is the very same wish."""
    if earlier is None or (earlier.location_id, earlier.kind, earlier.body) != (one.location_id, one.kind, one.body):
        raise BridgeError(Code.RECORD_CONFLICT, "this form was used for something else", place="attempt")
    return earlier


async def _require_link(connection: AsyncConnection, tenant_id: str, location_id: str) -> None:
    """`BridgeError` where no connector could take a command."""
    states = {one.state for one in await living(connection, location_id) if one.tenant_id == tenant_id}
    if LinkState.ACTIVE in states:
        return
    if LinkState.SUSPENDED in states:
        raise BridgeError(Code.LINK_SUSPENDED)
    if states & {LinkState.CONVERTING, LinkState.CONVERSION_FAILED}:
        raise BridgeError(Code.CONVERSION_REQUIRED)
    raise BridgeError(Code.NOT_PAIRED)
