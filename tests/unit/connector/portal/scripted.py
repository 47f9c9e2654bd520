"""A portal of a few lines that runs in the test's own loop, and a network between that loses what it is told to lose.

Its half of every exchange is that of the link package; what a whole portal does besides is tried in
`tests/integration/test_portal_pairing.py` against the real one.
"""

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl

from tillbridge.connector.portal.board import Board
from tillbridge.connector.portal.client import PortalClient
from tillbridge.connector.portal.faults import Answer, Cause, Unreachable
from tillbridge.connector.portal.keystore import Keystore
from tillbridge.connector.portal.pairing import Retrieval
from tillbridge.connector.portal.places import Place
from tillbridge.connector.portal.rotation import ROTATION_PATH, Rotation
from tillbridge.connector.portal.tokens import Tokens
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.location_number import LocationNumber
from tillbridge.link import master_token, proofs
from tillbridge.link.keys import KeyPair, PublicKey
from tillbridge.link.pairing import portal_side
from tillbridge.link.pairing.portal_side import Judged, PortalState
from tillbridge.link.pairing.words import (
    FinishRequest,
    Grant,
    GrantedLocation,
    GrantedService,
    StartRequest,
    new_session_id,
)
from tillbridge.link.proofs import Call
from tillbridge.link.rotation import RotationGrant
from tillbridge.link.scopes import ServiceState
from tillbridge.runtime.effects import Runtime
from tillbridge.web.problem import problem

ADDRESS: Final = "https://portal.example"
LOCATION: Final = LocationNumber.of(1004711)
PLACE: Final = Place(ADDRESS, LOCATION)
PIN: Final = "0420"
LINK_ID: Final = "fedcba9876543210" * 2
WRONG_PIN: Final = "9999"

Fault = Callable[["Portal", Callable[[], Answer]], Answer]


def lost_request(_portal: "Portal", _handle: Callable[[], Answer]) -> Answer:
    """It never leaves this computer."""
    raise Unreachable(Cause.PORTAL_DOWN, "the test has cut the line")


def lost_reply(_portal: "Portal", handle: Callable[[], Answer]) -> Answer:
    """It arrives and is carried out; its answer does not come back."""
    handle()
    raise BridgeError(Code.PORTAL_SILENT, "the test has cut the line")


def duplicated(_portal: "Portal", handle: Callable[[], Answer]) -> Answer:
    """It arrives twice, and the first answer is the one that comes back."""
    first = handle()
    handle()
    return first


def refused(code: Code, **more: Any) -> Fault:
    """The portal refuses it in its own words."""

    def refuse(portal: "Portal", _handle: Callable[[], Answer]) -> Answer:
        return portal.problem(BridgeError(code, **more))

    return refuse


