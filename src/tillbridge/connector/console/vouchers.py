"""Vouchers at the counter: scan, see the balance, redeem, sell and reload, and what is still open."""

from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from tillbridge.connector.api.problems import as_bridge_error
from tillbridge.connector.console.gate import Gate
from tillbridge.connector.console.persons import Signed, read_signed
from tillbridge.connector.console.sessions import Session
from tillbridge.connector.console.settling import one_line
from tillbridge.connector.console.site import Site
from tillbridge.connector.console.voucher_claims import ClaimPages
from tillbridge.connector.console.voucher_views import (
    Entered,
    VoucherCard,
    action_page,
    action_row,
    provider_card,
    receipt_cards,
    said,
    service_sentence,
    voucher_card,
)
from tillbridge.connector.console.words import Words
from tillbridge.connector.receipts.desk import Form
from tillbridge.connector.vouchers.model import Decision, Kind, Standing, Wanted
from tillbridge.connector.vouchers.providers.codes import Scanned, read_scan, with_pin
from tillbridge.connector.vouchers.providers.profile import Profile
from tillbridge.connector.vouchers.service import Readiness
from tillbridge.connector.vouchers.slip_desk import SlipDesk
from tillbridge.domain.cashier_refusals import refusal_text
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import BY_CODE, EUR, Money, currency, parse_major
from tillbridge.domain.voucher_code import LONGEST, VoucherCode
from tillbridge.runtime.sqlite import StorageUnavailable
from tillbridge.web.forms import read_form
from tillbridge.web.going import see_other

if TYPE_CHECKING:
    from tillbridge.connector.vouchers.desk import VoucherDesk

PATH: Final = "/vouchers"
LONGEST_RECEIPT: Final = 64
PATIENCE: Final = 4.0
"""Seconds that a page waits for an answer; the page of the action then looks again by itself."""

_NOTICES: Final = {
    "closed": "vouchers.notice.closed",
    "cancelled": "vouchers.notice.cancelled",
    "decided": "vouchers.notice.decided",
    "slip": "vouchers.notice.slip",
}
_CODES: Final = frozenset(
    {Code.VOUCHER_UNREADABLE, Code.VOUCHER_CHECK_DIGIT, Code.VOUCHER_UNKNOWN, Code.PROVIDER_PREFIX}
)
_PINS: Final = frozenset({Code.VOUCHER_TWO_PINS, Code.VOUCHER_PIN_NEEDED})


