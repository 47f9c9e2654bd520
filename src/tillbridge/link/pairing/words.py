"""The messages of suite TB-PAIR-1 as they travel, and the two texts that are sealed in them.

docs/reference/pairing-protocol.md, sections 3 to 5. The suite's name stands for exactly these members: another set of
them is another suite. What does not fit is refused whole, and the refusal names the place and never what stood there.
"""

import json
import re
from typing import Annotated, Final, Literal, Self, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from tillbridge.domain.codes import Code
from tillbridge.domain.errors import BridgeError
from tillbridge.domain.location_number import LocationNumber
from tillbridge.link import master_token
from tillbridge.link.base64url import AsBase64Url, Bytes32, encode
from tillbridge.link.keys import Entropy, PublicJwk
from tillbridge.link.pairing.pake import SHARE_BYTES
from tillbridge.link.scopes import ServiceState

SUITE: Final = "TB-PAIR-1"
SESSION_SECONDS: Final = 120
"""So long after its start a session takes a finish."""

PIN_LENGTHS: Final = (4, 6)
"""Four digits; a merchant may ask for six."""

SESSION_BYTES: Final = 16
SIGNATURE_BYTES: Final = 64
SEAL_BYTES: Final = 16
"""What sealing adds to a text."""

MAX_SEALED_A: Final = 4 * 1024
"""What a connector says of itself: a key, a proof and four short texts."""

MAX_SEALED_B: Final = 64 * 1024
"""A grant: an access token of at most 2 KiB for each service, and room for twice the services there are."""

MAX_START: Final = 1024
MAX_FINISH: Final = 8 * 1024
MAX_REPLY: Final = 96 * 1024
"""Characters of a body: what is sealed in it grows by a third as base64url."""

MAX_SERVICES: Final = 16
MAX_TOKEN: Final = 2048

_PIN: Final = re.compile(rf"[0-9]{{{PIN_LENGTHS[0]}}}(?:[0-9]{{{PIN_LENGTHS[1] - PIN_LENGTHS[0]}}})?", re.ASCII)
_HOST: Final = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?", re.ASCII)

Share = Annotated[AsBase64Url, Field(min_length=SHARE_BYTES, max_length=SHARE_BYTES)]
SessionId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{22}$")]
Line = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
"""A text that people read: one line."""

Word = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._:+-]+$")]
Id = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)

    def body(self) -> bytes:
        """The message as it is sent."""
        return self.model_dump_json().encode()


class StartRequest(_Message):
    """Connector to portal: its share. The PIN is not in it, nor anything to test a PIN against."""

    suite: Literal["TB-PAIR-1"] = "TB-PAIR-1"
    location_number: Annotated[str, Field(pattern=r"^[0-9]{8}$")]
    share_a: Share

    @classmethod
    def read(cls, body: bytes) -> Self:
        """Reads a body. `BridgeError`: SUITE_UNKNOWN for another suite, else PAIRING_INPUT with the place."""
        if len(body) > MAX_START:
            raise BridgeError(Code.PAIRING_INPUT, f"the request has more than {MAX_START} bytes")
        _check_suite(body)
        request = read(cls, body, Code.PAIRING_INPUT)
        # The digits are checked here, so that no portal ever looks for a mistyped location.
        checked_location(request.location_number)
        return request


class StartReply(_Message):
    """Portal to connector: its share, and the session's name. It looks the same whether a PIN is open or none."""

    session_id: SessionId
    share_b: Share
    expires_in: Annotated[int, Field(ge=1, le=3600)]

    @classmethod
    def read(cls, body: bytes) -> Self:
        """Reads a body; `BridgeError(PORTAL_UNPROVEN)` if this cannot have come from a portal."""
        return _read_reply(cls, body, MAX_START)


class FinishRequest(_Message):
    """Connector to portal: the proof that it knew the PIN, and who it is, sealed."""

    confirm_a: Bytes32
    sealed_a: Annotated[AsBase64Url, Field(min_length=SEAL_BYTES, max_length=MAX_SEALED_A)]

    @classmethod
    def read(cls, body: bytes) -> Self:
        """Reads a body; `BridgeError(PAIRING_INPUT)` with the place."""
        if len(body) > MAX_FINISH:
            raise BridgeError(Code.PAIRING_INPUT, f"the request has more than {MAX_FINISH} bytes")
        return read(cls, body, Code.PAIRING_INPUT)


