"""What every page of the portal needs: who asks, in which language, and how an answer is written."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, Protocol
from zoneinfo import ZoneInfo

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from tillbridge.domain.cashier_texts import Language
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.house import House
from tillbridge.portal.rights import Area, Person
from tillbridge.web.forms import read_form
from tillbridge.web.going import address
from tillbridge.web.language import COOKIE, Catalogue, choose, read_catalogues
from tillbridge.web.words import Words

CATALOGUES: Final[Mapping[Language, Catalogue]] = read_catalogues("tillbridge.portal.pages")

TOKEN: Final = "token"  # noqa: S105  # the name of a form's field

_TEMPLATES: Final = Environment(
    loader=ChoiceLoader([PackageLoader("tillbridge.portal.pages"), PackageLoader("tillbridge.web")]),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


@dataclass(frozen=True, slots=True)
class Visit:
    """A signed-in person's session in one browser. `form_token` stands in every form of its pages."""

    session_id: str
    form_token: str
    person: Person


class Doorkeeper(Protocol):
    """Knows who asks."""

    async def visit(self, request: Request) -> Visit | None:
        """The session that the browser's cookie names, with the rights of this very moment; None for nobody."""
        ...

    def owns(self, visit: Visit, form_token: str | None) -> bool:
        """Whether a form came from one of this session's own pages; compared in constant time."""
        ...


@dataclass(frozen=True, slots=True)
class Banner:
    """A sentence above every page: an announced maintenance window, a portal in guarded mode. `tone` as badges have."""

    tone: str
    key: str
    fields: Mapping[str, object]


Banners = Callable[[Words, Person | None], Awaitable[Sequence[Banner]]]
Form = Mapping[str, str]
Page = Callable[[Request, Visit], Awaitable[Response]]
Action = Callable[[Request, Visit, Form], Awaitable[Response]]


SHORT_MENU: Final = 7
"""Entries that fit into one line 1280 pixels wide, in every language."""


@dataclass(frozen=True, slots=True)
class MenuEntry:
    """An entry of the menu: its path, the key of its text, and the areas of which one must be seen somewhere.

    No areas: everybody who is signed in sees it. `seldom`: a long menu has it behind "More".
    """

    path: str
    key: str
    areas: tuple[Area, ...] = ()
    seldom: bool = False

    def shown_to(self, person: Person) -> bool:
        """Whether this person finds it in the menu."""
        return not self.areas or any(person.may_somewhere(area) for area in self.areas)


@dataclass(frozen=True, slots=True)
class Menu:
    """The menu of one reader: what stands in its one line, and what stands behind "More"."""

    often: Sequence[MenuEntry] = ()
    seldom: Sequence[MenuEntry] = ()

    @classmethod
    def of(cls, entries: Sequence[MenuEntry], person: Person | None) -> "Menu":
        """As short as it can be: where everything has room in the line, nothing is put away."""
        if person is None:
            return cls()
        seen = [entry for entry in entries if entry.shown_to(person)]
        if len(seen) <= SHORT_MENU:
            return cls(seen)
        return cls([one for one in seen if not one.seldom], [one for one in seen if one.seldom])

    def at(self, section: str) -> MenuEntry | None:
        """The entry behind "More" whose pages these are."""
        return next((one for one in self.seldom if one.path == section), None)


class Site:
    """The pages of one portal."""

    def __init__(
        self, house: House, doorkeeper: Doorkeeper, menu: Sequence[MenuEntry], banners: Sequence[Banners], version: str
    ) -> None:
        self.house = house
        self.doorkeeper = doorkeeper
        self.version = version
        self._menu = tuple(menu)
        self._banners = tuple(banners)

    def get(self, path: str, page: Page) -> Route:
        """A page for somebody who is signed in; others are sent to the sign-in and come back."""

        async def endpoint(request: Request) -> Response:
            return await page(request, await self.visit(request))

        return Route(path, endpoint, methods=["GET"])

    def post(self, path: str, action: Action) -> Route:
        """What a form of such a page does. A form without its session's token is refused."""

        async def endpoint(request: Request) -> Response:
            visit = await self.visit(request)
            form = await read_form(request)
            self.check_token(visit, form.get(TOKEN))
            return await action(request, visit, form)

        return Route(path, endpoint, methods=["POST"])

    async def visit(self, request: Request) -> Visit:
        """Who asks. `BridgeError(SIGNED_OUT)` for nobody."""
        visit = await self.doorkeeper.visit(request)
        if visit is None:
            raise BridgeError(Code.SIGNED_OUT)
        return visit

    def check_token(self, visit: Visit, token: str | None) -> None:
        """`BridgeError(ORIGIN_NOT_ALLOWED)` for a form that is not of this session."""
        if not self.doorkeeper.owns(visit, token):
            raise BridgeError(Code.ORIGIN_NOT_ALLOWED, "the form does not belong to this session; load the page again")

    def language(self, request: Request, person: Person | None = None) -> Language:
        """The reader's: what was switched to, else what the profile says, else the portal's, else the browser's."""
        preset = (person.language if person else None) or self.house.settings.language
        return choose(request.cookies.get(COOKIE), preset, request.headers.get("accept-language"))

    def words(self, request: Request, person: Person | None = None, zone: str | None = None) -> Words:
        """The texts and the clock of a page; `zone` is a location's time zone, where a page speaks of one."""
        catalogue = CATALOGUES[self.language(request, person)]
        return Words(catalogue, self.house.runtime.clock.now(), None if zone is None else ZoneInfo(zone))

    async def page(
        self,
        request: Request,
        template: str,
        *,
        visit: Visit | None,
        status: int = HTTPStatus.OK,
        zone: str | None = None,
        **parts: object,
    ) -> Response:
        """A page from a template, in the reader's language."""
        person = None if visit is None else visit.person
        words = self.words(request, person, zone)
        banners = [banner for told in self._banners for banner in await told(words, person)]
        text = _TEMPLATES.get_template(template).render(
            t=words.t,
            words=words,
            languages=[(language, CATALOGUES[language]("language.name")) for language in Language],
            visit=visit,
            person=person,
            operator=self.house.settings.operator,
            menu=Menu.of(self._menu, person),
            section=f"/{request.url.path.split('/')[1]}",
            banners=banners,
            version=self.version,
            here=address(request),
            **parts,
        )
        return HTMLResponse(text, status)