class VoucherPages:
    """The pages under `/vouchers`."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._vouchers = site.premises.features.vouchers
        self._slips = SlipDesk(self._vouchers, site.premises.features.receipts)
        self._has_printer = site.premises.features.receipts.has_printer

    def routes(self, gate: Gate) -> list[Route]:
        """Every page with its path."""
        return [
            *ClaimPages(self._site).routes(gate),
            gate.page(PATH, self.page),
            # Their answers stand under the page's own path: whoever looks again there finds the page.
            gate.form(PATH, self.act),
            gate.page(f"{PATH}/{{key}}", self.one),
            gate.form(f"{PATH}/{{key}}/put-back", self.put_back),
            gate.form(f"{PATH}/{{key}}/reverse", self.reverse),
            gate.form(f"{PATH}/{{key}}/decide", self.decide),
            gate.page(f"{PATH}/{{key}}/slip", self.slip),
            gate.form(f"{PATH}/{{key}}/slip", self.print_slip),
        ]

    async def page(self, request: Request, session: Session) -> Response:
        """The field for the scanner, and everything that is open."""
        return await self._page(request, session, Entered())

    async def act(self, request: Request, session: Session) -> Response:
        """What the forms of the page do; `do` in the address says which."""
        match request.query_params.get("do"):
            case "redeem":
                return await self._book(request, session, Kind.REDEEM)
            case "load":
                return await self._book(request, session, Kind.LOAD)
            case "slip":
                return await self._slip(request, session)
            case "offline":
                return await self._offline(request, session)
            case "receipt":
                return await self.receipt(request, session)
            case _:
                return await self._looked(request, session, self._entered(await read_form(request)))

    async def receipt(self, request: Request, session: Session) -> Response:
        """Closes or cancels a receipt."""
        form, words = await read_form(request), self._site.words(request)
        ref, desk = form.get("receipt", ""), await self._vouchers.desk()
        try:
            if form.get("end") == "close":
                await desk.close(ref)
                return see(PATH, "closed")
            await desk.cancel(ref)
        except (BridgeError, StorageUnavailable) as error:
            return await self._page(request, session, Entered(wrong={"form": said(_known(error), words, "")}))
        return see(PATH, "cancelled")

    async def one(self, request: Request, session: Session) -> Response:
        """One action: how it stands, its history, and what can be done about it."""
        return await self._one(request, session, Signed())

    async def put_back(self, request: Request, session: Session) -> Response:
        """Gives back what was taken."""
        key, words = request.path_params["key"], self._site.words(request)
        try:
            await (await self._found(key)).put_back(key)
        except BridgeError as error:
            if error.code not in {Code.PROVIDER_MUST_FINISH, Code.PROVIDER_UNKNOWN, Code.VOUCHER_RUNNING}:
                raise
            return await self._one(request, session, Signed(wrong={"form": said(error, words, "")}))
        return see(f"{PATH}/{key}")

    async def reverse(self, request: Request, session: Session) -> Response:
        """Takes off again what was loaded; that some of it is spent stands on the page afterwards."""
        del session
        key = request.path_params["key"]
        try:
            await (await self._found(key)).reverse(key)
        except BridgeError as error:
            if error.code not in {Code.VOUCHER_LOAD_SPENT, Code.VOUCHER_OVER_REVERSAL}:
                raise
        return see(f"{PATH}/{key}")

    async def decide(self, request: Request, session: Session) -> Response:
        """What a named person decided about an open case."""
        form, words, key = await read_form(request), self._site.words(request), request.path_params["key"]
        signed = read_signed(form, words)
        decision = next((one for one in Decision if one == form.get("decision")), None)
        if signed.wrong or decision is None:
            return await self._one(request, session, signed)
        try:
            await (await self._found(key)).resolve(key, decision, signed.by, signed.reason)
        except BridgeError as error:
            wrong = {"form": refusal_text(error.code, words.t.language)}
            return await self._one(request, session, Signed(signed.by, signed.reason, wrong))
        return see(f"{PATH}/{key}", "decided")

    async def slip(self, request: Request, _: Session) -> Response:
        """The slip of an action alone, for the browser's own printing."""
        key, language = request.path_params["key"], self._site.words(request).t.language
        slip = self._slips.of_action(await self._found(key), key)
        return HTMLResponse(await self._slips.written(slip, Form.HTML, language))

    async def print_slip(self, request: Request, session: Session) -> Response:
        """Hands the slip of an action to the printer of the settings."""
        key, words = request.path_params["key"], self._site.words(request)
        slip = self._slips.of_action(await self._found(key), key)
        try:
            await self._slips.print(slip, words.t.language)
        except BridgeError as error:
            wrong = {"form": refusal_text(error.code, words.t.language)}
            return await self._one(request, session, Signed(wrong=wrong))
        return see(f"{PATH}/{key}", "slip")

    # ------------------------------------------------------------ shared

    async def _slip(self, request: Request, session: Session) -> Response:
        """A slip of what is on a voucher now: to look at, or for the printer where `paper` is asked for."""
        form, words = await read_form(request), self._site.words(request)
        entered = self._entered(form)
        try:
            slip = await self._slips.of_voucher(entered.code, entered.unit)
            if form.get("paper") == "printer":
                await self._slips.print(slip, words.t.language)
                return see(PATH, "slip")
        except BridgeError as error:
            wrong = {"form": said(error, words, entered.unit)}
            return await self._page(request, session, replace(entered, wrong=wrong))
        return HTMLResponse(await self._slips.written(slip, Form.HTML, words.t.language))

    async def _book(self, request: Request, session: Session, kind: Kind) -> Response:
        form, words = await read_form(request), self._site.words(request)
        entered = replace(self._entered(form), loading=kind is Kind.LOAD)
        try:
            wanted = self._wanted(kind, entered, form)
            action = await (await self._vouchers.desk()).ask(entered.key, wanted, PATIENCE)
        except (BridgeError, StorageUnavailable) as error:
            known = _known(error)
            if known.code is Code.VOUCHER_KEY_BODY:
                # The form was sent before with something else in it; this one has not been carried out.
                entered = replace(entered, key=self._site.runtime.ids.new())
            wrong = {_place(known): said(known, words, entered.unit)}
            return await self._looked(request, session, replace(entered, wrong=wrong))
        return see(f"{PATH}/{action.key}")

    async def _offline(self, request: Request, session: Session) -> Response:
        """Takes a voucher that cannot be looked up, at the merchant's risk; where the portal answers, as ever."""
        form, words = await read_form(request), self._site.words(request)
        entered = self._entered(form)
        try:
            wanted = replace(self._wanted(Kind.REDEEM, entered, form), offline=True)
            action = await (await self._vouchers.desk()).ask(entered.key, wanted, PATIENCE)
        except (BridgeError, StorageUnavailable) as error:
            known = _known(error)
            place = "code" if known.code in _CODES else _place(known)
            # By names of their own: the form to look a voucher up stands on the same page.
            wrong = {"form" if place == "form" else f"offline-{place}": said(known, words, entered.unit)}
            return await self._page(request, session, replace(entered, code="", wrong=wrong))
        return see(f"{PATH}/{action.key}")

    async def _looked(self, request: Request, session: Session, entered: Entered) -> Response:
        words, card = self._site.words(request), None
        try:
            scanned = read_scan(entered.code, self._vouchers.profiles)
            code, profile = scanned.code, self._profile(scanned)
            desk = await self._vouchers.desk()
            if profile is not None:
                seen = await desk.lookup_at(scanned.provider, code.number, entered.unit)
                card = provider_card(code, seen, profile, words, self._vouchers.now())
            else:
                facts = await desk.lookup(code.number, entered.unit, code.merchant or "")
                card = voucher_card(facts, words, has_pin=code.pin is not None)
        except BridgeError as error:
            wrong = {"code" if error.code in _CODES else "form": said(error, words, entered.unit)}
            entered = replace(entered, wrong={**wrong, **entered.wrong})
        return await self._page(request, session, entered, card)

    def _entered(self, form: Mapping[str, str]) -> Entered:
        unit = form.get("unit", "")
        return Entered(
            code=form.get("code", "")[: LONGEST + 1],
            amount=form.get("amount", ""),
            unit=unit if unit in BY_CODE else self._usual_unit(),
            receipt=one_line(form.get("receipt", "")),
            key=form.get("key", "") or self._site.runtime.ids.new(),
        )

    def _wanted(self, kind: Kind, entered: Entered, form: Mapping[str, str]) -> Wanted:
        scanned = read_scan(entered.code, self._vouchers.profiles)
        return _wanted(kind, entered, form, scanned, self._profile(scanned))

    def _profile(self, scanned: Scanned) -> Profile | None:
        return next((one for one in self._vouchers.profiles if one.prefix == scanned.provider), None)

    def _usual_unit(self) -> str:
        latest = self._site.engine.payments(None, 1)
        money = latest[0].amount if latest else None
        return EUR.code if money is None else money.currency.code

    async def _found(self, key: str) -> "VoucherDesk":
        desk = await self._vouchers.desk_or_none()
        if desk is None:
            raise BridgeError(Code.PAYMENT_UNKNOWN)
        desk.find(key)
        return desk

    async def _page(
        self, request: Request, session: Session, entered: Entered, card: VoucherCard | None = None
    ) -> Response:
        words, desk = self._site.words(request), await self._vouchers.desk_or_none()
        found = Standing() if desk is None else desk.standing()
        cases = [] if desk is None else [action_row(one, desk.case(one), words) for one in found.cases]
        return self._site.page(
            request,
            "vouchers.html",
            session=session,
            status=HTTPStatus.UNPROCESSABLE_ENTITY if entered.wrong else HTTPStatus.OK,
            paired=desk is not None,
            trouble=service_sentence(self._vouchers.service, words),
            has_printer=self._has_printer,
            offline=self._offline_limit(desk, words),
            new_key=self._site.runtime.ids.new(),
            entered=replace(entered, unit=entered.unit or self._usual_unit()),
            units=sorted(BY_CODE),
            longest=LONGEST,
            providers=", ".join(f"{one.prefix} {one.name}" for one in self._vouchers.profiles),
            card=card,
            receipts=receipt_cards(found.open, words),
            cases=cases,
            waiting=[action_row(one, None, words) for one in found.waiting],
            notice=_NOTICES.get(request.query_params.get("notice", "")),
        )

    def _offline_limit(self, desk: "VoucherDesk | None", words: Words) -> str:
        """The most that may be taken without a connection, while there is none; empty where nothing may."""
        service = self._vouchers.service
        limit = None if desk is None else desk.offline_limit
        if limit is None or service is None or service.state not in {Readiness.UNREACHABLE, Readiness.MAINTENANCE}:
            return ""
        return words.amount(Money(limit[0], currency(limit[1])))

    async def _one(self, request: Request, session: Session, signed: Signed) -> Response:
        key, words = request.path_params["key"], self._site.words(request)
        desk = await self._found(key)
        action = desk.find(key)
        return self._site.page(
            request,
            "voucher.html",
            session=session,
            status=HTTPStatus.UNPROCESSABLE_ENTITY if signed.wrong else HTTPStatus.OK,
            page=action_page(action, desk.case(action), desk.history(key), words),
            has_printer=self._has_printer,
            signed=signed,
            notice=_NOTICES.get(request.query_params.get("notice", "")),
        )


