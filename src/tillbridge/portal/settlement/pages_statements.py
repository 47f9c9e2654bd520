"""The pages of statements and claims, and of what is handed to the books."""

from datetime import date
from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from tillbridge.domain.errors import BridgeError
from tillbridge.portal.customers.exporting import CSV_TYPE, XLSX_TYPE
from tillbridge.portal.customers.forms import amount
from tillbridge.portal.customers.routes import file
from tillbridge.portal.locations.views import Paging, day, done
from tillbridge.portal.pages.site import Form as Fields
from tillbridge.portal.pages.site import Site, Visit
from tillbridge.portal.rights import Action, Area
from tillbridge.portal.settlement.model import Form, Listed, Span
from tillbridge.portal.settlement.pages_reports import SYSTEM
from tillbridge.portal.settlement.postings import ACCOUNTS, LONGEST_ACCOUNT, Accounts
from tillbridge.portal.settlement.service import PER_PAGE, Settlement
from tillbridge.portal.settlement.views import claims_tables, is_over, month_choices, month_of, name_of
from tillbridge.portal.settlement.writing_out import DATEV_TYPE, csv_of, datev_of
from tillbridge.portal.vouchers.pages_forms import Wrong, month_name, wrong_of
from tillbridge.portal.vouchers.pages_systems import PATH, said
from tillbridge.web.going import see_other
from tillbridge.web.words import Words

PDF_TYPE: Final = "application/pdf"

_WRONG: Final = {
    **dict.fromkeys(ACCOUNTS, "settlement.wrong.account"),
    "consultant": "settlement.wrong.number",
    "client": "settlement.wrong.number",
    "digits": "settlement.wrong.digits",
    "first_month": "settlement.wrong.number",
}
_NUMBERS: Final = {"consultant": 7, "client": 5}
_FIRST: Final = {"digits": "4", "first_month": "1"}


