"""Writes a page of the provider's small console in the reader's language."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from tillbridge import __version__
from tillbridge.domain.cashier_texts import Language
from tillbridge.psp.hipay.sandbox.bodies import HIGHEST
from tillbridge.psp.hipay.sandbox.provider import Provider
from tillbridge.web.going import address
from tillbridge.web.language import COOKIE, Catalogue, choose, read_catalogues
from tillbridge.web.words import Words

MENU: Final = (("/", "transactions"), ("/notifications", "notices"), ("/messages", "messages"), ("/faults", "faults"))

CATALOGUES: Final[Mapping[Language, Catalogue]] = read_catalogues("tillbridge.psp.hipay.sandbox")

_TEMPLATES: Final = Environment(
    loader=ChoiceLoader([PackageLoader("tillbridge.psp.hipay.sandbox"), PackageLoader("tillbridge.web")]),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def words_of(request: Request, provider: Provider) -> Words:
    """The reader's language; times are this computer's."""
    language = choose(request.cookies.get(COOKIE), None, request.headers.get("accept-language"))
    return Words(CATALOGUES[language], provider.runtime.clock.now(), None)


def show(request: Request, words: Words, template: str, status: int = HTTPStatus.OK, **parts: object) -> Response:
    """A page from a template."""
    path = request.url.path
    section = next((at for at, _ in MENU if at != "/" and path.startswith(at)), "/")
    text = _TEMPLATES.get_template(template).render(
        t=words.t,
        words=words,
        languages=[(language, CATALOGUES[language]("language.name")) for language in Language],
        version=__version__,
        here=address(request) if request.method == "GET" else section,
        menu=MENU,
        section=section,
        **parts,
    )
    return HTMLResponse(text, status)


def show_bare(words: Words, template: str, status: int, **parts: object) -> Response:
    """A page that is none of the console's, and has none of its menu."""
    languages = [(language, CATALOGUES[language]("language.name")) for language in Language]
    drawn = _TEMPLATES.get_template(template)
    return HTMLResponse(drawn.render(t=words.t, languages=languages, version=__version__, **parts), status)


def page_of(request: Request, name: str = "before") -> int | None:
    """The number before which a list begins; for what is no number it shows the newest."""
    text = request.query_params.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < len(str(HIGHEST)) else None
