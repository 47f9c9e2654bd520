"""The link with the portal: the place that is asked for once, then only the PIN, and afterwards how it stands."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tillbridge.connector.console.gate import Gate
from tillbridge.connector.console.persons import Signed, read_signed
from tillbridge.connector.console.sessions import Session
from tillbridge.connector.console.site import Site
from tillbridge.connector.console.views import Badge, Tone
from tillbridge.connector.console.words import Words
from tillbridge.connector.portal.addresses import LONGEST_ADDRESS
from tillbridge.connector.portal.desk import PortalDesk
from tillbridge.connector.portal.states import Exchange, LinkState, LinkView, ServiceView, Standing, Step, Warned
from tillbridge.domain.cashier_refusals import refusal_text
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.location_number import LENGTH
from tillbridge.link.scopes import OLD_KEY, ServiceState
from tillbridge.web.forms import read_form
from tillbridge.web.going import see_other

PATH: Final = "/portal"
SECONDS_A_MINUTE: Final = 60

_TONES: Final[Mapping[LinkState, Tone]] = {
    LinkState.NOT_PAIRED: Tone.CALM,
    LinkState.EXCHANGING: Tone.RUNNING,
    LinkState.ACTIVE: Tone.GOOD,
    LinkState.PORTAL_UNREACHABLE: Tone.ALERT,
    LinkState.MAINTENANCE: Tone.ALERT,
    LinkState.SUSPENDED: Tone.ALERT,
    LinkState.REVOKED: Tone.BAD,
}
_STATES: Final = {
    LinkState.NOT_PAIRED: "portal.state.not_paired",
    LinkState.EXCHANGING: "portal.state.exchanging",
    LinkState.ACTIVE: "portal.state.active",
    LinkState.PORTAL_UNREACHABLE: "portal.state.portal_unreachable",
    LinkState.MAINTENANCE: "portal.state.maintenance",
    LinkState.SUSPENDED: "portal.state.suspended",
    LinkState.REVOKED: "portal.state.revoked",
}
_STEPS: Final = {
    Step.STARTING: "portal.step.starting",
    Step.FINISHING: "portal.step.finishing",
    Step.WAITING_CONFIRM: "portal.step.waiting_confirm",
    Step.REPEATING: "portal.step.repeating",
    Step.STORING: "portal.step.storing",
}
_WARNINGS: Final = {
    Warned.KEY_IN_A_FILE: "portal.warning.key_in_a_file",
    Warned.CLOCK: "portal.warning.clock",
    Warned.UNSENT: "portal.warning.unsent",
    Warned.KEYSTORE: "portal.warning.keystore",
}
_NOTICES: Final = {
    "paired": "portal.notice.paired",
    "unpaired": "portal.notice.unpaired",
    "unpaired_silently": "portal.notice.unpaired_silently",
    "stopped": "portal.notice.stopped",
    "place": "portal.notice.place",
}
_SERVICES: Final = {
    "web_vouchers": "portal.service.web_vouchers",
    "third_party_vouchers": "portal.service.third_party_vouchers",
    "voucher_shop": "portal.service.voucher_shop",
    "customer_base": "portal.service.customer_base",
    "digital_receipts": "portal.service.digital_receipts",
    "reports": "portal.service.reports",
    "online_orders": "portal.service.online_orders",
    "accounting_export": "portal.service.accounting_export",
}
_SERVICE_STATES: Final = {
    ServiceState.ON: "portal.service_state.on",
    ServiceState.NEEDS_PAIRING: "portal.service_state.needs_pairing",
    ServiceState.SUSPENDED: "portal.service_state.suspended",
    ServiceState.NEEDS_LICENCE: "portal.service_state.needs_licence",
    ServiceState.NEEDS_CONVERSION: "portal.service_state.needs_conversion",
    ServiceState.OFF: "portal.service_state.off",
    ServiceState.MAINTENANCE: "portal.service_state.maintenance",
    ServiceState.DOWN: "portal.service_state.down",
    ServiceState.NOT_AVAILABLE: "portal.service_state.not_available",
}
_WRONG_PLACES: Final = {"address": "portal.wrong.address", "location_number": "portal.wrong.location_number"}


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of what is known of the link."""

    label: str
    value: str


@dataclass(frozen=True, slots=True)
class ServiceLine:
    """A service as the page shows it."""

    name: str
    state: str
    on: bool
    until: str


@dataclass(frozen=True, slots=True)
class Entered:
    """What was typed, but for the PIN, which is never shown again; `wrong` is by the name of the field."""

    address: str = ""
    location_number: str = ""
    wrong: Mapping[str, str] = field(default_factory=dict)