class FinishReply(_Message):
    """Portal to connector: the proof that it knew the PIN, and the grant, sealed."""

    confirm_b: Bytes32
    sealed_b: Annotated[AsBase64Url, Field(min_length=SEAL_BYTES, max_length=MAX_SEALED_B)]

    @classmethod
    def read(cls, body: bytes) -> Self:
        """Reads a body; `BridgeError(PORTAL_UNPROVEN)` if this cannot have come from a portal."""
        return _read_reply(cls, body, MAX_REPLY)


class ConnectorDescription(_Message):
    """What a connector says of itself: its own id, the name of its computer, the program's version, the system."""

    connector_id: Id
    name: Line
    version: Word
    os: Line


class ConnectorFacts(ConnectorDescription):
    """What is sealed for the portal: besides, the link's public key, and the signature that proves the private one."""

    jwk: PublicJwk
    proof: Annotated[AsBase64Url, Field(min_length=SIGNATURE_BYTES, max_length=SIGNATURE_BYTES)]


class GrantedLocation(_Message):
    """The location that the connector now speaks for, `name` as people call it."""

    number: Annotated[str, Field(pattern=r"^[0-9]{8}$")]
    name: Line


class GrantedService(_Message):
    """One service as it stands at the location. Only one that is `on` has a token, good for `expires_in` seconds.

    The name is a text and no closed set: a newer portal knows services that an older connector does not.
    """

    service: Word
    state: ServiceState
    scope: Annotated[str, Field(max_length=400, pattern=r"^[a-z:]*(?: [a-z:]+)*$")] = ""
    access_token: Annotated[str | None, Field(max_length=MAX_TOKEN, repr=False)] = None
    expires_in: Annotated[int | None, Field(ge=1, le=3600)] = None


class Grant(_Message):
    """What is sealed for the connector. `portal_jwks_thumbprint` is that of the key which signs access tokens now."""

    link_id: Id
    location: GrantedLocation
    tenant: Line
    master_token: Annotated[str, Field(pattern=master_token.PATTERN, repr=False)]
    services: Annotated[tuple[GrantedService, ...], Field(max_length=MAX_SERVICES)]
    portal_jwks_thumbprint: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{43}$")]
    server_time: AwareDatetime


_Model = TypeVar("_Model", bound=BaseModel)


def read(model: type[_Model], body: bytes, code: Code) -> _Model:
    """Reads JSON into a model; `BridgeError` with this code names the place and the rule, never what was sent."""
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(str(step) for step in first["loc"])[:100] or None
        raise BridgeError(code, f"this part of the message cannot be read ({first['type']})", place=place) from None


def checked_pin(pin: str) -> str:
    """The PIN as the exchange takes it; `BridgeError(PAIRING_INPUT)` if it cannot be one. It costs no try."""
    if _PIN.fullmatch(pin) is None:
        raise BridgeError(Code.PAIRING_INPUT, "a PIN has four digits, or six", place="pin")
    return pin


def checked_location(number: str) -> LocationNumber:
    """The location number of a message; `BridgeError(PAIRING_INPUT)` with the fault. It costs no try."""
    try:
        return LocationNumber.parse(number, place="location_number")
    except BridgeError as refusal:
        raise BridgeError(Code.PAIRING_INPUT, refusal.detail, place=refusal.place) from None


def portal_host(host: str) -> str:
    """The portal's host name as both sides write it: lower case, no port; an international name as its ASCII form.

    `BridgeError(FIELD_INVALID)` if it is none. The portal takes it from its own settings, never from a request.
    """
    lower = host.lower()
    if _HOST.fullmatch(lower) is None:
        raise BridgeError(Code.FIELD_INVALID, "this is no host name", place="host")
    return lower


def new_session_id(entropy: Entropy) -> str:
    """The name of a new session: 16 bytes of chance as text."""
    return encode(entropy(SESSION_BYTES))


def _read_reply(model: type[_Model], body: bytes, most: int) -> _Model:
    if len(body) > most:
        raise BridgeError(Code.PORTAL_UNPROVEN, f"the answer has more than {most} bytes")
    return read(model, body, Code.PORTAL_UNPROVEN)


def _check_suite(body: bytes) -> None:
    """Another suite may have other members: it is named as unknown before anything else is looked at."""
    try:
        whole = json.loads(body)
    except (ValueError, RecursionError):
        raise BridgeError(Code.PAIRING_INPUT, "the request is not JSON") from None
    if isinstance(whole, dict) and isinstance(whole.get("suite"), str) and whole["suite"] != SUITE:
        raise BridgeError(Code.SUITE_UNKNOWN, f"this portal speaks {SUITE}", place="suite")
