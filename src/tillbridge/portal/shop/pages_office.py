"""The merchant's pages of shops: settings, opening, designs."""

from collections.abc import Mapping
from dataclasses import replace
from html import escape
from http import HTTPStatus
from typing import Any, Final

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from tillbridge.domain.cashier_texts import Language
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import Money, parse_major
from tillbridge.portal.customers.forms import major
from tillbridge.portal.locations.views import done
from tillbridge.portal.pages.site import TOKEN, Form, Site, Visit
from tillbridge.portal.rights import Action, Area
from tillbridge.portal.shop.model import Design, Layout, Range, Shop, said
from tillbridge.portal.shop.office import PER_PAGE, ShopOffice
from tillbridge.portal.shop.pictures import LARGEST
from tillbridge.portal.shop.public_views import PATH as PUBLIC
from tillbridge.portal.shop.views import order_rows
from tillbridge.portal.vouchers.systems_model import VoucherSystem
from tillbridge.web.forms import read_form
from tillbridge.web.going import see_other
from tillbridge.web.language import Catalogue
from tillbridge.web.words import Words

PATH: Final = "/shops"

TEXTS: Final = ("welcome", "terms", "withdrawal", "imprint")
_MOST_FIELDS: Final = 30
_MULTIPART: Final = "multipart/form-data"
_LONGEST_VALUES: Final = 300