class StatementPages:
    """Lists statements and hands them out, shows claims, and writes postings."""

    def __init__(self, site: Site, settlement: Settlement) -> None:
        self._site = site
        self._settlement = settlement

    def routes(self) -> list[BaseRoute]:
        """Every page of it."""
        site, one = self._site, f"{PATH}/statements/{{statement_id}}"
        return [
            site.get(f"{SYSTEM}/statements", self.list),
            site.post(f"{SYSTEM}/provisional", self.provisional),
            site.get(f"{SYSTEM}/claims", self.claims),
            site.get(f"{SYSTEM}/postings", self.postings),
            site.post(f"{SYSTEM}/accounts", self.set_accounts),
            site.post(f"{SYSTEM}/postings.csv", self.write_csv),
            site.post(f"{SYSTEM}/datev.csv", self.write_datev),
            site.post(f"{one}/statement.pdf", self.save_pdf),
            site.post(f"{one}/statement.xlsx", self.save_xlsx),
        ]

    async def list(self, request: Request, visit: Visit) -> Response:
        """The statements of the locations that this person reaches."""
        person, asked = visit.person, request.query_params
        number = asked.get("page", "")
        page = int(number) if number.isascii() and number.isdigit() and 0 < len(number) < len("1000000") else 1
        chosen = asked.get("location", "")
        found = await self._settlement.statements(person, request.path_params["system_id"], chosen, max(page, 1))
        one = found.system
        words = self._site.words(request, person, one.time_zone)
        pages = max(1, -(-found.count // PER_PAGE))
        here = f"{PATH}/systems/{one.id}/reports/statements?location={chosen if chosen in found.places else ''}&page="
        return await self._site.page(
            request,
            "settlement/statements.html",
            visit=visit,
            zone=one.time_zone,
            one=one,
            places=sorted(found.places.values(), key=lambda place: (place.name, place.number)),
            chosen=chosen,
            months=month_choices(words, words.now, one.time_zone),
            rows=[
                (
                    each,
                    _period(words, each),
                    name_of(words, found.places, each.location_id),
                    amount(words, each.claimed, one.currency),
                    amount(words, each.owed, one.currency),
                )
                for each in found.listed
            ],
            paging=Paging(
                page, pages, f"{here}{page - 1}" if page > 1 else "", f"{here}{page + 1}" if page < pages else ""
            ),
        )

    async def provisional(self, request: Request, visit: Visit, form: Fields) -> Response:
        """A statement as it would be now."""
        period = form.get("period", "")
        as_what, content = await self._settlement.provisional(
            visit.person,
            request.path_params["system_id"],
            form.get("location", ""),
            period,
            form.get("form", ""),
            self._site.language(request, visit.person),
        )
        return file(content, _TYPES[as_what], f"provisional-{period}.{as_what}")

    async def save_pdf(self, request: Request, visit: Visit, _: Fields) -> Response:
        """A frozen statement as PDF: the same bytes for ever."""
        return await self._save(request, visit, Form.PDF)

    async def save_xlsx(self, request: Request, visit: Visit, _: Fields) -> Response:
        """A frozen statement as a workbook: the same bytes for ever."""
        return await self._save(request, visit, Form.XLSX)

    async def _save(self, request: Request, visit: Visit, form: Form) -> Response:
        listed, content = await self._settlement.paper(visit.person, request.path_params["statement_id"], form)
        return file(content, _TYPES[form], f"{listed.number}.{form}")

    async def claims(self, request: Request, visit: Visit) -> Response:
        """Who claims what from whom in a month."""
        person, system_id = visit.person, request.path_params["system_id"]
        one = (await self._settlement.overview(person, system_id)).system
        words = self._site.words(request, person, one.time_zone)
        month = month_of(request.query_params.get("month", ""), words.now, one.time_zone)
        found = await self._settlement.claims(person, system_id, month)
        claims, net = claims_tables(words, found)
        return await self._site.page(
            request,
            "settlement/claims.html",
            visit=visit,
            zone=one.time_zone,
            one=one,
            month=month,
            month_said=month_name(words.t, month),
            months=month_choices(words, words.now, one.time_zone),
            closed="" if is_over(month, found.last_closed) else _day(words, found.last_closed),
            claims=claims,
            net=net,
        )

    async def postings(self, request: Request, visit: Visit) -> Response:
        """The accounts, and the files for the books."""
        return await self._postings(request, visit, {}, None)

    async def set_accounts(self, request: Request, visit: Visit, form: Fields) -> Response:
        """Sets the accounts."""
        system_id = request.path_params["system_id"]
        try:
            await self._settlement.set_accounts(visit.person, system_id, _accounts_of(form))
        except BridgeError as error:
            return await self._postings(request, visit, form, wrong_of(error, _WRONG))
        return see_other(f"{PATH}/systems/{system_id}/reports/postings?done=accounts")

    async def write_csv(self, request: Request, visit: Visit, form: Fields) -> Response:
        """The postings of a month as CSV."""
        month, t = form.get("month", ""), self._site.words(request, visit.person).t
        batch = await self._settlement.batch(visit.person, request.path_params["system_id"], month, "csv")
        return file(csv_of(batch, t), CSV_TYPE, f"voucher-postings-{month}.csv")

    async def write_datev(self, request: Request, visit: Visit, form: Fields) -> Response:
        """The postings of a month as DATEV writes batches of bookings."""
        month, words = form.get("month", ""), self._site.words(request, visit.person)
        batch = await self._settlement.batch(visit.person, request.path_params["system_id"], month, "datev")
        return file(datev_of(batch, words.now, words.t), DATEV_TYPE, f"EXTF_Gutscheine_{month}.csv")

    async def _postings(self, request: Request, visit: Visit, form: Fields, wrong: Wrong | None) -> Response:
        person, system_id = visit.person, request.path_params["system_id"]
        one, accounts = await self._settlement.accounts(person, system_id)
        words = self._site.words(request, person, one.time_zone)
        names = (*ACCOUNTS, *_NUMBERS, "digits", "first_month")
        kept = {name: _FIRST.get(name, "") if accounts is None else str(getattr(accounts, name)) for name in names}
        return await self._site.page(
            request,
            "settlement/postings.html",
            visit=visit,
            status=HTTPStatus.BAD_REQUEST if wrong else HTTPStatus.OK,
            zone=one.time_zone,
            one=one,
            known=accounts is not None,
            may_edit=person.may(Area.VOUCHER_SETTLEMENT, Action.EDIT),
            form=kept | dict(form),
            fields=[(name, LONGEST_ACCOUNT) for name in ACCOUNTS] + list(_NUMBERS.items()),
            months=month_choices(words, words.now, one.time_zone),
            year=[(str(month), month_name(words.t, f"-{month}").strip()) for month in range(1, 13)],
            wrong=said(words.t, wrong),
            notice=done(request, words.t, "settlement"),
        )


_TYPES: Final = {Form.PDF: PDF_TYPE, Form.XLSX: XLSX_TYPE}


def _accounts_of(form: Fields) -> Accounts:
    texts = {name: form.get(name, "").strip() for name in (*ACCOUNTS, *_NUMBERS)}
    digits, month = (_small(form.get(name, "")) for name in ("digits", "first_month"))
    return Accounts(**texts, digits=digits, first_month=month)


def _small(text: str) -> int:
    """A number of one or two digits; 0, which nothing allows, for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= len("12") else 0


def _period(words: Words, one: Listed) -> str:
    return month_name(words.t, one.period) if one.span is Span.MONTH else _day(words, one.period)


def _day(words: Words, text: str) -> str:
    return day(words, date.fromisoformat(text)) if text else ""