@dataclass
class Portal:
    """A `Sender` with the portal behind it. `faults` are used up one request after another, from the first on."""

    runtime: Runtime
    pin: str = PIN
    faults: list[Fault | None] = field(default_factory=list)
    confirm_after: int = 0
    liar: bool = False
    skew: timedelta = timedelta()
    refusal: BridgeError | None = None
    rotate: bool = False
    state: str = "active"
    chance: random.Random = field(default_factory=lambda: random.Random(5))
    heard: list[tuple[str, bytes]] = field(default_factory=list)
    sessions: dict[str, PortalState] = field(default_factory=dict)
    waiting: dict[str, Judged] = field(default_factory=dict)
    replies: dict[str, tuple[bytes, bytes]] = field(default_factory=dict)
    links: list[tuple[PublicKey, str]] = field(default_factory=list)
    counters: list[int] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    nonce: str = "nonce-of-the-first-slot"
    rotations: dict[bytes, bytes] = field(default_factory=dict)
    services: list[tuple[str, str, bytes]] = field(default_factory=list)
    used_pins: int = 0

    # ------------------------------------------------------------ the network

    def url(self, path: str) -> str:
        return f"{ADDRESS}{path}"

    async def send(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        self.heard.append((path, body or b""))
        fault = self.faults.pop(0) if self.faults else None

        def handle() -> Answer:
            return self.handle(method, path, body or b"", headers or {})

        return handle() if fault is None else fault(self, handle)

    # ------------------------------------------------------------ the portal

    def handle(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        try:
            if path == "/v1/pairing/start":
                return self._start(body)
            if path.startswith("/v1/pairing/sessions/"):
                return self._finish(path.split("/")[4], body)
            if path == "/v1/token":
                return self._token(body, headers)
            if path == ROTATION_PATH:
                return self._rotation(body)
            return self._service(method, path, body, headers)
        except BridgeError as error:
            return self.problem(error)

    def answer(self, status: int, body: Mapping[str, object] | bytes, **headers: str) -> Answer:
        now = self.runtime.clock.now() - self.skew
        date = now.strftime("%a, %d %b %Y %H:%M:%S GMT")
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return Answer(status, {"date": date, "dpop-nonce": self.nonce, **headers}, content)

    def problem(self, error: BridgeError) -> Answer:
        more = {} if error.retry_after is None else {"retry-after": str(error.retry_after)}
        return self.answer(error.entry.status, problem(error), **more)

    def _start(self, body: bytes) -> Answer:
        session_id = new_session_id(self.chance.randbytes)
        reply, state = portal_side.begin(
            StartRequest.read(body), self.pin, "portal.example", session_id, self.chance.randbytes
        )
        self.sessions[session_id] = state
        return self.answer(HTTPStatus.CREATED, reply.body())

    def _finish(self, session_id: str, body: bytes) -> Answer:
        if session_id in self.replies:
            earlier, reply = self.replies[session_id]
            if earlier != body:
                raise BridgeError(Code.FINISH_CONFLICT)
            return self.answer(HTTPStatus.OK, reply)
        if session_id not in self.waiting:
            if session_id not in self.sessions:
                raise BridgeError(Code.PAIRING_OVER)
            judged = self.sessions.pop(session_id).judge(FinishRequest.read(body))
            if judged is None or self.used_pins:
                raise BridgeError(Code.PIN_REFUSED)
            self.used_pins += 1
            self.waiting[session_id] = judged
        if self.confirm_after:
            self.confirm_after -= 1
            return self.problem(BridgeError(Code.WAITING_CONFIRM, retry_after=5))
        return self.answer(HTTPStatus.OK, self._link(session_id, body))

    def _link(self, session_id: str, body: bytes) -> bytes:
        judged = self.waiting.pop(session_id)
        grant = self.grant()
        self.links.append((judged.key, grant.master_token))
        reply = judged.reply(grant)
        if self.liar:
            changed = json.loads(reply)
            changed["confirm_b"] = "A" * 43
            reply = json.dumps(changed).encode()
        self.replies[session_id] = (body, reply)
        return reply

    def grant(self) -> Grant:
        return Grant(
            link_id=LINK_ID,
            location=GrantedLocation(number=str(LOCATION), name="Bäckerei am Markt"),
            tenant="Bäckerei Korn",
            master_token=master_token.new(self.chance.randbytes),
            services=(
                GrantedService(
                    service="web_vouchers",
                    state=ServiceState.ON,
                    scope="vouchers:read vouchers:redeem",
                    access_token="first.access.token",
                    expires_in=600,
                ),
                GrantedService(service="reports", state=ServiceState.NEEDS_LICENCE),
                GrantedService(service="online_orders", state=ServiceState.NOT_AVAILABLE),
            ),
            portal_jwks_thumbprint=KeyPair.make(random.Random(9).randbytes).public.thumbprint,
            server_time=self.runtime.clock.now(),
        )

    def _token(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        form = dict(parse_qsl(body.decode(), strict_parsing=True))
        assert form["grant_type"] == "refresh_token"
        self._prove("POST", "/v1/token", headers, None, form["refresh_token"])
        self.counters.append(int(form["counter"]))
        if self.refusal is not None:
            raise self.refusal
        return self.answer(
            HTTPStatus.OK,
            {
                "access_token": f"token.{form['resource']}.{len(self.counters)}",
                "token_type": "DPoP",
                "expires_in": 600,
                "scope": form["scope"],
                "link_state": self.state,
                "rotate": self.rotate,
                "server_time": (self.runtime.clock.now() - self.skew).isoformat(),
            },
        )

    def _prove(self, method: str, path: str, headers: Mapping[str, str], token: str | None, master: str | None) -> None:
        proof = proofs.check(headers["DPoP"], Call(method, self.url(path), token), nonces=[self.nonce])
        if proof.jti in self.seen:
            raise BridgeError(Code.PROOF_REFUSED)
        self.seen.add(proof.jti)
        owners = [key.thumbprint for key, known in self.links if master in {None, known}]
        if not owners:
            raise BridgeError(Code.NOT_PAIRED)
        if proof.jkt not in owners:
            raise BridgeError(Code.PROOF_REFUSED)

    def _rotation(self, body: bytes) -> Answer:
        from tillbridge.link import rotation as exchange  # noqa: PLC0415  # only where it is asked for

        if body not in self.rotations:
            request = exchange.RotationRequest.read(body)
            assert request.proven_by(self.links[-1][0])
            token = master_token.new(self.chance.randbytes)
            self.links.append((request.key, token))
            grant = RotationGrant(
                link_id=LINK_ID,
                master_token=token,
                fingerprint=request.key.fingerprint,
                server_time=self.runtime.clock.now(),
            )
            sealed = exchange.RotationGrant.model_validate_json(grant.body())
            self.rotations[body] = exchange.answer(request, sealed, self.chance.randbytes).body()
            self.rotate = False
        return self.answer(HTTPStatus.OK, self.rotations[body])

    def _service(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        scheme, _, token = headers["Authorization"].partition(" ")
        assert scheme == "DPoP"
        self._prove(method, path, headers, token, None)
        if self.refusal is not None:
            raise self.refusal
        self.services.append((method, path, body))
        return self.answer(HTTPStatus.OK, {"token": token})


@dataclass
class Till:
    """A connector's parts over one folder and one portal: what `Connection` puts together, without a network."""

    portal: Portal
    runtime: Runtime
    folder: Path

    def __post_init__(self) -> None:
        self.keystore = Keystore(self.folder, self.runtime, {})
        self.keystore.load()
        self.board = Board(self.keystore, self.runtime.clock)
        self.tokens = Tokens(self.keystore, self.board, self.runtime)
        self.rotation = Rotation(self.keystore, self.tokens, self.board, self.runtime)
        self.retrieval = Retrieval(self.keystore, self.tokens, self.board, self.runtime, "1.0")
        self.client = PortalClient(self.portal, self.tokens, self.keystore, self.board)

    async def pair(self, pin: str = PIN) -> None:
        await self.retrieval.retrieve(self.portal, PLACE, pin, "till 1")

    def restarted(self) -> "Till":
        """The same computer after a power cut: what is on the disk, and nothing else."""
        return Till(self.portal, self.runtime, self.folder)

    async def code_of(self, pin: str = PIN) -> Code | None:
        """How a pairing ends; None if it led to a link."""
        try:
            await self.pair(pin)
        except BridgeError as error:
            return error.code
        return None
