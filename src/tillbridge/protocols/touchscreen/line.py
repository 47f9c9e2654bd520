"""A terminal as its till sees it: where it is, which version it speaks, and what it answers (README, section 2)."""

import asyncio
from base64 import b64encode
from dataclasses import dataclass, replace
from typing import Final

import structlog

from tillbridge.domain.outcome import DoubtReason, NotStartedReason
from tillbridge.protocols.contract import ProtocolError
from tillbridge.protocols.strict_json import JsonObject
from tillbridge.protocols.touchscreen.link import Address, Ended, Heard, Link, Question, timed
from tillbridge.protocols.touchscreen.messages import TerminalState, read_terminal
from tillbridge.protocols.touchscreen.profile import Op, Placement, Profile
from tillbridge.protocols.touchscreen.strict_json import write
from tillbridge.protocols.unheard import Lost, NotSent

AT_ONCE: Final = 32
"""Addresses that are tried at the same time in a search: a whole network takes some seconds, and no router minds."""

PROVEN_SECONDS: Final = 30.0
"""How long a terminal that has proven its number is believed without asking: no address passes to another one sooner,
and within a rush of customers none of them waits for a proof."""

HTTP_OK: Final = 200

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Found:
    """A terminal that answers: where, by which base, and what it says of itself."""

    address: Address
    base: str
    state: TerminalState


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """`expected` is the identity that the terminal has to prove, `hosts` where it may be found if it has moved."""

    known: Address
    expected: str | None = None
    hosts: tuple[str, ...] = ()


