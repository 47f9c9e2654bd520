"""The pages on which a batch is written out: a link that is good once."""

from datetime import timedelta

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.customers.routes import file
from tillbridge.portal.pages.site import Form, Site, Visit
from tillbridge.portal.printing.export_links import LASTS, ExportLinks
from tillbridge.portal.vouchers.batches_exporting import BatchExports
from tillbridge.portal.vouchers.batches_exporting import Form as FileForm
from tillbridge.portal.vouchers.batches_service import Batches
from tillbridge.portal.vouchers.pages_systems import PATH


class ExportPages:
    """Gives links, and their files."""

    def __init__(self, site: Site, batches: Batches) -> None:
        self._site = site
        self._batches = batches
        self._exports = BatchExports(site.house, batches)
        self._links = ExportLinks(site.house, batches, self._exports)

    def routes(self) -> list[BaseRoute]:
        """Every page of it."""
        site, one = self._site, f"{PATH}/batches/{{batch_id}}"
        return [
            site.get(f"{one}/pins", self.ask_pins),
            site.post(f"{one}/export.csv", self.export_csv),
            site.post(f"{one}/export.xlsx", self.export_xlsx),
            site.get(f"{PATH}/export", self.fetch),
        ]

    async def ask_pins(self, request: Request, visit: Visit) -> Response:
        """Says what a file with PINs is; whoever lacks the fresh proof goes for it first."""
        seen = await self._batches.seen(visit.person, request.path_params["batch_id"])
        self._exports.require(visit.person, pins=True)
        return await self._site.page(request, "vouchers/pins.html", visit=visit, batch=seen.counted.batch)

    async def export_csv(self, request: Request, visit: Visit, form: Form) -> Response:
        """A link to the batch as CSV."""
        return await self._link(request, visit, form, FileForm.CSV)

    async def export_xlsx(self, request: Request, visit: Visit, form: Form) -> Response:
        """A link to the batch as a workbook."""
        return await self._link(request, visit, form, FileForm.XLSX)

    async def fetch(self, request: Request, visit: Visit) -> Response:
        """The file of a link; a page that says so where it leads nowhere any more."""
        secret = request.query_params.get("link", "")
        try:
            exported = await self._links.fetch(visit.person, secret, self._site.words(request, visit.person).t)
        except BridgeError as error:
            if error.code is not Code.RECORD_UNKNOWN:
                raise
            minutes = LASTS // timedelta(minutes=1)
            return await self._site.page(
                request, "printing/export_over.html", visit=visit, status=error.entry.status, minutes=minutes
            )
        return file(exported.content, exported.media_type, exported.name)

    async def _link(self, request: Request, visit: Visit, form: Form, as_what: FileForm) -> Response:
        pins = form.get("pins") == "yes"
        made = await self._links.make(visit.person, request.path_params["batch_id"], as_what, pins=pins)
        words = self._site.words(request, visit.person)
        return await self._site.page(
            request,
            "printing/export.html",
            visit=visit,
            made=made,
            minutes=LASTS // timedelta(minutes=1),
            until=words.moment(made.ends_at),
        )
