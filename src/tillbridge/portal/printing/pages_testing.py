"""The page on which a code is tried out: typed, scanned into a field, or photographed."""

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from tillbridge.domain.cashier_refusals import refusal_text
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.voucher_code import LONGEST
from tillbridge.portal.locations.views import Badge
from tillbridge.portal.pages.site import TOKEN, Form, Site, Visit
from tillbridge.portal.printing.code_testing import CodeTest, Verdict
from tillbridge.portal.printing.reading import LARGEST, Oddity
from tillbridge.portal.vouchers.batches_model import grouped
from tillbridge.portal.vouchers.pages_forms import country_name, state_badge
from tillbridge.portal.vouchers.pages_systems import PATH
from tillbridge.web.forms import read_form
from tillbridge.web.words import Words

PAGE: Final = f"{PATH}/test-code"
PICTURE: Final = f"{PAGE}/picture"

ODD: Final = {
    Oddity.INVERTED: "printing.test.inverted",
    Oddity.MIRRORED: "printing.test.mirrored",
    Oddity.FAINT: "printing.test.faint",
}

_MOST_FIELDS: Final = 5
_MULTIPART: Final = "multipart/form-data"


@dataclass(frozen=True, slots=True)
class Told:
    """A verdict as the page shows it. `refused` is a sentence where it is no voucher's code."""

    verdict: Verdict
    number: str
    country: str
    state: Badge | None
    refused: str
    odd: tuple[str, ...]


class TestPages:
    """Shows what a code is."""

    __test__ = False

    def __init__(self, site: Site, codes: CodeTest) -> None:
        self._site = site
        self._codes = codes

    def routes(self) -> list[BaseRoute]:
        """Every page of it. A picture is taken by the one route that may be sent so much."""
        return [
            self._site.get(PAGE, self.show),
            self._site.post(PAGE, self.typed),
            Route(PICTURE, self.pictured, methods=["POST"]),
        ]

    async def show(self, request: Request, visit: Visit) -> Response:
        """The field, and the button for a picture."""
        self._codes.require(visit.person)
        return await self._page(request, visit, None)

    async def typed(self, request: Request, visit: Visit, form: Form) -> Response:
        """What was typed or scanned. It is not shown again: it may hold a PIN."""
        text = form.get("code", "")[: LONGEST + 1]
        return await self._page(request, visit, (await self._codes.typed(visit.person, text),))

    async def pictured(self, request: Request) -> Response:
        """What is in a picture. Who sends it and from which page is asked before anything of it is looked at."""
        visit = await self._site.visit(request)
        self._codes.require(visit.person)
        content = await self._picture(request, visit)
        try:
            verdicts = await self._codes.pictured(visit.person, content)
        except BridgeError as error:
            if error.code is not Code.FILE_UNREADABLE:
                raise
            return await self._page(request, visit, None, unreadable=True)
        return await self._page(request, visit, verdicts)

    async def _picture(self, request: Request, visit: Visit) -> bytes:
        if not request.headers.get("content-type", "").startswith(_MULTIPART):
            self._site.check_token(visit, (await read_form(request)).get(TOKEN))
            return b""
        parser = MultiPartParser(request.headers, request.stream(), max_files=1, max_fields=_MOST_FIELDS)
        # A picture stays in memory: of what is tried out here nothing is ever written to a disk.
        parser.spool_max_size = 2 * LARGEST
        try:
            form = await parser.parse()
        except MultiPartException as error:
            raise BridgeError(Code.BODY_INVALID, "the form could not be read") from error
        try:
            token, sent = form.get(TOKEN), form.get("picture")
            self._site.check_token(visit, token if isinstance(token, str) else None)
            return await sent.read() if isinstance(sent, UploadFile) else b""
        finally:
            await form.close()

    async def _page(
        self, request: Request, visit: Visit, verdicts: Sequence[Verdict] | None, *, unreadable: bool = False
    ) -> Response:
        words = self._site.words(request, visit.person)
        return await self._site.page(
            request,
            "printing/test_code.html",
            visit=visit,
            status=HTTPStatus.BAD_REQUEST if unreadable else HTTPStatus.OK,
            longest=LONGEST,
            unreadable=unreadable,
            largest=LARGEST // (1024 * 1024),
            asked=verdicts is not None,
            told=[_told(words, one) for one in verdicts or ()],
        )


def _told(words: Words, one: Verdict) -> Told:
    return Told(
        verdict=one,
        number=grouped(one.number) if one.number else "",
        country=country_name(words.t, one.country) if one.country else "",
        state=None if one.known is None else state_badge(words.t, one.known.state),
        refused="" if one.refusal is None else refusal_text(one.refusal, words.t.language),
        odd=tuple(words.t(ODD[each]) for each in one.oddities),
    )
