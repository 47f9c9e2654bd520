"""The pages on which a batch, a part of it or one voucher is printed."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.customers.routes import file
from tillbridge.portal.locations.views import day
from tillbridge.portal.pages.site import Form, Site, Visit
from tillbridge.portal.printing.model import (
    BLACK,
    LEAST_CONTRAST,
    LONGEST_HEADING,
    LONGEST_TEXT,
    MOST_CODES,
    MOST_LETTERS,
    WHITE,
    Colour,
    Look,
    Medium,
    PaperWords,
    PinPlace,
    Symbology,
    Wish,
)
from tillbridge.portal.printing.service import BatchToPrint, PrintKit
from tillbridge.portal.rights import Action, Area, Person
from tillbridge.portal.vouchers.pages_forms import Wrong
from tillbridge.portal.vouchers.pages_systems import PATH
from tillbridge.web.language import Catalogue
from tillbridge.web.words import Words

MEDIA: Final[Mapping[Medium, str]] = {
    Medium.SHEETS: "printing.medium.sheets",
    Medium.CARDS: "printing.medium.cards",
    Medium.LETTERS: "printing.medium.letters",
    Medium.SVG: "printing.medium.svg",
    Medium.PNG: "printing.medium.png",
}
SYMBOLOGIES: Final[Mapping[Symbology, str]] = {
    Symbology.QR: "printing.symbology.qr",
    Symbology.CODE_128: "printing.symbology.code128",
}
PINS: Final[Mapping[PinPlace, str]] = {
    PinPlace.NONE: "printing.pin.none",
    PinPlace.APART: "printing.pin.apart",
    PinPlace.INSIDE: "printing.pin.inside",
}

WRONG: Final[Mapping[str, str]] = {
    "first": "printing.wrong.range",
    "last": "printing.wrong.range",
    "pin": "printing.wrong.pin",
    "dark": "printing.wrong.contrast",
    "light": "printing.wrong.contrast",
    "heading": "printing.wrong.heading",
    "text": "printing.wrong.text",
    "page": "printing.wrong.page",
}

_LONGEST_PLACE: Final = 6
_SHOWN: Final = 20
"""Parts of a batch on its page, the newest first."""


class PrintPages:
    """Takes wishes and gives files that were read back."""

    def __init__(self, site: Site, kit: PrintKit) -> None:
        self._site = site
        self._kit = kit

    def routes(self) -> list[BaseRoute]:
        """Every page of it."""
        site, batch, one = self._site, f"{PATH}/batches/{{batch_id}}/print", f"{PATH}/one/{{voucher_id}}/print"
        return [
            site.get(batch, self.show_batch),
            site.post(batch, self.print_batch),
            site.get(one, self.show_one),
            site.post(one, self.print_one),
        ]

    async def show_batch(self, request: Request, visit: Visit) -> Response:
        """The form for a batch; it begins where the last part ended."""
        seen = await self._kit.batch(visit.person, request.path_params["batch_id"])
        last = min(seen.next + MOST_CODES - 1, seen.batch.amount_of_codes)
        return await self._batch(request, visit, seen, {"first": str(seen.next), "last": str(last)})

    async def print_batch(self, request: Request, visit: Visit, form: Form) -> Response:
        """The file."""
        batch_id = request.path_params["batch_id"]
        seen = await self._kit.batch(visit.person, batch_id)
        words = self._site.words(request, visit.person)
        try:
            wish = _wish(form, _place(form, "first"), _place(form, "last"))
            made = await self._kit.print_batch(visit.person, batch_id, wish, _paper(words.t))
        except BridgeError as error:
            return await self._batch(request, visit, seen, form, _wrong(words, error))
        return file(made.content, made.media_type, made.name)

    async def show_one(self, request: Request, visit: Visit) -> Response:
        """The form for one voucher."""
        return await self._one(request, visit, {"medium": Medium.CARDS.value})

    async def print_one(self, request: Request, visit: Visit, form: Form) -> Response:
        """The file."""
        words, voucher_id = self._site.words(request, visit.person), request.path_params["voucher_id"]
        await self._kit.voucher(visit.person, voucher_id)
        try:
            made = await self._kit.print_voucher(visit.person, voucher_id, _wish(form, 1, 1), _paper(words.t))
        except BridgeError as error:
            return await self._one(request, visit, form, _wrong(words, error))
        return file(made.content, made.media_type, made.name)

    async def _batch(
        self, request: Request, visit: Visit, seen: BatchToPrint, form: Form, wrong: Wrong | None = None
    ) -> Response:
        words = self._site.words(request, visit.person, seen.system.time_zone)
        return await self._site.page(
            request,
            "printing/print.html",
            visit=visit,
            status=HTTPStatus.BAD_REQUEST if wrong else HTTPStatus.OK,
            zone=seen.system.time_zone,
            back=(f"{PATH}/batches/{seen.batch.id}", seen.batch.name),
            title=words.t("printing.title", name=seen.batch.name),
            action=f"{PATH}/batches/{seen.batch.id}/print",
            codes=seen.batch.amount_of_codes,
            printed=[
                (each, words.t(MEDIA[each.medium]), day(words, each.made_at), each.made_by.partition(" <")[0])
                for each in seen.printed[:_SHOWN]
            ],
            **_choices(words.t, visit.person, form, wrong),
        )

    async def _one(self, request: Request, visit: Visit, form: Form, wrong: Wrong | None = None) -> Response:
        system, one = await self._kit.voucher(visit.person, request.path_params["voucher_id"])
        words = self._site.words(request, visit.person, system.time_zone)
        title = words.t("vouchers.one.title", number=one.shown(whole=True))
        return await self._site.page(
            request,
            "printing/print.html",
            visit=visit,
            status=HTTPStatus.BAD_REQUEST if wrong else HTTPStatus.OK,
            zone=system.time_zone,
            back=(f"{PATH}/one/{one.id}", title),
            title=words.t("printing.title", name=title),
            action=f"{PATH}/one/{one.id}/print",
            codes=0,
            printed=[],
            **_choices(words.t, visit.person, form, wrong),
        )


def _choices(t: Catalogue, person: Person, form: Form, wrong: Wrong | None) -> dict[str, object]:
    """What the form of both pages is made of."""
    return {
        "media": [(each.value, t(key)) for each, key in MEDIA.items()],
        "symbologies": [(each.value, t(key)) for each, key in SYMBOLOGIES.items()],
        "pins": [(each.value, t(key)) for each, key in PINS.items()],
        "may_see_pins": person.may(Area.VOUCHER_PIN, Action.EDIT),
        "form": {"dark": str(BLACK), "light": str(WHITE), "pin": PinPlace.NONE.value, **form},
        "wrong": wrong or {},
        "most": MOST_CODES,
        "letters": MOST_LETTERS,
        "longest_heading": LONGEST_HEADING,
        "longest_text": LONGEST_TEXT,
    }


def _wish(form: Form, first: int, last: int) -> Wish:
    medium, code, pin = form.get("medium", ""), form.get("symbology", ""), form.get("pin", PinPlace.NONE.value)
    if medium not in set(Medium) or code not in set(Symbology) or pin not in set(PinPlace):
        raise BridgeError(Code.FIELD_INVALID, "there is no such choice", place="medium")
    look = Look(
        Colour.parse(form.get("dark", str(BLACK)), "dark"),
        Colour.parse(form.get("light", str(WHITE)), "light"),
        form.get("heading", ""),
        form.get("text", "").replace("\r\n", "\n"),
    )
    return Wish(Medium(medium), Symbology(code), PinPlace(pin), look, first, last)


def _place(form: Form, name: str) -> int:
    text = form.get(name, "")
    if not text.isascii() or not text.isdigit() or len(text) > _LONGEST_PLACE:
        raise BridgeError(Code.FIELD_INVALID, "a place in the batch is a whole number", place=name)
    return int(text)


def _wrong(words: Words, error: BridgeError) -> Wrong:
    """The sentence for the field that an error is about; the error itself where the form has no such field."""
    place = error.place or ""
    if place not in WRONG or error.code not in {Code.FIELD_INVALID, Code.RECORD_CONFLICT}:
        raise error
    page = error.members.get("page", "")
    return {place: words.t(WRONG[place], most=MOST_CODES, letters=MOST_LETTERS, ratio=round(LEAST_CONTRAST), page=page)}


def _paper(t: Catalogue) -> PaperWords:
    return PaperWords(
        t.language, t("vouchers.title"), t("vouchers.column.number"), t("vouchers.column.pin"), t("printing.paper.keep")
    )
