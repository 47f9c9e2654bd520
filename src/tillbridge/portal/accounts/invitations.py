"""Invitations: a letter with a link that opens an account once, within seven days."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.cashier_texts import Language
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.accounts import people_store, store
from tillbridge.portal.accounts.limits import LINK_BY_SOURCE, give_back, require
from tillbridge.portal.accounts.model import Account, PersonState
from tillbridge.portal.accounts.people_model import INVITATION_LIFE, INVITE_AGAIN_AFTER, Colleague, PeopleEvent
from tillbridge.portal.accounts.rights_tables import invitation
from tillbridge.portal.accounts.secrets import hashed, new_secret
from tillbridge.portal.accounts.service import activate, prepare_password
from tillbridge.portal.accounts.tables import person
from tillbridge.portal.audit.log import Entry
from tillbridge.portal.house import House
from tillbridge.portal.locations.tables import tenant
from tillbridge.portal.mail.post import Letter
from tillbridge.portal.pages.site import CATALOGUES

PATH: Final = "/invitation"

LONGEST_SUBJECT: Final = 200


@dataclass(frozen=True, slots=True)
class Invited:
    """An open invitation: for whom, and to which merchant."""

    account: Account
    merchant: str


class Invitations:
    """Writes invitations and lets people accept them."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def send(self, connection: AsyncConnection, one: Colleague, inviter: str) -> None:
        """A new invitation for somebody who has not joined yet; the one before opens nothing any more.

        `BridgeError(SLOW_DOWN)` right after the last one, RECORD_CONFLICT for somebody who has joined.
        """
        if one.state is not PersonState.INVITED:
            raise BridgeError(Code.RECORD_CONFLICT, "this person has joined", place="state")
        now, secret = self._house.runtime.clock.now(), new_secret(self._house.runtime.chance)
        await self._drop_last(connection, one.id, now)
        await connection.execute(
            insert(invitation).values(
                person_id=one.id, token_hash=hashed(secret), made_at=now, ends_at=now + INVITATION_LIFE
            )
        )
        merchant = await connection.scalar(select(tenant.c.name).where(tenant.c.id == one.tenant_id)) or ""
        await self._house.post.take(connection, self._letter(one, inviter, merchant, secret))

    async def look(self, token: str, source: str) -> Invited:
        """Whose invitation this is. `BridgeError`: RECORD_UNKNOWN if it opens nothing, SLOW_DOWN after many such."""
        now, where = self._house.runtime.clock.now(), source
        async with self._house.database.writing() as connection:
            await require(connection, LINK_BY_SOURCE, where, now)
        async with self._house.database.writing() as connection:
            found = await _find(connection, token, now)
            if found is not None:
                await give_back(connection, LINK_BY_SOURCE, where)
        if found is None:
            raise BridgeError(Code.RECORD_UNKNOWN)
        return found

    async def accept(self, token: str, source: str, *, name: str, language: Language | None, password: str) -> Account:
        """Opens the account with what the invited person typed. The caller has checked name and language.

        `BridgeError`: FIELD_INVALID with the rule that the password breaks; RECORD_UNKNOWN if the invitation was used,
        replaced or withdrawn meanwhile. Of two that accept at the same moment one gets in.
        """
        asked = await self.look(token, source)
        password_hash = await prepare_password(password, email=asked.account.email, name=name)
        now = self._house.runtime.clock.now()
        async with self._house.database.writing() as connection:
            used = delete(invitation).where(invitation.c.token_hash == hashed(token), invitation.c.ends_at > now)
            row = (await connection.execute(used.returning(invitation.c.person_id))).first()
            if row is None or not await people_store.set_state(
                connection, row.person_id, PersonState.INVITED, PersonState.ACTIVE
            ):
                raise BridgeError(Code.RECORD_UNKNOWN)
            await activate(connection, row.person_id, name, language, password_hash)
            account = await store.by_id(connection, row.person_id)
            if account is None:
                raise BridgeError(Code.RECORD_UNKNOWN)
            joined = Entry(PeopleEvent.JOINED, account.tenant_id, subject=account.email)
            await self._house.audit.note(connection, account.actor(source), joined)
        return account

    async def _drop_last(self, connection: AsyncConnection, person_id: str, now: datetime) -> None:
        made = await connection.scalar(select(invitation.c.made_at).where(invitation.c.person_id == person_id))
        if made is not None and now - made < INVITE_AGAIN_AFTER:
            wait = int((made + INVITE_AGAIN_AFTER - now).total_seconds()) + 1
            raise BridgeError(Code.SLOW_DOWN, "a letter was sent a moment ago", retry_after=wait)
        await connection.execute(delete(invitation).where(invitation.c.person_id == person_id))

    def _letter(self, one: Colleague, inviter: str, merchant: str, secret: str) -> Letter:
        settings = self._house.settings
        t = CATALOGUES[one.language or settings.language or Language.EN]
        fields = {
            "name": one.name,
            "inviter": inviter,
            "merchant": merchant,
            "portal": settings.operator.name,
            "days": INVITATION_LIFE.days,
            "link": f"{settings.address}{PATH}?token={secret}",
        }
        subject = t("people.mail.invitation.subject", **fields)[:LONGEST_SUBJECT]
        return Letter(one.email, subject, t("people.mail.invitation.text", **fields), one.tenant_id)


async def _find(connection: AsyncConnection, token: str, now: datetime) -> Invited | None:
    wanted = (
        select(person.c.id, tenant.c.name.label("merchant"))
        .join(invitation, invitation.c.person_id == person.c.id)
        .join(tenant, tenant.c.id == person.c.tenant_id)
        .where(
            invitation.c.token_hash == hashed(token),
            invitation.c.ends_at > now,
            person.c.state == PersonState.INVITED.value,
        )
    )
    row = (await connection.execute(wanted)).first()
    account = None if row is None else await store.by_id(connection, row.id)
    return None if row is None or account is None else Invited(account, row.merchant)
