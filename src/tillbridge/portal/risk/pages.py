"""The page of what locations may take without a connection, what that cost them, and merchants' numbers."""

from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import Currency, Money, parse_major
from tillbridge.portal.customers.forms import amount
from tillbridge.portal.locations.views import done
from tillbridge.portal.pages.site import Form, Site, Visit
from tillbridge.portal.rights import Action, Area
from tillbridge.portal.risk.model import LONGEST_NUMBER, Account, Line, RiskLimits
from tillbridge.portal.risk.service import Risks
from tillbridge.portal.vouchers.sections import tabs
from tillbridge.web.going import see_other
from tillbridge.web.words import Words

PATH: Final = "/vouchers/systems/{system_id}/risk"
SECTION: Final = "/risk"
LIMITS: Final = ("per_voucher", "per_day", "open_total")


class RiskPages:
    """Shows and sets."""

    def __init__(self, site: Site, risks: Risks) -> None:
        self._site = site
        self._risks = risks

    def routes(self) -> list[BaseRoute]:
        """Every page of it."""
        site = self._site
        return [
            site.get(PATH, self.show),
            site.post(f"{PATH}/limits", self.limits),
            site.post(f"{PATH}/numbers", self.number),
            site.post(f"{PATH}/numbers/remove", self.remove),
        ]

    async def show(self, request: Request, visit: Visit) -> Response:
        """The limits, the accounts, and the numbers."""
        return await self._show(request, visit, {}, {})

    async def limits(self, request: Request, visit: Visit, form: Form) -> Response:
        """Sets the limits of one location."""
        system_id = request.path_params["system_id"]
        seen = await self._risks.seen(visit.person, system_id)
        found, wrong = _read(form, seen.system.unit)
        if not wrong:
            try:
                await self._risks.set_limits(visit.person, system_id, form.get("location", ""), found)
            except BridgeError as error:
                if error.place != "limits":
                    raise
                wrong = {"limits": "risk.wrong.limits"}
            else:
                return see_other(f"/vouchers/systems/{system_id}{SECTION}?done=limits")
        return await self._show(request, visit, form, wrong)

    async def number(self, request: Request, visit: Visit, form: Form) -> Response:
        """Adds a merchant's number."""
        system_id = request.path_params["system_id"]
        try:
            await self._risks.add_number(visit.person, system_id, form.get("number", ""))
        except BridgeError as error:
            if error.code is not Code.FIELD_INVALID:
                raise
            return await self._show(request, visit, form, {"number": "risk.wrong.number"})
        return see_other(f"/vouchers/systems/{system_id}{SECTION}?done=number_added")

    async def remove(self, request: Request, visit: Visit, form: Form) -> Response:
        """Takes one away."""
        system_id = request.path_params["system_id"]
        await self._risks.remove_number(visit.person, system_id, form.get("number", ""))
        return see_other(f"/vouchers/systems/{system_id}{SECTION}?done=number_removed")

    async def _show(self, request: Request, visit: Visit, form: Form, wrong: dict[str, str]) -> Response:
        person = visit.person
        seen = await self._risks.seen(person, request.path_params["system_id"])
        one = seen.system
        words = self._site.words(request, person, one.time_zone)
        names = {each.location_id: each.name for each in seen.places}
        separator = words.t("format.decimal")
        return await self._site.page(
            request,
            "risk/risk.html",
            visit=visit,
            status=HTTPStatus.BAD_REQUEST if wrong else HTTPStatus.OK,
            zone=one.time_zone,
            one=one,
            tabs=tabs(words.t, person, one.id, SECTION),
            places=[
                (
                    each,
                    seen.limits.get(each.location_id, RiskLimits()),
                    _typed(
                        seen.limits.get(each.location_id, RiskLimits()), one.unit, separator, each.location_id, form
                    ),
                    _account(words, seen.accounts.get(each.location_id, Account()), one.currency),
                    person.may(Area.VOUCHER_RISK, Action.EDIT, each.location_id),
                )
                for each in seen.places
            ],
            lines=[_line(words, each, names, one.currency) for each in seen.lines],
            numbers=seen.numbers,
            may_edit=person.may(Area.VOUCHER_RISK, Action.EDIT),
            entered=form.get("number", ""),
            at=form.get("location", ""),
            longest=LONGEST_NUMBER,
            wrong={name: words.t(key) for name, key in wrong.items()},
            notice=done(request, words.t, "risk"),
        )


def _read(form: Form, unit: Currency) -> tuple[RiskLimits, dict[str, str]]:
    found, wrong = dict.fromkeys(LIMITS, 0), {}
    for name in LIMITS:
        try:
            found[name] = parse_major(form.get(name, "").strip(), unit).minor
        except BridgeError:
            wrong[name] = "risk.wrong.amount"
    return RiskLimits(**found, in_maintenance=form.get("in_maintenance") == "on"), wrong


def _typed(one: RiskLimits, unit: Currency, separator: str, location_id: str, form: Form) -> dict[str, str]:
    """The limits as the form of a location shows them: what was typed there, where something was wrong with it."""
    if form.get("location") == location_id:
        return {name: form.get(name, "") for name in LIMITS}
    amounts = (one.per_voucher, one.per_day, one.open_total)
    return {name: Money(minor, unit).major(separator) for name, minor in zip(LIMITS, amounts, strict=True)}


def _account(words: Words, one: Account, currency: str) -> tuple[str, str]:
    return amount(words, one.taken, currency), amount(words, one.loss, currency)


def _line(words: Words, one: Line, names: dict[str, str], currency: str) -> dict[str, object]:
    return {
        "at": words.moment(one.accepted_at),
        "place": names.get(one.location_id, ""),
        "kind": words.t(f"risk.kind.{one.kind}"),
        "receipt": one.transaction_ref,
        "asked": amount(words, one.asked, currency),
        "taken": amount(words, one.taken, currency),
        "loss": amount(words, one.loss, currency),
        "reason": words.t(key) if words.t.has(key := f"risk.reason.{one.reason}") else one.reason,
    }