def see(path: str, notice: str = "") -> Response:
    """Goes on to a page of ours; what was done stands there."""
    return see_other(f"{path}?notice={notice}" if notice else path)


def _wanted(kind: Kind, entered: Entered, form: Mapping[str, str], scanned: Scanned, profile: Profile | None) -> Wanted:
    """What the form asks for; `BridgeError` with the place of the field that is wrong."""
    code: VoucherCode = scanned.code
    if kind is Kind.REDEEM:
        code = with_pin(scanned, form.get("pin") or None, profile)
        if code.pin is None and profile is None:
            raise BridgeError(Code.VOUCHER_PIN_NEEDED, place="pin")
    money = _money(entered)
    if not 0 < len(entered.receipt) <= LONGEST_RECEIPT:
        raise BridgeError(Code.FIELD_INVALID, place="receipt")
    return Wanted(
        kind=kind,
        number=code.number,
        pin=code.pin if kind is Kind.REDEEM else None,
        amount=money.minor,
        currency=money.currency.code,
        receipt=entered.receipt,
        station="console",
        merchant=code.merchant or "",
        provider=scanned.provider,
    )


def _money(entered: Entered) -> Money:
    try:
        money = parse_major(entered.amount, currency(entered.unit))
    except BridgeError:
        raise BridgeError(Code.AMOUNT_INVALID, place="amount") from None
    if money.minor == 0:
        raise BridgeError(Code.AMOUNT_INVALID, place="amount")
    return money


def _place(error: BridgeError) -> str:
    """The field that a refusal is about."""
    if error.code in _PINS or error.place == "pin":
        return "pin"
    return error.place if error.place in {"amount", "receipt"} else "form"


def _known(error: Exception) -> BridgeError:
    known = as_bridge_error(error)
    if known is None:
        raise error
    return known
