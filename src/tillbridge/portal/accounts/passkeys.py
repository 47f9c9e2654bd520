"""Passkeys (WebAuthn level 2): what a browser is asked for, and how its answer is checked.

A challenge is authenticated by the portal's own key and bound to the browser that asked, so that nothing is stored for
somebody who only asks. Once signed it is written down until it would have run out: nothing is signed in with twice.
"""

import hmac
import ipaddress
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Final
from urllib.parse import urlsplit

from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.requests import Request
from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import parse_authentication_credential_json, parse_registration_credential_json
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticationCredential,
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    RegistrationCredential,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.accounts import factor_store
from tillbridge.portal.accounts.model import Account, Factor, FactorKind
from tillbridge.portal.accounts.secrets import to_bytes, to_text
from tillbridge.portal.house import House
from tillbridge.portal.settings import LOOPBACK, PortalSettings

CHALLENGE_LIFE: Final = timedelta(minutes=5)
CHANCE_BYTES: Final = 16
TIME_BYTES: Final = 8
LONGEST_ANSWER: Final = 32 * 1024
"""Characters of a browser's answer: a key's certificates take a few thousand."""

_NAME: Final = "localhost"


class Purpose(StrEnum):
    """What a passkey is asked for. An answer for one purpose is none for another."""

    SIGN_IN = "sign_in"
    FACTOR = "factor"
    STEP_UP = "step_up"
    ENROL = "enrol"


@dataclass(frozen=True, slots=True)
class Party:
    """Whom a passkey belongs to: the host name, and the origins of its pages."""

    id: str
    origins: tuple[str, ...]


def party_of(request: Request, settings: PortalSettings) -> Party | None:
    """The party of the host that is asked; None where passkeys do not work, since browsers want a name for them."""
    host = (urlsplit(f"//{request.headers.get('host', '')}").hostname or "").lower()
    parts = urlsplit(settings.address)
    if host == _NAME and parts.hostname in LOOPBACK:
        port = "" if parts.port is None else f":{parts.port}"
        return Party(_NAME, (f"{parts.scheme}://{_NAME}{port}",))
    origins = tuple(address for address in settings.addresses if urlsplit(address).hostname == host)
    return None if not origins or _is_number(host) else Party(host, origins)


