"""The SQL of people and their sessions."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Row, case, delete, insert, literal, null, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.cashier_texts import Language
from tillbridge.portal.accounts.model import IDLE, SEEN_EVERY, Account, PersonState, Session, is_id
from tillbridge.portal.accounts.tables import password_link, person, session
from tillbridge.portal.locations.tables import tenant

TRIES_IN_A_ROW: Final = 5
"""Wrong passwords in a row that lock an account."""

LOCKS: Final = (timedelta(minutes=5), timedelta(minutes=15), timedelta(minutes=60))
"""How long the first lock lasts, the second, and every further one until the right password comes."""

_ACCOUNT: Final = (
    person.c.id,
    person.c.tenant_id,
    person.c.email,
    person.c.name,
    person.c.language,
    person.c.password_hash,
    person.c.state,
    person.c.operator,
)


async def add_person(connection: AsyncConnection, account: Account, now: datetime) -> None:
    """Writes a new person down; `IntegrityError` when the address has an account already."""
    await connection.execute(
        insert(person).values(
            id=account.id,
            tenant_id=account.tenant_id,
            email=account.email,
            name=account.name,
            language=account.language,
            password_hash=account.password_hash,
            state=account.state,
            operator=account.operator,
            created_at=now,
        )
    )


async def by_email(connection: AsyncConnection, email: str) -> Account | None:
    """The account of an address in its stored form."""
    return _account((await connection.execute(select(*_ACCOUNT).where(person.c.email == email))).first())


async def by_id(connection: AsyncConnection, person_id: str, *, lock: bool = False) -> Account | None:
    """The account of this id; with `lock` it stays as it is until the end of the transaction."""
    wanted = select(*_ACCOUNT).where(person.c.id == person_id)
    return _account((await connection.execute(wanted.with_for_update() if lock else wanted)).first())


async def operators(connection: AsyncConnection) -> Sequence[Account]:
    """The active staff of whoever runs this portal."""
    staff = select(*_ACCOUNT).where(person.c.operator, person.c.state == PersonState.ACTIVE).order_by(person.c.id)
    found = [_account(row) for row in await connection.execute(staff)]
    return [one for one in found if one is not None]


async def count_try(connection: AsyncConnection, email: str, now: datetime) -> datetime | None:
    """Counts a password's try before it is compared, and locks the account with the fifth in a row.

    Returns the moment until which the account is locked if this try does not turn out right, `now` if it is not; None
    when it is locked already, or there is no such account. One statement: tries at the same moment are all counted.
    """
    tries = case((person.c.failures >= TRIES_IN_A_ROW, 1), else_=person.c.failures + 1)
    last = person.c.failures == TRIES_IN_A_ROW - 1
    until = case(
        (person.c.locks == 0, literal(now + LOCKS[0], person.c.locked_until.type)),
        (person.c.locks == 1, literal(now + LOCKS[1], person.c.locked_until.type)),
        else_=literal(now + LOCKS[2], person.c.locked_until.type),
    )
    found = await connection.execute(
        update(person)
        .where(person.c.email == email, person.c.locked_until.is_(None) | (person.c.locked_until <= now))
        .values(
            failures=tries,
            locks=case((last, person.c.locks + 1), else_=person.c.locks),
            locked_until=case((last, until), else_=null()),
        )
        .returning(person.c.locked_until)
    )
    row = found.first()
    return None if row is None else (row.locked_until or now)


async def clear_tries(connection: AsyncConnection, person_id: str) -> None:
    """The right password came: nothing before it counts."""
    await connection.execute(
        update(person).where(person.c.id == person_id).values(failures=0, locks=0, locked_until=None)
    )


async def set_password(connection: AsyncConnection, person_id: str, password_hash: str) -> None:
    """A new password; an invited person becomes an active one, and a lock ends."""
    state = case((person.c.state == PersonState.INVITED, PersonState.ACTIVE.value), else_=person.c.state)
    await connection.execute(
        update(person)
        .where(person.c.id == person_id)
        .values(password_hash=password_hash, state=state, failures=0, locks=0, locked_until=None)
    )


async def rehash(connection: AsyncConnection, person_id: str, before: str, after: str) -> None:
    """The same password with today's parameters, unless another one was set meanwhile."""
    await connection.execute(
        update(person).where(person.c.id == person_id, person.c.password_hash == before).values(password_hash=after)
    )


async def set_profile(connection: AsyncConnection, person_id: str, name: str, language: Language | None) -> None:
    """The name and the language of a person."""
    await connection.execute(update(person).where(person.c.id == person_id).values(name=name, language=language))


# ---------------------------------------------------------------- sessions


async def add_session(connection: AsyncConnection, one: Session) -> None:
    """Writes a new session down."""
    await connection.execute(
        insert(session).values({column: getattr(one, column) for column in session.columns.keys()})  # noqa: SIM118  # a collection, no dict
    )


