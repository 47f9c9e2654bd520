"""What the command line and other features do with accounts."""

from dataclasses import dataclass

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.cashier_texts import Language
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.accounts import letters, passwords, store
from tillbridge.portal.accounts.model import (
    FIRST_LINK_LIFE,
    Account,
    AccountEvent,
    PersonState,
    clean_email,
    clean_name,
)
from tillbridge.portal.accounts.resetting import PAGE
from tillbridge.portal.accounts.secrets import hashed, new_secret
from tillbridge.portal.audit.log import PORTAL, Entry
from tillbridge.portal.house import House


@dataclass(frozen=True, slots=True)
class Admin:
    """The operator's person that was made. `link`: the address, used once, where a password is chosen."""

    id: str
    link: str | None


async def create_admin(house: House, email: str, name: str, password: str | None) -> Admin:
    """Makes a person of the portal operator's own staff.

    Without a password a link is made that works once within 24 hours. `BridgeError`: FIELD_INVALID for an address, a
    name or a password that cannot be; RECORD_CONFLICT when the address has an account.
    """
    password_hash = None
    stored, said = clean_email(email), clean_name(name)
    if password is not None:
        password_hash = await prepare_password(password, email=stored, name=said)
    secret, now = new_secret(house.runtime.chance), house.runtime.clock.now()
    async with house.database.writing() as connection:
        person_id = await add_person(
            house, connection, stored, said, tenant_id=None, operator=True, password_hash=password_hash
        )
        if password_hash is None:
            await store.add_link(connection, hashed(secret), person_id, now, FIRST_LINK_LIFE)
        await house.audit.note(connection, PORTAL, Entry(AccountEvent.ADMIN_MADE, None, subject=stored))
    return Admin(person_id, None if password_hash else letters.link(house, f"{PAGE}?link={secret}"))


async def add_person(  # noqa: PLR0913  # all that an account begins with
    house: House,
    connection: AsyncConnection,
    email: str,
    name: str,
    *,
    tenant_id: str | None,
    language: Language | None = None,
    operator: bool = False,
    password_hash: str | None = None,
) -> str:
    """Makes an account in this transaction and returns its id: active with a password, else invited.

    `BridgeError`: FIELD_INVALID for an address or name that cannot be, RECORD_CONFLICT when the address has an account.
    """
    state = PersonState.INVITED if password_hash is None else PersonState.ACTIVE
    account = Account(
        id=house.runtime.ids.new(),
        tenant_id=tenant_id,
        email=clean_email(email),
        name=clean_name(name),
        language=language,
        password_hash=password_hash,
        state=state,
        operator=operator,
    )
    try:
        async with connection.begin_nested():
            await store.add_person(connection, account, house.runtime.clock.now())
    except IntegrityError:
        raise BridgeError(Code.RECORD_CONFLICT, "this address has an account already", place="email") from None
    return account.id


async def prepare_password(password: str, *, email: str, name: str, place: str = "password") -> str:
    """Checks a password's rules and hashes it, before a transaction begins: hashing takes its time.

    `BridgeError`: FIELD_INVALID with the broken rule as detail (too_short, too_long, too_common, too_personal),
    OVERLOADED.
    """
    return await passwords.make_hash(passwords.check_rules(password, email=email, name=name, place=place))


async def activate(
    connection: AsyncConnection, person_id: str, name: str, language: Language | None, password_hash: str
) -> None:
    """An invited person has accepted, with this name and language and the hash of `prepare_password`."""
    await store.set_profile(connection, person_id, clean_name(name), language)
    await store.set_password(connection, person_id, password_hash)


async def end_sessions(connection: AsyncConnection, person_id: str) -> int:
    """Ends every session of a person at once, for one who is disabled or leaves; returns how many."""
    return await store.end_sessions(connection, person_id)