class ShopPages:
    """Shops and their designs."""

    def __init__(self, site: Site, office: ShopOffice) -> None:
        self._site = site
        self._office = office

    def routes(self) -> list[BaseRoute]:
        """Every page of it. Pictures are taken by the routes of designs alone."""
        site, one, drawing = self._site, f"{PATH}/{{shop_id}}", f"{PATH}/designs"
        return [
            site.get(PATH, self.all),
            site.post(PATH, self.found),
            site.get(f"{drawing}/of/{{shop_id}}", self.new),
            Route(f"{drawing}/of/{{shop_id}}", self.draw, methods=["POST"]),
            site.get(f"{drawing}/{{design_id}}", self.edit),
            Route(f"{drawing}/{{design_id}}", self.redraw, methods=["POST"]),
            site.get(one, self.show),
            site.get(f"{one}/settings", self.settings),
            site.post(f"{one}/settings", self.change),
            site.post(f"{one}/open", self.open),
            site.post(f"{one}/close", self.close),
        ]

    async def all(self, request: Request, visit: Visit) -> Response:
        """A merchant's shops, and the form of a new one."""
        return await self._all(request, visit, {}, None)

    async def found(self, request: Request, visit: Visit, form: Form) -> Response:
        """Founds a shop."""
        try:
            made = await self._office.found(
                visit.person, form.get("system_id", ""), form.get("slug", "").lower(), form.get("name", "")
            )
        except BridgeError as error:
            return await self._all(request, visit, form, error)
        return see_other(f"{PATH}/{made.id}/settings?done=founded")

    async def show(self, request: Request, visit: Visit) -> Response:
        """A shop with its designs and orders."""
        return await self._show(request, visit, None)

    async def open(self, request: Request, visit: Visit, form: Form) -> Response:
        """Opens it."""
        return await self._set_open(request, visit, form, is_open=True)

    async def close(self, request: Request, visit: Visit, form: Form) -> Response:
        """Closes it; orders that were placed go on."""
        return await self._set_open(request, visit, form, is_open=False)

    async def settings(self, request: Request, visit: Visit) -> Response:
        """The form of a shop's settings."""
        seen = await self._office.seen(visit.person, request.path_params["shop_id"])
        visit.person.require(Area.SHOP_SETTINGS, Action.EDIT)
        return await self._settings(request, visit, seen.shop, {})

    async def change(self, request: Request, visit: Visit, form: Form) -> Response:
        """Changes them."""
        seen = await self._office.seen(visit.person, request.path_params["shop_id"])
        wanted = replace(seen.shop, slug=form.get("slug", "").lower(), name=form.get("name", ""), **_said(form))
        wanted = replace(wanted, attach_pdf=form.get("attach_pdf") == "on")
        try:
            await self._office.change(visit.person, wanted)
        except BridgeError as error:
            wrong = _wrong(self._site.words(request, visit.person), error, None)
            return await self._settings(request, visit, wanted, wrong)
        return see_other(f"{PATH}/{seen.shop.id}?done=changed")

    # ------------------------------------------------------------ designs

    async def new(self, request: Request, visit: Visit) -> Response:
        """The form of a new design."""
        seen = await self._office.seen(visit.person, request.path_params["shop_id"])
        visit.person.require(Area.SHOP_LAYOUTS, Action.EDIT)
        return await self._design(request, visit, seen.shop, seen.system, {"offered": "on", "kind": "fixed"}, None)

    async def draw(self, request: Request) -> Response:
        """Makes it."""
        visit = await self._site.visit(request)
        seen = await self._office.seen(visit.person, request.path_params["shop_id"])
        form, picture = await self._upload(request, visit)
        try:
            wanted = _read(form, seen.system)
            await self._office.draw(visit.person, seen.shop.id, wanted, picture)
        except BridgeError as error:
            return await self._design(request, visit, seen.shop, seen.system, form, None, error=error)
        return see_other(f"{PATH}/{seen.shop.id}?done=drawn")

    async def edit(self, request: Request, visit: Visit) -> Response:
        """The form of a design."""
        shop, system, one = await self._office.design(visit.person, request.path_params["design_id"])
        visit.person.require(Area.SHOP_LAYOUTS, Action.EDIT)
        return await self._design(request, visit, shop, system, _entered(one, system), one)

    async def redraw(self, request: Request) -> Response:
        """Changes it."""
        visit = await self._site.visit(request)
        shop, system, one = await self._office.design(visit.person, request.path_params["design_id"])
        form, picture = await self._upload(request, visit)
        try:
            wanted = replace(_read(form, system), id=one.id)
            await self._office.redraw(visit.person, wanted, picture)
        except BridgeError as error:
            return await self._design(request, visit, shop, system, form, one, error=error)
        return see_other(f"{PATH}/{shop.id}?done=drawn")

    # ------------------------------------------------------------ drawing the pages

    async def _all(self, request: Request, visit: Visit, form: Form, error: BridgeError | None) -> Response:
        shops, systems = await self._office.all(visit.person)
        words = self._site.words(request, visit.person)
        return await self._site.page(
            request,
            "shop/shops.html",
            visit=visit,
            status=HTTPStatus.OK if error is None else HTTPStatus.BAD_REQUEST,
            shops=shops,
            systems=[(one.id, one.name) for one in systems],
            may_edit=visit.person.may(Area.SHOP_SETTINGS, Action.EDIT),
            form=form,
            wrong={} if error is None else _wrong(words, error, None),
        )

    async def _show(self, request: Request, visit: Visit, error: BridgeError | None) -> Response:
        person, asked = visit.person, request.query_params.get("page", "")
        page = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < len("1000000") else 1
        seen = await self._office.seen(person, request.path_params["shop_id"], page)
        words = self._site.words(request, person, seen.system.time_zone)
        pages = max(1, -(-seen.every // PER_PAGE))
        return await self._site.page(
            request,
            "shop/shop.html",
            visit=visit,
            status=HTTPStatus.OK if error is None else HTTPStatus.CONFLICT,
            zone=seen.system.time_zone,
            seen=seen,
            address=f"{self._site.house.settings.address}{PUBLIC}/{seen.shop.slug}",
            snippet=_snippet(words.t, f"{self._site.house.settings.address}{PUBLIC}/{seen.shop.slug}"),
            designs=[(one, said(one.layout.names, words.t.language)) for one in seen.designs],
            orders=order_rows(words, seen.orders),
            before=f"{PATH}/{seen.shop.id}?page={page - 1}" if page > 1 else "",
            after=f"{PATH}/{seen.shop.id}?page={page + 1}" if page < pages else "",
            may_edit=person.may(Area.SHOP_SETTINGS, Action.EDIT),
            may_draw=person.may(Area.SHOP_LAYOUTS, Action.EDIT),
            sees_orders=person.may_somewhere(Area.SHOP_ORDERS),
            wrong="" if error is None else words.t(f"shop.missing.{error.place}"),
            notice=done(request, words.t, "shop"),
        )

    async def _set_open(self, request: Request, visit: Visit, form: Form, *, is_open: bool) -> Response:  # noqa: ARG002  # a button alone
        shop_id = request.path_params["shop_id"]
        try:
            await self._office.set_open(visit.person, shop_id, is_open=is_open)
        except BridgeError as error:
            if error.code is not Code.RECORD_CONFLICT or error.place is None:
                raise
            return await self._show(request, visit, error)
        return see_other(f"{PATH}/{shop_id}?done={'opened' if is_open else 'closed'}")

    async def _settings(self, request: Request, visit: Visit, one: Shop, wrong: Mapping[str, str]) -> Response:
        t = self._site.words(request, visit.person).t
        return await self._site.page(
            request,
            "shop/settings.html",
            visit=visit,
            status=HTTPStatus.BAD_REQUEST if wrong else HTTPStatus.OK,
            one=one,
            texts=[(name, getattr(one, name)) for name in TEXTS],
            tongues=[(language.value, t(f"shop.tongue.{language}")) for language in Language],
            wrong=wrong,
            notice=done(request, t, "shop"),
        )

    async def _design(  # what the form is drawn from
        self,
        request: Request,
        visit: Visit,
        shop: Shop,
        system: VoucherSystem,
        form: Form,
        one: Design | None,
        *,
        error: BridgeError | None = None,
    ) -> Response:
        words = self._site.words(request, visit.person)
        t, picture = words.t, None if one is None else one.layout.picture_id
        return await self._site.page(
            request,
            "shop/design.html",
            visit=visit,
            status=HTTPStatus.OK if error is None else HTTPStatus.BAD_REQUEST,
            shop=shop,
            system=system,
            form=form,
            action=f"{PATH}/designs/{one.id if one else f'of/{shop.id}'}",
            is_new=one is None,
            picture="" if picture is None else f"{PUBLIC}/{shop.slug}/pictures/{picture}",
            largest=LARGEST // 2**20,
            tongues=[(language.value, t(f"shop.tongue.{language}")) for language in Language],
            wrong={} if error is None else _wrong(words, error, system),
        )

    async def _upload(self, request: Request, visit: Visit) -> tuple[Form, bytes]:
        """A form with a picture in it, or without."""
        visit.person.require(Area.SHOP_LAYOUTS, Action.EDIT)
        if not request.headers.get("content-type", "").startswith(_MULTIPART):
            form = await read_form(request)
            self._site.check_token(visit, form.get(TOKEN))
            return form, b""
        parser = MultiPartParser(request.headers, request.stream(), max_files=1, max_fields=_MOST_FIELDS)
        parser.spool_max_size = 2 * LARGEST
        try:
            sent = await parser.parse()
        except MultiPartException as error:
            raise BridgeError(Code.BODY_INVALID, "the form could not be read") from error
        try:
            fields = {name: value.strip() for name, value in sent.items() if isinstance(value, str)}
            self._site.check_token(visit, fields.get(TOKEN))
            picture = sent.get("picture")
            return fields, await picture.read() if isinstance(picture, UploadFile) else b""
        finally:
            await sent.close()


def _snippet(t: Catalogue, address: str) -> str:
    """What a merchant puts into a page of the own website: links that need nothing of that page."""
    look = ";".join(
        (
            *("display:inline-block", "padding:0.7em 1.4em", "border-radius:2em", "background:#0b4f6c"),
            *("color:#ffffff", "font-weight:600", "text-decoration:none"),
        )
    )
    buy, ask = t("shop.button.label"), t("shop.balance")
    return f'<a href="{address}" style="{look}">{escape(buy)}</a>\n<a href="{address}/balance">{escape(ask)}</a>'


def _said(form: Form) -> dict[str, Any]:
    """Every text of a shop, by its name."""
    return {name: _texts(form, name) for name in TEXTS}


def _texts(form: Form, name: str) -> dict[str, str]:
    found = {language.value: form.get(f"{name}_{language}", "").replace("\r\n", "\n") for language in Language}
    return {language: text for language, text in found.items() if text}


def _read(form: Form, system: VoucherSystem) -> Design:
    fixed: tuple[int, ...] = ()
    free: Range | None = None
    if form.get("kind") == "free":
        free = Range(_amount(form, "free_min", system), _amount(form, "free_max", system))
    else:
        parts = form.get("fixed", "")[:_LONGEST_VALUES].replace(";", " ").split()
        fixed = tuple(sorted(_parsed(part, "fixed", system) for part in parts))
    left = form.get("stock", "")
    if left and (not left.isascii() or not left.isdigit() or len(left) > len("1000000")):
        raise BridgeError(Code.FIELD_INVALID, "a number that is left", place="stock")
    layout = Layout("", 1, _texts(form, "names"), _texts(form, "texts"), None, fixed, free)
    return Design("", "", 0, form.get("offered") == "on", int(left) if left else None, layout)


def _amount(form: Form, name: str, system: VoucherSystem) -> int:
    return _parsed(form.get(name, ""), name, system)


def _parsed(text: str, place: str, system: VoucherSystem) -> int:
    try:
        return parse_major(text, system.unit).minor
    except BridgeError as error:
        raise BridgeError(Code.AMOUNT_INVALID, error.detail, place=place) from error


def _entered(one: Design, system: VoucherSystem) -> dict[str, str]:
    """A design as its form shows it."""
    layout, free = one.layout, one.layout.free
    entered = {
        "kind": "fixed" if free is None else "free",
        "fixed": " ".join(major(value, system.currency, ".") for value in layout.fixed),
        "free_min": "" if free is None else major(free.least, system.currency, "."),
        "free_max": "" if free is None else major(free.most, system.currency, "."),
        "stock": "" if one.stock is None else str(one.stock),
        "offered": "on" if one.is_offered else "",
    }
    for language in Language:
        entered[f"names_{language}"] = layout.names.get(language.value, "")
        entered[f"texts_{language}"] = layout.texts.get(language.value, "")
    return entered


def _wrong(words: Words, error: BridgeError, system: VoucherSystem | None) -> dict[str, str]:
    """What is wrong with a form, as a sentence at its field."""
    place = error.place or ""
    if error.code is Code.SHOP_RANGE and system is not None:
        least, most = (words.amount(Money(int(str(error.members[name])), system.unit)) for name in ("min", "max"))
        return {place: words.t("shop.wrong.range", least=least, most=most)}
    if error.code is Code.AMOUNT_INVALID:
        return {place: words.t("shop.wrong.amount")}
    key = f"shop.bad.{'taken' if error.code is Code.RECORD_CONFLICT else place}"
    if error.code not in {Code.FIELD_INVALID, Code.RECORD_CONFLICT, Code.FILE_UNREADABLE} or not words.t.has(key):
        raise error
    return {place: words.t(key)}
