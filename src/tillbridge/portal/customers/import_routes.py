"""The pages of an import: choose a file, say what its columns are, see what would happen, and let it happen."""

from collections.abc import Mapping, Sequence
from typing import Final

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.money import currency
from tillbridge.portal.customers.forms import amount
from tillbridge.portal.customers.importing import Checked, Choice, Imports, Preview, Upload
from tillbridge.portal.customers.mapping import DECIMALS, FIELDS, Field, Target, signed_minor
from tillbridge.portal.customers.places import place_for
from tillbridge.portal.customers.sheets import MOST_COLUMNS
from tillbridge.portal.locations.model import Location
from tillbridge.portal.pages.site import TOKEN, Form, Site, Visit
from tillbridge.portal.rights import Action
from tillbridge.web.going import see_other

MOST_SHOWN: Final = 100
"""Rows that cannot be read, on the page: whoever mends a file begins at its top."""

_MOST_FIELDS: Final = 5


class ImportPages:
    """The pages over one service."""

    def __init__(self, site: Site, imports: Imports) -> None:
        self._site = site
        self._imports = imports

    def routes(self) -> Sequence[BaseRoute]:
        """Every route. A file is taken by the one that begins with /customers/upload, and by no other."""
        site = self._site
        return [
            site.get("/customers/import/{location_id}/{target}", self.choose),
            Route("/customers/upload/{location_id}/{target}", self.upload, methods=["POST"]),
            site.get("/customers/file/{upload_id}", self.map),
            site.post("/customers/file/{upload_id}", self.check),
            site.post("/customers/file/{upload_id}/apply", self.apply),
        ]

    async def choose(self, request: Request, visit: Visit) -> Response:
        """The form for a file."""
        return await self._choose(request, visit, None)

    async def upload(self, request: Request) -> Response:
        """Takes a file. Who sends it and from which page is asked before anything of the file is looked at."""
        visit = await self._site.visit(request)
        target = _target(request)
        try:
            async with request.form(max_files=1, max_fields=_MOST_FIELDS) as form:
                token, sent = form.get(TOKEN), form.get("file")
                self._site.check_token(visit, token if isinstance(token, str) else None)
                if not isinstance(sent, UploadFile):
                    raise BridgeError(Code.FILE_UNREADABLE, "no file was sent", place="file")
                content, name = await sent.read(), sent.filename or ""
        except MultiPartException as error:
            raise BridgeError(Code.BODY_INVALID, "the form could not be read") from error
        place_id = request.path_params["location_id"]
        try:
            upload_id = await self._imports.upload(visit.person, place_id, target, name, content)
        except BridgeError as error:
            if error.code is not Code.FILE_UNREADABLE:
                raise
            return await self._choose(request, visit, error)
        return see_other(f"/customers/file/{upload_id}")

    async def map(self, request: Request, visit: Visit) -> Response:
        """The first rows, and what the columns probably are."""
        upload, place, preview = await self._imports.preview(visit.person, request.path_params["upload_id"])
        return await self._map(request, visit, (upload, place, preview), Choice(preview.columns, preview.decimal), None)

    async def check(self, request: Request, visit: Visit, form: Form) -> Response:
        """What the import would do; nothing is written."""
        upload, place, preview = await self._imports.preview(visit.person, request.path_params["upload_id"])
        choice = _choice(form, place)
        checked = await self._imports.check(visit.person, upload.id, choice)
        return await self._map(request, visit, (upload, place, preview), choice, checked)

    async def apply(self, request: Request, visit: Visit, form: Form) -> Response:
        """Imports the file."""
        upload, place = await self._imports.find(visit.person, request.path_params["upload_id"])
        await self._imports.apply(visit.person, upload.id, _choice(form, place))
        if upload.target is Target.V1:
            return see_other(f"/customers/bases/{place.id}?done=imported")
        return see_other("/customers?done=imported")

    async def _choose(self, request: Request, visit: Visit, problem: BridgeError | None) -> Response:
        async with self._site.house.database.reading() as connection:
            place = await place_for(connection, visit.person, request.path_params["location_id"], Action.EDIT)
        return await self._site.page(
            request,
            "customers/choose.html",
            visit=visit,
            status=400 if problem else 200,
            place=place,
            target=_target(request),
            problem=problem,
        )

    async def _map(
        self,
        request: Request,
        visit: Visit,
        file: tuple[Upload, Location, Preview],
        choice: Choice,
        checked: Checked | None,
    ) -> Response:
        upload, place, preview = file
        words = self._site.words(request, visit.person)
        balance = "" if checked is None else amount(words, checked.balance_minor, place.currency)
        return await self._site.page(
            request,
            "customers/map.html",
            visit=visit,
            upload=upload,
            place=place,
            preview=preview,
            choice=choice,
            columns=[(number, name or f"#{number + 1}") for number, name in enumerate(preview.head)],
            fields=FIELDS[upload.target],
            checked=checked,
            good="" if checked is None else words.count(len(checked.good)),
            bad="" if checked is None else words.count(len(checked.bad)),
            balance=balance,
            first_bad=[] if checked is None else checked.bad[:MOST_SHOWN],
            sent=_sent(choice),
        )


def _target(request: Request) -> Target:
    name = request.path_params["target"]
    if name not in set(Target):
        raise BridgeError(Code.PATH_UNKNOWN)
    return Target(name)


def _choice(form: Form, place: Location) -> Choice:
    columns: dict[Field, int] = {}
    for field in Field:
        chosen = form.get(f"column-{field}", "")
        if chosen:
            columns[field] = _column(chosen)
    decimal = form.get("decimal", "")
    if decimal not in DECIMALS:
        raise BridgeError(Code.FIELD_INVALID, "no decimal mark is chosen", place="decimal")
    declared = form.get("declared", "")
    minor = signed_minor(declared, decimal, currency(place.currency)) if declared else None
    if declared and minor is None:
        raise BridgeError(Code.FIELD_INVALID, "the sum of balances is no amount", place="declared")
    return Choice(columns, decimal, form.get("only_good") == "yes", minor)


def _column(text: str) -> int:
    if text.isascii() and text.isdigit() and len(text) <= len(str(MOST_COLUMNS)):
        return int(text)
    raise BridgeError(Code.FIELD_INVALID, "no such column", place="columns")


def _sent(choice: Choice) -> Mapping[str, str]:
    """The choice as hidden fields of the form that imports what was checked."""
    return {f"column-{field}": str(column) for field, column in choice.columns.items()} | {"decimal": choice.decimal}
