"""What other makers' providers owe for a day, as a list and as a table to download."""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tillbridge.connector.console import spreadsheet
from tillbridge.connector.console.gate import Gate
from tillbridge.connector.console.sessions import Session
from tillbridge.connector.console.site import Site
from tillbridge.connector.console.voucher_views import action_row
from tillbridge.connector.console.words import Words
from tillbridge.connector.vouchers.model import Action
from tillbridge.connector.vouchers.providers.report import ClaimDay
from tillbridge.domain.errors import BridgeError
from tillbridge.domain.money import Money, currency

PATH: Final = "/vouchers/claims"
COLUMNS: Final = (
    *("time", "prefix", "provider", "number", "receipt", "station", "operator", "state"),
    *("asked", "taken", "currency", "key", "said"),
)


class ClaimPages:
    """The list of a day, and its table."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._claims = site.premises.features.claims

    def routes(self, gate: Gate) -> list[Route]:
        """Both; they have to stand before the page of one action by its key."""
        return [gate.page(PATH, self.page), gate.page(f"{PATH}.csv", self.download)]

    async def page(self, request: Request, session: Session) -> Response:
        """The claims of the day that was entered, else of today."""
        words = self._site.words(request)
        found, wrong = await self._of(request)
        return self._site.page(
            request,
            "voucher_claims.html",
            session=session,
            entered=found.day,
            wrong=wrong,
            sums=[(one, words.amount(one.owed)) for one in found.sums],
            actions=[(action_row(one, one.case, words), one.claim.name if one.claim else "") for one in found.actions],
        )

    async def download(self, request: Request, _: Session) -> Response:
        """The same as a table."""
        words = self._site.words(request)
        found, _wrong = await self._of(request)
        return Response(
            claims_table(found, words),
            media_type=spreadsheet.MEDIA_TYPE,
            headers={"Content-Disposition": f'attachment; filename="voucher-claims-{found.day}.csv"'},
        )

    async def _of(self, request: Request) -> tuple[ClaimDay, bool]:
        entered = request.query_params.get("day", "").strip()[:20] or None
        try:
            return await self._claims.of_day(entered), False
        except BridgeError:
            return await self._claims.of_day(None), True


def claims_table(found: ClaimDay, words: Words) -> str:
    """The head and every payment; a cell is never taken for a formula."""
    head = [words.t(f"vouchers.claims.csv.{name}") for name in COLUMNS]
    cells = [[spreadsheet.safe(cell) for cell in _row(one, words)] for one in found.actions]
    return spreadsheet.MARK + spreadsheet.lines(words, [head, *cells])


def _row(one: Action, words: Words) -> list[str]:
    prefix, name, said = ("", "", "") if one.claim is None else (one.claim.prefix, one.claim.name, one.claim.said)
    at = one.begun_at.astimezone(words.zone).strftime("%Y-%m-%d %H:%M:%S")
    state = words.t(f"vouchers.state.{one.state}")
    who = [one.masked, one.receipt, one.station, one.operator, state]
    amounts = [_major(one, minor, words) for minor in (one.amount, one.taken)]
    return [at, prefix, name, *who, *amounts, one.currency, one.key, said]


def _major(one: Action, minor: int | None, words: Words) -> str:
    return "" if minor is None else Money(minor, currency(one.currency)).major(words.t("format.decimal"))
