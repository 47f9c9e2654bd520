"""What people decide about webhooks. They tell of all of a merchant's vouchers: so they are for whoever may for all."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.audit.log import Entry, Facts
from tillbridge.portal.house import House
from tillbridge.portal.locations import store as locations
from tillbridge.portal.partners import hooks_store
from tillbridge.portal.partners.hooks_model import (
    LONGEST_DESCRIPTION,
    MOST,
    OVERLAP,
    Delivery,
    DeliveryState,
    Topic,
    Webhook,
    WebhookEvent,
    context,
)
from tillbridge.portal.rights import Action, Area, Person
from tillbridge.web.webhooks.addresses import AddressRefused, check_reachable, check_url
from tillbridge.web.webhooks.signing import new_secret


@dataclass(frozen=True, slots=True)
class HookDraft:
    """What a webhook is to be."""

    url: str
    description: str
    topics: tuple[Topic, ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """A webhook, and its new secret this once."""

    webhook: Webhook
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SeenHook:
    """A webhook with how many messages wait, and how many were given up."""

    webhook: Webhook
    waiting: int
    gave_up: int


class Webhooks:
    """The webhooks of every merchant."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def all(self, person: Person) -> Sequence[SeenHook]:
        """The merchant's webhooks, the oldest first."""
        person.require(Area.PARTNERS, Action.VIEW)
        async with self._house.database.reading() as connection:
            found = await hooks_store.of_tenants(connection, {person.home})
            counted = await hooks_store.counts(connection, [one.id for one in found])
        return [
            SeenHook(
                one,
                counted.get((one.id, DeliveryState.WAITING), 0),
                counted.get((one.id, DeliveryState.GAVE_UP), 0),
            )
            for one in found
        ]

    async def seen(
        self, person: Person, webhook_id: str, state: DeliveryState | None, before: str | None
    ) -> tuple[Webhook, Sequence[Delivery]]:
        """One webhook, and a page of its messages."""
        async with self._house.database.reading() as connection:
            one = await _known(connection, person, webhook_id)
            return one, await hooks_store.log(connection, one.id, state, before)

    async def add(self, person: Person, draft: HookDraft) -> Shown:
        """A new webhook, told of what happens from now on.

        `BridgeError`: RIGHT_MISSING, STEP_UP_NEEDED; WEBHOOK_REFUSED (place `url`) for an address that may not be used;
        FIELD_INVALID; RECORD_CONFLICT if the merchant has too many.
        """
        self._require_editing(person)
        settings, url = self._house.settings.webhooks, draft.url.strip()
        _check(draft)
        try:
            await check_reachable(check_url(url, settings), settings)
        except AddressRefused as refusal:
            raise BridgeError(Code.WEBHOOK_REFUSED, str(refusal), place="url") from None
        runtime = self._house.runtime
        webhook_id, secret = runtime.ids.new(), new_secret(runtime.chance)
        made = Webhook(
            webhook_id,
            person.home,
            url,
            draft.description.strip(),
            draft.topics,
            self._house.vault.seal(secret.encode(), context(webhook_id)),
            runtime.clock.now(),
            person.actor.name,
        )
        async with self._house.database.writing() as connection:
            # Locked, so that two at once do not both become the last one.
            await locations.find_tenant(connection, person.home, locked=True)
            if len(await hooks_store.of_tenants(connection, {person.home})) >= MOST:
                raise BridgeError(Code.RECORD_CONFLICT, f"a merchant has at most {MOST} webhooks")
            await hooks_store.add(connection, made)
            after = {"events": [topic.value for topic in draft.topics]}
            await self._note(connection, person, WebhookEvent.ADDED, made, after)
        return Shown(made, secret)

    async def rotate(self, person: Person, webhook_id: str) -> Shown:
        """A new secret. The one before signs too for a day, so that the receiver can be changed in peace."""
        runtime = self._house.runtime
        async with self._house.database.writing() as connection:
            one = await _known(connection, person, webhook_id, locked=True)
            self._require_editing(person)
            secret = new_secret(runtime.chance)
            sealed = self._house.vault.seal(secret.encode(), context(one.id))
            await hooks_store.rotate(connection, one, sealed, runtime.clock.now() + OVERLAP)
            await self._note(connection, person, WebhookEvent.ROTATED, one, {})
        return Shown(one, secret)

    async def remove(self, person: Person, webhook_id: str) -> None:
        """Takes a webhook away; what it has not been told it is not told any more."""
        async with self._house.database.writing() as connection:
            one = await _known(connection, person, webhook_id, locked=True)
            self._require_editing(person)
            await hooks_store.remove(connection, one.id)
            await self._note(connection, person, WebhookEvent.REMOVED, one, {})

    async def test(self, person: Person, webhook_id: str) -> None:
        """Sends a message that means nothing, once."""
        now = self._house.runtime.clock.now()
        async with self._house.database.writing() as connection:
            one = await _known(connection, person, webhook_id, locked=True)
            person.require(Area.PARTNERS, Action.EDIT)
            made = Delivery(
                id=self._house.runtime.ids.new(),
                webhook_id=one.id,
                voucher_id="",
                place=0,
                topic=Topic.TEST,
                happened_at=now,
                body={"webhook": one.id},
                state=DeliveryState.WAITING,
                attempts=0,
                since=now,
                next_at=now,
            )
            await hooks_store.take(connection, [made])
            await hooks_store.leave_alone(connection, one.id, one.failures, None)

    async def replay(self, person: Person, webhook_id: str, delivery_id: str) -> None:
        """Sends a message again, under the same id. `BridgeError(RECORD_CONFLICT)` if it waits, or is not there."""
        now = self._house.runtime.clock.now()
        async with self._house.database.writing() as connection:
            one = await _known(connection, person, webhook_id, locked=True)
            person.require(Area.PARTNERS, Action.EDIT)
            if not await hooks_store.replay(connection, one.id, delivery_id, now):
                raise BridgeError(Code.RECORD_CONFLICT, "this message waits to be sent, or is no more")
            await hooks_store.leave_alone(connection, one.id, one.failures, None)
            await self._note(connection, person, WebhookEvent.REPLAYED, one, {"message": delivery_id})

    def _require_editing(self, person: Person) -> None:
        person.require(Area.PARTNERS, Action.EDIT)
        person.require_step_up(self._house.runtime.clock.now())

    async def _note(
        self, connection: AsyncConnection, person: Person, event: StrEnum, one: Webhook, after: Facts
    ) -> None:
        entry = Entry(event, one.tenant_id, subject=one.host, after=after)
        await self._house.audit.note(connection, person.actor, entry)


def _check(draft: HookDraft) -> None:
    description = draft.description.strip()
    if len(description) > LONGEST_DESCRIPTION or not description.isprintable():
        raise BridgeError(Code.FIELD_INVALID, f"at most {LONGEST_DESCRIPTION} characters", place="description")
    if not draft.topics:
        raise BridgeError(Code.FIELD_INVALID, "a webhook is told of something", place="topics")


async def _known(connection: AsyncConnection, person: Person, webhook_id: str, *, locked: bool = False) -> Webhook:
    person.require(Area.PARTNERS, Action.VIEW)
    found = await hooks_store.find(connection, webhook_id, locked=locked)
    if found is None or found.tenant_id != person.home:
        raise BridgeError(Code.RECORD_UNKNOWN)
    return found
