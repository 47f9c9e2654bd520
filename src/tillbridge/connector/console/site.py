"""What every page of the console needs: who asks, in which language, and how an answer is written."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Final
from zoneinfo import ZoneInfo

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from tillbridge.connector.api.keys import KeyCheck
from tillbridge.connector.api.routes import client_address
from tillbridge.connector.console.language import CATALOGUES
from tillbridge.connector.console.sessions import Session, Sessions
from tillbridge.connector.console.words import Words
from tillbridge.connector.doors import Doors
from tillbridge.connector.features import Features
from tillbridge.connector.settings import ConsoleSettings
from tillbridge.connector.tracing.tracing import WireTracing
from tillbridge.connector.wiretest.session import WireTester
from tillbridge.domain.cashier_texts import Language
from tillbridge.engine.engine import Engine
from tillbridge.protocols.contract import HostControl
from tillbridge.runtime.effects import Runtime
from tillbridge.web.going import address, see_other
from tillbridge.web.language import COOKIE, choose

Reference = tuple[str, str, bytes]
"""A file to download: its name, its media type and what is in it."""

SIGN_IN: Final = "/sign-in"

_TEMPLATES: Final = Environment(
    loader=ChoiceLoader([PackageLoader("tillbridge.connector.console"), PackageLoader("tillbridge.web")]),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.globals["zip"] = zip


@dataclass(frozen=True, slots=True)
class Premises:
    """What a connector has besides its engine. Without `tracing` no wire can be traced.

    `references` are the descriptions of the doors' languages, as files; they take a moment to be made.
    """

    doors: Doors
    tester: WireTester
    features: Features
    references: Callable[[], Sequence[Reference]] = tuple
    tracing: WireTracing | None = None


@dataclass(frozen=True, slots=True)
class Site:
    """One console."""

    engine: Engine
    host: HostControl
    keys: KeyCheck
    sessions: Sessions
    settings: ConsoleSettings
    runtime: Runtime
    premises: Premises

    @property
    def doors(self) -> Doors:
        """The doors for tills."""
        return self.premises.doors

    @property
    def tester(self) -> WireTester:
        """The wire tester."""
        return self.premises.tester

    @property
    def tracing(self) -> WireTracing:
        """The wire traces."""
        if self.premises.tracing is None:
            return WireTracing(self.engine.outbox_access().path.parent, (), self.runtime)
        return self.premises.tracing

    @property
    def cookie(self) -> str:
        """The session cookie's name. Browsers keep cookies by host and not by port, so the port is in the name."""
        return f"tillbridge_{self.settings.port}"

    def session(self, request: Request) -> Session | None:
        """Who is signed in; None for nobody."""
        return self.sessions.find(request.cookies.get(self.cookie))

    def words(self, request: Request) -> Words:
        """The reader's language and the shop's time."""
        language = choose(request.cookies.get(COOKIE), self.settings.language, request.headers.get("accept-language"))
        zone = self.engine.settings.time_zone
        return Words(CATALOGUES[language], self.runtime.clock.now(), None if zone is None else ZoneInfo(zone))

    def page(
        self,
        request: Request,
        template: str,
        *,
        session: Session | None,
        status: int = HTTPStatus.OK,
        **parts: object,
    ) -> Response:
        """A page from a template, in the reader's language."""
        words = self.words(request)
        text = _TEMPLATES.get_template(template).render(
            t=words.t,
            words=words,
            languages=[(language, CATALOGUES[language]("language.name")) for language in Language],
            session=session,
            version=self.host.version,
            here=address(request),
            section=_section(request.url.path),
            **parts,
        )
        return HTMLResponse(text, status)

    def enter(self, request: Request, key: str, onward: str) -> Response:
        """Signs in with the connector's key and goes on; `BridgeError` for a wrong key.

        Going on is a redirect, so that a key that stood in the address is not left there.
        """
        self.keys.check(key, client_address(request))
        session = self.sessions.open()
        answer = see_other(onward)
        set_cookie = partial(answer.set_cookie, httponly=True, samesite="strict", path="/")
        set_cookie(self.cookie, session.id)
        return answer

    def leave(self, session: Session) -> Response:
        """Signs out."""
        self.sessions.close(session)
        answer = see_other(f"{SIGN_IN}?signed_out=1")
        answer.delete_cookie(self.cookie, path="/", httponly=True, samesite="strict")
        return answer


def render(template: str, **parts: object) -> str:
    """A page that stands alone, for a file."""
    return _TEMPLATES.get_template(template).render(**parts)


def _section(path: str) -> str:
    """The entry of the menu that a page belongs to."""
    return f"/{path.split('/')[1]}"