class PortalPages:
    """The pages under `/portal`."""

    def __init__(self, site: Site) -> None:
        self._site = site

    @property
    def _desk(self) -> PortalDesk:
        return self._site.premises.features.portal

    def routes(self, gate: Gate) -> list[Route]:
        """Every page with its path."""
        return [
            gate.page(PATH, self.page),
            gate.form(f"{PATH}/place", self.place),
            gate.form(f"{PATH}/retrieve", self.retrieve),
            gate.form(f"{PATH}/stop", self.stop),
            gate.page(f"{PATH}/unpair", self.ask_unpair),
            gate.form(f"{PATH}/unpair", self.unpair),
        ]

    async def page(self, request: Request, session: Session) -> Response:
        """How the link stands, and what can be done now."""
        return self._page(request, session, Entered())

    async def place(self, request: Request, session: Session) -> Response:
        """Keeps where the portal is, and which location this is there."""
        form = await read_form(request)
        words = self._site.words(request)
        entered = Entered(form.get("address", "")[:LONGEST_ADDRESS], form.get("location_number", "")[: LENGTH + 12])
        try:
            await self._desk.settle_place(entered.address, entered.location_number)
        except BridgeError as error:
            return self._page(request, session, Entered(entered.address, entered.location_number, _wrong(error, words)))
        return see_other(f"{PATH}?notice=place")

    async def retrieve(self, request: Request, session: Session) -> Response:
        """One press: one exchange, one guess. It goes on by itself; this page shows how far it is."""
        form = await read_form(request)
        try:
            await self._desk.start_pairing(form.get("pin", ""))
        except BridgeError as error:
            if error.code is Code.RECORD_CONFLICT:
                return see_other(PATH)  # another press was first: its progress is shown, and this PIN was not used
            return self._page(request, session, Entered(wrong=_wrong(error, self._site.words(request))))
        return see_other(f"{PATH}?notice=paired")

    async def stop(self, request: Request, session: Session) -> Response:
        """Gives up a pairing that is under way."""
        del request, session
        await self._desk.give_up()
        return see_other(f"{PATH}?notice=stopped")

    async def ask_unpair(self, request: Request, session: Session) -> Response:
        """Asks who ends the link, and why."""
        if self._desk.standing().link is None:
            return see_other(PATH)
        return self._unpair_page(request, session, Signed())

    async def unpair(self, request: Request, session: Session) -> Response:
        """Ends the link. Sent twice it says the same twice."""
        standing, words = self._desk.standing(), self._site.words(request)
        if standing.link is None:
            return see_other(PATH)
        signed = read_signed(await read_form(request), words)
        if signed.wrong:
            return self._unpair_page(request, session, signed)
        try:
            told = await self._desk.unpair(f"{signed.by}: {signed.reason}")
        except BridgeError as error:
            wrong = {"form": refusal_text(error.code, words.t.language)}
            return self._unpair_page(request, session, Signed(signed.by, signed.reason, wrong))
        return see_other(f"{PATH}?notice={'unpaired' if told else 'unpaired_silently'}")

    # ------------------------------------------------------------ the pages themselves

    def _page(self, request: Request, session: Session, entered: Entered) -> Response:
        desk, words = self._desk, self._site.words(request)
        standing, place = desk.standing(), desk.place
        change = "change" in request.query_params or bool(entered.wrong.keys() & _WRONG_PLACES.keys())
        movable = place is None or not (place.from_settings or standing.link or standing.exchange)
        return self._site.page(
            request,
            "portal.html",
            session=session,
            status=HTTPStatus.UNPROCESSABLE_ENTITY if entered.wrong else HTTPStatus.OK,
            place=place,
            asks_place=movable and (place is None or change),
            movable=movable,
            entered=_prefilled(entered, desk),
            longest_address=LONGEST_ADDRESS,
            state=Badge(_TONES[standing.state], words.t(_STATES[standing.state])),
            since=words.moment(standing.since),
            sentences=list(_sentences(standing, words)),
            progress=_progress(standing.exchange, words),
            link=standing.link,
            ended=standing.state is LinkState.REVOKED,
            facts=[] if standing.link is None else list(_facts(standing, standing.link, self._site, words)),
            services=[] if standing.link is None else [_service(one, words) for one in standing.link.services],
            warnings=list(_warnings(standing, words)),
            failed=_failure(standing, words),
            notice=_notice(request, standing, words),
        )

    def _unpair_page(self, request: Request, session: Session, signed: Signed) -> Response:
        return self._site.page(
            request,
            "portal_unpair.html",
            session=session,
            status=HTTPStatus.UNPROCESSABLE_ENTITY if signed.wrong else HTTPStatus.OK,
            link=self._desk.standing().link,
            signed=signed,
        )


def _prefilled(entered: Entered, desk: PortalDesk) -> Entered:
    if desk.place is None or entered.address or entered.location_number:
        return entered
    return Entered(desk.place.address, str(desk.place.location), entered.wrong)