class Line:
    """One terminal behind a link. `address` and `base` are where it was last found; `hint` is for a technician.

    `candidates` are where the last search saw a terminal that may be this one and did not prove it.
    """

    def __init__(self, link: Link, profile: Profile, secret: str, where: Whereabouts) -> None:
        self.address = where.known
        self.base: str | None = None
        self.hint = ""
        self.candidates: tuple[Address, ...] = ()
        self._link = link
        self._profile = profile
        self._secret = secret
        self._where = where
        self._unproven = False
        self._proven_at = 0.0

    @property
    def version(self) -> str:
        """The version that was found, "" before."""
        return self._profile.version_of(self.base) if self.base is not None else ""

    async def find(self) -> Found | NotSent | Lost | None:
        """Finds the version where none is known; None: there was nothing to find. Never while an operation runs.

        A terminal that is not under its address is searched for; one that is another than expected is not used. One
        that has to prove its number does so anew after a while: its address may be another terminal's by then.
        """
        if self.base is not None and not self._unproven and not self._proof_is_old():
            return None
        found = await self._ladder(self.address)
        if isinstance(found, Found) and not self._is_another(found):
            self._settle_on(found)
            return found
        moved = await self._search()
        if moved is not None:
            self._settle_on(moved)
            return moved
        if isinstance(found, Found):
            return NotSent(NotStartedReason.NETWORK_UNAVAILABLE, f"another terminal answers at {self.address}")
        return found

    async def ask(self, op: Op, body: JsonObject) -> Ended:
        """Asks the terminal under the version that was found. A start is asked for once and never again."""
        if self.base is None:
            return NotSent(NotStartedReason.TERMINAL_SILENT, "no version of the wire has been found")
        path = f"{self.base}/{self._profile.operations[op].path}"
        ended = await self._link.ask(timed(self._profile.timing, self.address, path, write(body), *self._headers()))
        if isinstance(ended, NotSent) and (self._where.expected is not None or self._where.hosts):
            # Whoever is started there next has to prove again that it is the same terminal; what runs is asked on.
            # Where nothing can be proven, it is at least looked for, so that a person can be told where one is.
            self._unproven = True
        return ended

    def unsupported(self, heard: Heard) -> bool:
        """Whether this is the documented answer of a terminal that lacks the version; any text if none is known."""
        probe = self._profile.probe
        if heard.status != probe.unsupported_status:
            return False
        return not probe.unsupported_text or probe.unsupported_text.encode() in heard.body

    def forget(self) -> None:
        """The version does not fit any more: the next operation looks for one."""
        self.base = None

    def move(self, address: Address) -> None:
        """A person says that it is there now. What it is asked next finds its version anew, and proves what it can."""
        self.address, self._where = address, replace(self._where, known=address)
        self.base, self.hint, self.candidates = None, "", ()

    # ------------------------------------------------------------ finding

    async def _ladder(self, address: Address, *, limit: float | None = None) -> Found | NotSent | Lost:
        """The known version, else the highest first; the next one only after the documented answer (README, 2)."""
        known = [] if self.base is None else [self.base]
        for base in dict.fromkeys([*known, *self._profile.bases]):
            question = timed(self._profile.timing, address, f"{base}/{self._profile.probe.path}", None)
            if limit is not None:
                question = replace(question, connect=limit, read=limit)
            ended = await self._link.ask(question)
            if not isinstance(ended, Heard):
                return ended
            if self.unsupported(ended):
                continue
            if ended.status != HTTP_OK:
                return _odd(question, f"HTTP {ended.status}")
            try:
                return Found(address, base, read_terminal(ended.body, self._profile))
            except ProtocolError as error:
                return _odd(question, str(error))
        return NotSent(
            NotStartedReason.TERMINAL_REFUSED_MESSAGE, f"{address} speaks no version of {self._profile.name}"
        )

    async def _search(self) -> Found | None:
        """The terminal at another address, where it proves that it is the expected one."""
        if not self._where.hosts:
            return None
        found = await self._look_around()
        proven = [one for one in found if self._where.expected in one.state.identities]
        if self._where.expected is not None and len(proven) == 1:
            return proven[0]
        self.candidates = tuple(one.address for one in found if not self._is_another(one))
        others = ", ".join(str(address) for address in self.candidates[:3])
        self.hint = f"a terminal answers at {others}; set that address if it is this one" if others else ""
        return None

    async def _look_around(self) -> list[Found]:
        gate = asyncio.Semaphore(AT_ONCE)
        found: list[Found] = []

        async def look(host: str) -> None:
            async with gate:
                answer = await self._ladder(Address(host, self.address.port), limit=self._profile.timing.search)
            if isinstance(answer, Found):
                found.append(answer)

        async with asyncio.TaskGroup() as group:
            for host in self._where.hosts:
                if host != self.address.host:
                    group.create_task(look(host))
        return sorted(found, key=lambda one: str(one.address))

    def _is_another(self, found: Found) -> bool:
        """A terminal that names none of its numbers is believed: only another number speaks against it."""
        said = found.state.identities
        return self._where.expected is not None and bool(said) and self._where.expected not in said

    def _proof_is_old(self) -> bool:
        age = asyncio.get_running_loop().time() - self._proven_at
        return self._where.expected is not None and age > PROVEN_SECONDS

    def _settle_on(self, found: Found) -> None:
        self._proven_at = asyncio.get_running_loop().time()
        if found.address != self.address:
            log.warning("touchscreen_moved", before=str(self.address), now=str(found.address))
        self.hint = f"found at {found.address}" if found.address != self._where.known else ""
        self.address, self.base, self._unproven, self.candidates = found.address, found.base, False, ()

    def _headers(self) -> tuple[tuple[str, str], ...]:
        secret = self._profile.secret
        match secret.placement:
            case Placement.HEADER:
                return ((secret.field, self._secret),)
            case Placement.BASIC:
                return (("Authorization", "Basic " + b64encode(f"{secret.field}:{self._secret}".encode()).decode()),)
            case Placement.BODY | Placement.NONE:
                return ()


def _odd(question: Question, what: str) -> Lost:
    """A probe that was answered with something else; nothing that moves money was sent."""
    return Lost(DoubtReason.ANSWER_UNREADABLE, f"{question.address}{question.path} answers with {what}")