class Passkeys:
    """Asks and checks."""

    def __init__(self, house: House) -> None:
        self._house = house

    def asking(self, party: Party, purpose: Purpose, holder: str, known: Sequence[Factor] = ()) -> str:
        """What the browser is to ask a passkey, as JSON. Without `known` the person chooses from those at hand."""
        options = generate_authentication_options(
            rp_id=party.id,
            challenge=self._challenge(purpose, holder),
            timeout=_milliseconds(CHALLENGE_LIFE),
            allow_credentials=_descriptors(known, party) or None,
            user_verification=UserVerificationRequirement.REQUIRED,
        )
        return options_to_json(options)

    def enrolling(self, party: Party, holder: str, account: Account, known: Sequence[Factor]) -> str:
        """What the browser needs to make a passkey, as JSON."""
        options = generate_registration_options(
            rp_id=party.id,
            rp_name=self._house.settings.operator.name,
            user_id=bytes.fromhex(account.id),
            user_name=account.email,
            user_display_name=account.name,
            challenge=self._challenge(Purpose.ENROL, holder),
            timeout=_milliseconds(CHALLENGE_LIFE),
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.PREFERRED,
                user_verification=UserVerificationRequirement.REQUIRED,
            ),
            exclude_credentials=_descriptors(known, party),
        )
        return options_to_json(options)

    async def made(
        self, connection: AsyncConnection, party: Party, holder: str, person_id: str, answer: str, name: str
    ) -> Factor:
        """The passkey that a browser has made, not yet stored. `BridgeError(SIGN_IN_REFUSED)` for a wrong answer."""
        now = self._house.runtime.clock.now()
        credential = _registration(answer)
        challenge = _signed_challenge(credential.response.client_data_json)
        ends_at = self._check(Purpose.ENROL, holder, challenge)
        try:
            verified = verify_registration_response(
                credential=credential,
                expected_challenge=challenge,
                expected_rp_id=party.id,
                expected_origin=list(party.origins),
                require_user_verification=True,
            )
        except WebAuthnException as error:
            raise _refused() from error
        await self._spend(connection, challenge, ends_at)
        return Factor(
            id=self._house.runtime.ids.new(),
            person_id=person_id,
            kind=FactorKind.PASSKEY,
            name=name,
            created_at=now,
            confirmed_at=now,
            last_used_at=None,
            sealed_secret=None,
            last_step=None,
            credential_id=to_text(verified.credential_id),
            public_key=to_text(verified.credential_public_key),
            sign_count=verified.sign_count,
            rp_id=party.id,
        )

    async def proven(
        self, connection: AsyncConnection, party: Party, purpose: Purpose, holder: str, answer: str
    ) -> Factor:
        """The passkey that signed this very challenge. `BridgeError(SIGN_IN_REFUSED)` for anything else."""
        credential = _authentication(answer)
        challenge = _signed_challenge(credential.response.client_data_json)
        ends_at = self._check(purpose, holder, challenge)
        one = await factor_store.by_credential(connection, to_text(credential.raw_id), party.id)
        if one is None or one.public_key is None or one.sign_count is None:
            raise _refused()
        handle = credential.response.user_handle
        if handle is not None and handle != bytes.fromhex(one.person_id):
            raise _refused()
        try:
            verified = verify_authentication_response(
                credential=credential,
                expected_challenge=challenge,
                expected_rp_id=party.id,
                expected_origin=list(party.origins),
                credential_public_key=to_bytes(one.public_key),
                credential_current_sign_count=one.sign_count,
                require_user_verification=True,
            )
        except WebAuthnException as error:
            raise _refused() from error
        await self._spend(connection, challenge, ends_at)
        now = self._house.runtime.clock.now()
        if not await factor_store.use_passkey(connection, one, verified.new_sign_count, now):
            raise _refused()
        return one

    def _challenge(self, purpose: Purpose, holder: str) -> bytes:
        if not holder:
            raise BridgeError(Code.ORIGIN_NOT_ALLOWED, "the browser sends no cookie; load the page again")
        ends_at = int((self._house.runtime.clock.now() + CHALLENGE_LIFE).timestamp())
        head = self._house.runtime.chance.randbytes(CHANCE_BYTES) + ends_at.to_bytes(TIME_BYTES)
        return head + self._mac(purpose, holder, head)

    def _check(self, purpose: Purpose, holder: str, challenge: bytes) -> datetime:
        """When this challenge of ours runs out."""
        head, mac = challenge[: CHANCE_BYTES + TIME_BYTES], challenge[CHANCE_BYTES + TIME_BYTES :]
        if not holder or not hmac.compare_digest(self._mac(purpose, holder, head), mac):
            raise _refused()
        ends_at = datetime.fromtimestamp(int.from_bytes(head[CHANCE_BYTES:]), UTC)
        if self._house.runtime.clock.now() >= ends_at:
            raise _refused()
        return ends_at

    async def _spend(self, connection: AsyncConnection, challenge: bytes, ends_at: datetime) -> None:
        if not await factor_store.spend_challenge(connection, sha256(challenge).hexdigest(), ends_at):
            raise _refused()

    def _mac(self, purpose: Purpose, holder: str, head: bytes) -> bytes:
        return self._house.vault.mac(f"passkey {purpose}", head + holder.encode())


def _authentication(answer: str) -> AuthenticationCredential:
    try:
        return parse_authentication_credential_json(answer[:LONGEST_ANSWER])
    except (WebAuthnException, ValueError, RecursionError) as error:
        raise _refused() from error


def _registration(answer: str) -> RegistrationCredential:
    try:
        return parse_registration_credential_json(answer[:LONGEST_ANSWER])
    except (WebAuthnException, ValueError, RecursionError) as error:
        raise _refused() from error


def _signed_challenge(client_data: bytes) -> bytes:
    try:
        match json.loads(client_data):
            case {"challenge": str(text)}:
                return to_bytes(text)
            case _:
                raise _refused()
    except ValueError as error:
        raise _refused() from error


def _refused() -> BridgeError:
    return BridgeError(Code.SIGN_IN_REFUSED, "the passkey was not accepted", place="credential")


def _descriptors(known: Sequence[Factor], party: Party) -> list[PublicKeyCredentialDescriptor]:
    return [
        PublicKeyCredentialDescriptor(id=to_bytes(one.credential_id))
        for one in known
        if one.credential_id is not None and one.rp_id == party.id
    ]


def _milliseconds(span: timedelta) -> int:
    return int(span / timedelta(milliseconds=1))


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