def _wrong(error: BridgeError, words: Words) -> Mapping[str, str]:
    """What to say of a refusal, by the field that it is about."""
    if error.code is Code.FIELD_INVALID and error.place in _WRONG_PLACES:
        return {error.place: words.t(_WRONG_PLACES[error.place])}
    if error.code is Code.PAIRING_INPUT and error.place == "pin":
        return {"pin": words.t("portal.wrong.pin")}
    return {"form": refusal_text(error.code, words.t.language)}


def _notice(request: Request, standing: Standing, words: Words) -> str:
    """What was done just now, as long as it is still true."""
    asked = request.query_params.get("notice", "")
    if asked == "paired" and (standing.exchange is not None or standing.ended is None or standing.ended.refusal):
        return ""
    return words.t(_NOTICES[asked]) if asked in _NOTICES else ""


def _failure(standing: Standing, words: Words) -> str:
    """Why the last pairing came to nothing; empty where it did not, or another one is under way."""
    if standing.exchange is not None or standing.ended is None or standing.ended.refusal is None:
        return ""
    refusal = standing.ended.refusal
    sentence = refusal_text(refusal.code, words.t.language)
    if refusal.code is Code.SLOW_DOWN and refusal.retry_after is not None:
        minutes = -(-refusal.retry_after // SECONDS_A_MINUTE)
        return f"{sentence} {words.t('portal.wait', minutes=words.count(minutes))}"
    return f"{sentence} ({refusal.entry.number})" if refusal.entry.number else sentence


def _sentences(standing: Standing, words: Words) -> Iterator[str]:
    """What the state means for the shop."""
    trouble = standing.trouble
    if standing.state is LinkState.ACTIVE:
        yield words.t("portal.why.active")
    if standing.state is LinkState.NOT_PAIRED and trouble is None:
        yield words.t("portal.why.not_paired")
    if trouble is not None:
        number = f" ({trouble.entry.number})" if trouble.entry.number else ""
        if trouble.code is Code.LINK_REVOKED and trouble.place == OLD_KEY:
            yield words.t("portal.why.old_key") + number
        else:
            yield refusal_text(trouble.code, words.t.language) + number
    elif standing.state is LinkState.REVOKED:
        yield refusal_text(Code.LINK_REVOKED, words.t.language)
    if standing.until is not None:
        yield words.t("portal.until", time=words.moment(standing.until).text)
    for one in standing.planned:
        yield words.t("portal.planned", start=words.moment(one.start).text, end=words.moment(one.end).text)
    if standing.notice:
        yield standing.notice


@dataclass(frozen=True, slots=True)
class Progress:
    """A pairing under way, as the page shows it."""

    words: str
    fingerprint: str
    trouble: str


def _progress(exchange: Exchange | None, words: Words) -> Progress | None:
    if exchange is None:
        return None
    trouble = "" if exchange.trouble is None else refusal_text(exchange.trouble.code, words.t.language)
    return Progress(words.t(_STEPS[exchange.step]), exchange.fingerprint or "", trouble)


def _facts(standing: Standing, link: LinkView, site: Site, words: Words) -> Iterator[Fact]:
    yield Fact(words.t("portal.fact.location"), f"{link.location_name} · {link.location_number}")
    yield Fact(words.t("portal.fact.merchant"), link.tenant)
    yield Fact(words.t("portal.fact.portal"), link.host)
    yield Fact(words.t("portal.fact.paired"), words.moment(link.paired_at).text)
    yield Fact(words.t("portal.fact.contact"), _moment_or_never(standing.last_contact_at, words))
    yield Fact(words.t("portal.fact.version"), site.host.version)
    yield Fact(words.t("portal.fact.fingerprint"), link.fingerprint)
    yield Fact(words.t("portal.fact.token"), link.masked_token)
    if standing.unsent.count:
        yield Fact(words.t("portal.fact.unsent"), words.count(standing.unsent.count))


def _moment_or_never(at: datetime | None, words: Words) -> str:
    return words.t("portal.never") if at is None else words.moment(at).text


def _service(view: ServiceView, words: Words) -> ServiceLine:
    # A newer portal may have services that this connector has no word for.
    name = words.t(_SERVICES[view.service]) if view.service in _SERVICES else view.service
    until = "" if view.expires_at is None else words.moment(view.expires_at).text
    return ServiceLine(name, words.t(_SERVICE_STATES[view.state]), view.state is ServiceState.ON, until)


def _warnings(standing: Standing, words: Words) -> Iterator[str]:
    for warned in standing.warnings:
        match warned:
            case Warned.CLOCK:
                seconds = 0 if standing.skew is None else abs(int(standing.skew.total_seconds()))
                yield words.t(_WARNINGS[warned], seconds=words.count(seconds))
            case Warned.UNSENT:
                oldest = standing.unsent.oldest_at
                yield words.t(
                    _WARNINGS[warned], count=words.count(standing.unsent.count), time=_moment_or_never(oldest, words)
                )
            case Warned.KEY_IN_A_FILE | Warned.KEYSTORE:
                yield words.t(_WARNINGS[warned])
