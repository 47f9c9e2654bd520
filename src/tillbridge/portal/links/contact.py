"""What a connector's token request and its reports do to its link (docs/reference/portal-tokens.md, section 2)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.link.scopes import OLD_KEY
from tillbridge.portal.audit.log import PORTAL, Actor, ActorKind
from tillbridge.portal.links import store
from tillbridge.portal.links.model import Credential, CredentialStanding, Figures, Link, LinkEvent, LinkState
from tillbridge.portal.links.runs import Runs, follow
from tillbridge.portal.links.service import Links

RENEWED: Final = (
    "this connection was renewed since, by a newer state of this connector: what asks is a copy, or was restored from"
    " an older backup"
)


@dataclass(frozen=True, slots=True)
class Presented:
    """The link and the credential of a master token that was shown."""

    link: Link
    credential: Credential


@dataclass(frozen=True, slots=True)
class Use:
    """A token request that was proven: its number, the difference of the clocks, and the address it came from."""

    number: int
    clock_skew_seconds: int
    source: str


@dataclass(frozen=True, slots=True)
class Heard:
    """The link after a token request; `refusal` is to be answered once all of it is committed."""

    link: Link
    refusal: BridgeError | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """How a connector says that it is."""

    link_id: str
    version: str
    figures: Figures


class Contacts:
    """Hears connectors."""

    def __init__(self, links: Links) -> None:
        self._links = links
        self._clock = links.house.runtime.clock

    async def find(self, connection: AsyncConnection, token: str) -> Presented | None:
        """Whose master token this is, locked until the transaction ends; None if it was never given out."""
        owner = await store.owner_of_token(connection, token)
        if owner is None:
            return None
        link_id, credential_id = owner
        # All links of the location, always in one order: a first contact ends the link that it replaces.
        await store.living(connection, await store.location_of(connection, link_id), lock=True)
        link = await self._links.link(connection, link_id, lock=True)
        # Read after the lock: another request may just have ended it.
        return Presented(link, await store.credential(connection, credential_id))

    async def use(self, connection: AsyncConnection, presented: Presented, use: Use) -> Heard:
        """A proven token request. It acknowledges a new link, and ends the old credential of an exchange.

        A refusal comes with what has to be stored although the request is refused.
        """
        link, credential = presented.link, presented.credential
        if (refusal := self._refusal(link, credential)) is not None:
            if link.overdue(self._clock.now()):
                link = await self._links.abandon(connection, link)
            return Heard(link, refusal)
        actor = actor_of(link, use.source)
        if credential.standing is CredentialStanding.WAITING:
            link = await self._exchange(connection, link, credential, actor)
        if link.state is LinkState.WAITING_FIRST_CONTACT:
            link = await self._links.acknowledge(connection, link, actor)
        return await self._count(connection, link, use)

    async def report(self, connection: AsyncConnection, reports: Sequence[Report]) -> None:
        """Stores what connectors report of themselves: any number of them in one statement."""
        now = self._clock.now()
        rows = [
            {
                "of": one.link_id,
                "last_contact_at": now,
                "connector_version": one.version,
                "clock_skew_seconds": one.figures.clock_skew_seconds,
                "unsent_count": one.figures.unsent_count,
                "oldest_unsent_seconds": one.figures.oldest_unsent_seconds,
                "open_put_backs": one.figures.open_put_backs,
            }
            for one in reports
        ]
        if rows:
            await store.note_reports(connection, rows)

    def _refusal(self, link: Link, credential: Credential) -> BridgeError | None:
        now = self._clock.now()
        if link.ended or link.overdue(now):
            return BridgeError(Code.LINK_REVOKED)
        if credential.standing is CredentialStanding.ENDED:
            return BridgeError(Code.LINK_REVOKED, RENEWED, place=OLD_KEY)
        if not credential.lives(now):
            return BridgeError(
                Code.TOKEN_EXPIRED, "the credential was exchanged: repeat the exchange", place="rotation"
            )
        if link.state is LinkState.SUSPENDED and link.clone_suspected_at is not None:
            return BridgeError(Code.CLONE_SUSPECTED)
        return None

    async def _exchange(self, connection: AsyncConnection, link: Link, new: Credential, actor: Actor) -> Link:
        """The first use of a new credential ends the old one. A copy of the old one is locked out with it."""
        now = self._clock.now()
        await store.end_credentials(connection, link.id, CredentialStanding.CURRENT)
        await store.change_credential(connection, new.id, standing=CredentialStanding.CURRENT, first_used_at=now)
        await store.drop_sessions(connection, link.id)
        forgotten = {"rotation_asked_at": None, "clone_suspected_at": None}
        runs = {"counter": None, "counter_left": None, "counter_fell_at": None}
        await store.change(connection, link.id, **forgotten, **runs)
        rotated = await self._links.link(connection, link.id)
        before, after = {"fingerprint": link.credential.fingerprint}, {"fingerprint": new.fingerprint}
        await self._links.note(connection, LinkEvent.ROTATED, rotated, actor, before=before, after=after)
        return rotated

    async def _count(self, connection: AsyncConnection, link: Link, use: Use) -> Heard:
        now = self._clock.now()
        runs, interleaved = follow(Runs(link.counter, link.counter_left, link.counter_fell_at), use.number, now)
        await store.change(
            connection,
            link.id,
            counter=runs.counter,
            counter_left=runs.left,
            counter_fell_at=runs.fell_at,
            last_contact_at=now,
            clock_skew_seconds=use.clock_skew_seconds,
        )
        if link.credential.first_used_at is None:
            await store.change_credential(connection, link.credential.id, first_used_at=now)
        figures = replace(link.figures, clock_skew_seconds=use.clock_skew_seconds)
        heard = Heard(replace(link, last_contact_at=now, figures=figures))
        if interleaved and link.clone_suspected_at is None:
            return await self._suspect(connection, heard.link)
        return heard

    async def _suspect(self, connection: AsyncConnection, link: Link) -> Heard:
        """An alarm, and a pause where the merchant has chosen it: by default no shop stops for a suspicion."""
        now = self._clock.now()
        await store.change(connection, link.id, clone_suspected_at=now)
        link = replace(link, clone_suspected_at=now)
        await self._links.note(connection, LinkEvent.CLONE_SUSPECTED, link, PORTAL)
        if link.state is LinkState.SUSPENDED or not await store.suspends_clones(connection, link.tenant_id):
            return Heard(link)
        reason = "two computers seem to use it"
        paused = await self._links.move(connection, link, LinkState.SUSPENDED, LinkEvent.SUSPENDED, PORTAL, reason)
        return Heard(paused, BridgeError(Code.CLONE_SUSPECTED))


def actor_of(link: Link, source: str) -> Actor:
    """A connector, for the audit log."""
    return Actor(ActorKind.LINK, link.id, link.connector.name, source)