async def session_of(connection: AsyncConnection, session_id: str) -> tuple[Session, Account, str] | None:
    """A session with its person and the name of the merchant whom the person helps in it ("" for nobody)."""
    found = await connection.execute(
        select(session, *(column.label(f"who_{column.name}") for column in _ACCOUNT), tenant.c.name.label("helping"))
        .join(person, person.c.id == session.c.person_id)
        .outerjoin(tenant, tenant.c.id == session.c.helping_tenant_id)
        .where(session.c.id == session_id)
    )
    row = found.first()
    if row is None:
        return None
    account = Account(
        id=row.who_id,
        tenant_id=row.who_tenant_id,
        email=row.who_email,
        name=row.who_name,
        language=None if row.who_language is None else Language(row.who_language),
        password_hash=row.who_password_hash,
        state=PersonState(row.who_state),
        operator=row.who_operator,
    )
    return _session(row), account, row.helping or ""


async def sessions_of(connection: AsyncConnection, person_id: str, now: datetime) -> Sequence[Session]:
    """A person's open sessions, the last used first."""
    rows = await connection.execute(
        select(session)
        .where(
            session.c.person_id == person_id,
            session.c.ends_at > now,
            session.c.last_seen_at > now - IDLE,
            session.c.awaits_factor.is_(False),
        )
        .order_by(session.c.last_seen_at.desc(), session.c.handle.desc())
    )
    return [_session(row) for row in rows]


async def seen(connection: AsyncConnection, session_id: str, now: datetime) -> None:
    """The session is used, written at most once a minute, whichever process sees it."""
    await connection.execute(
        update(session)
        .where(session.c.id == session_id, session.c.last_seen_at <= now - SEEN_EVERY)
        .values(last_seen_at=now)
    )


async def renew(connection: AsyncConnection, old_id: str, new_id: str, **changed: datetime | bool) -> bool:
    """A session goes on under another secret; False when it has ended meanwhile."""
    found = await connection.execute(update(session).where(session.c.id == old_id).values(id=new_id, **changed))
    return found.rowcount == 1


async def set_helping(connection: AsyncConnection, session_id: str, tenant_id: str | None) -> None:
    """The merchant whom the operator's staff helps in this session; None: nobody."""
    await connection.execute(update(session).where(session.c.id == session_id).values(helping_tenant_id=tenant_id))


async def end_session(connection: AsyncConnection, session_id: str) -> None:
    """Ends one session."""
    await connection.execute(delete(session).where(session.c.id == session_id))


async def end_handle(connection: AsyncConnection, person_id: str, handle: str) -> bool:
    """Ends one of a person's sessions by its handle; False when the person has no such."""
    if not is_id(handle):
        return False
    found = await connection.execute(
        delete(session).where(session.c.person_id == person_id, session.c.handle == handle)
    )
    return found.rowcount == 1


async def end_sessions(connection: AsyncConnection, person_id: str, *, but: str | None = None) -> int:
    """Ends all of a person's sessions, but that of this id; returns how many."""
    statement = delete(session).where(session.c.person_id == person_id)
    if but is not None:
        statement = statement.where(session.c.id != but)
    return (await connection.execute(statement)).rowcount


async def tidy(connection: AsyncConnection, now: datetime) -> None:
    """Removes sessions and links that are over."""
    await connection.execute(delete(session).where((session.c.ends_at <= now) | (session.c.last_seen_at <= now - IDLE)))
    await connection.execute(delete(password_link).where(password_link.c.ends_at <= now))


# ---------------------------------------------------------------- links for a new password


async def add_link(connection: AsyncConnection, link_id: str, person_id: str, now: datetime, life: timedelta) -> None:
    """A link with which this person sets a new password; earlier ones open nothing any more."""
    await connection.execute(
        update(password_link)
        .where(password_link.c.person_id == person_id, password_link.c.used_at.is_(None))
        .values(used_at=now)
    )
    await connection.execute(
        insert(password_link).values(id=link_id, person_id=person_id, created_at=now, ends_at=now + life)
    )


async def link_owner(connection: AsyncConnection, link_id: str, now: datetime) -> Account | None:
    """Whose link this is, if it still opens something."""
    found = await connection.execute(
        select(*_ACCOUNT)
        .join(password_link, password_link.c.person_id == person.c.id)
        .where(
            password_link.c.id == link_id,
            password_link.c.used_at.is_(None),
            password_link.c.ends_at > now,
            person.c.state != PersonState.DISABLED,
        )
    )
    return _account(found.first())


async def use_link(connection: AsyncConnection, link_id: str, now: datetime) -> bool:
    """Uses a link up; exactly one of those who try at the same moment gets True."""
    found = await connection.execute(
        update(password_link)
        .where(password_link.c.id == link_id, password_link.c.used_at.is_(None), password_link.c.ends_at > now)
        .values(used_at=now)
    )
    return found.rowcount == 1


def _account(row: Row[*tuple[Any, ...]] | None) -> Account | None:
    if row is None:
        return None
    return Account(
        id=row.id,
        tenant_id=row.tenant_id,
        email=row.email,
        name=row.name,
        language=None if row.language is None else Language(row.language),
        password_hash=row.password_hash,
        state=PersonState(row.state),
        operator=row.operator,
    )


def _session(row: Row[*tuple[Any, ...]]) -> Session:
    return Session(
        id=row.id,
        handle=row.handle,
        person_id=row.person_id,
        created_at=row.created_at,
        last_seen_at=row.last_seen_at,
        ends_at=row.ends_at,
        source=row.source,
        agent=row.agent,
        awaits_factor=row.awaits_factor,
        stepped_up_at=row.stepped_up_at,
        recovered_at=row.recovered_at,
        helping_tenant_id=row.helping_tenant_id,
    )
