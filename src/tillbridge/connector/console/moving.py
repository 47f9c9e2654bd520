"""A terminal that has another address: a named person says where it is now."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tillbridge.connector.api.problems import as_bridge_error
from tillbridge.connector.console.gate import Gate
from tillbridge.connector.console.persons import Signed, read_signed
from tillbridge.connector.console.sessions import Session
from tillbridge.connector.console.site import Site
from tillbridge.connector.console.words import Words
from tillbridge.domain.cashier_refusals import refusal_text
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.protocols.moving import LONGEST_ADDRESS, Place
from tillbridge.runtime.sqlite import StorageUnavailable
from tillbridge.web.forms import read_form
from tillbridge.web.going import see_other


@dataclass(frozen=True, slots=True)
class Entered:
    """What stands in the form: a candidate that was chosen, or else an address that was written, and who says so."""

    chosen: str
    written: str
    signed: Signed

    @property
    def address(self) -> str:
        """The address that is meant."""
        return self.chosen or self.written


class Moving:
    """The question and its answer, under `/terminals/NAME/address`."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._moves = site.engine.moves

    def routes(self, gate: Gate) -> list[Route]:
        """Every page with its path."""
        path = "/terminals/{name}/address"
        return [gate.page(path, self.ask), gate.form(path, self.moved)]

    async def ask(self, request: Request, session: Session) -> Response:
        """Asks a person for the address, name and reason."""
        place = self._place(request)
        if place is None:
            return see_other("/terminals")
        return self._form(request, session, place, Entered("", "", Signed()))

    async def moved(self, request: Request, session: Session) -> Response:
        """Uses the address from now on. Sent twice it says the same twice."""
        place = self._place(request)
        if place is None:
            return see_other("/terminals")
        words = self._site.words(request)
        entered = read_entered(await read_form(request), words)
        if not entered.signed.wrong:
            wrong = await self._move(request, entered, words)
            if not wrong:
                return see_other("/terminals?notice=moved")
            entered = replace(entered, signed=replace(entered.signed, wrong=wrong))
        return self._form(request, session, place, entered)

    async def _move(self, request: Request, entered: Entered, words: Words) -> Mapping[str, str]:
        """What was wrong, by the name of the field; nothing where it has been done."""
        signed = entered.signed
        try:
            await self._moves.move(_name(request), entered.address, by=signed.by, reason=signed.reason)
        except (BridgeError, StorageUnavailable) as error:
            known = as_bridge_error(error)
            if known is None:
                raise
            if (known.code, known.place) == (Code.FIELD_INVALID, "address"):
                return {"address": words.t("error.address")}
            return {"form": refusal_text(known.code, words.t.language)}
        return {}

    def _place(self, request: Request) -> Place | None:
        return self._moves.places().get(_name(request))

    def _form(self, request: Request, session: Session, place: Place, entered: Entered) -> Response:
        return self._site.page(
            request,
            "address.html",
            session=session,
            status=HTTPStatus.UNPROCESSABLE_ENTITY if entered.signed.wrong else HTTPStatus.OK,
            name=_name(request),
            place=place,
            entered=entered,
            signed=entered.signed,
            longest=LONGEST_ADDRESS,
        )


def read_entered(form: Mapping[str, str], words: Words) -> Entered:
    """What was entered; nothing is wrong with what may go to the engine."""
    entered = Entered(form.get("candidate", ""), form.get("address", ""), read_signed(form, words))
    if entered.address:
        return entered
    wrong = {"address": words.t("error.address"), **entered.signed.wrong}
    return replace(entered, signed=replace(entered.signed, wrong=wrong))


def _name(request: Request) -> str:
    name: str = request.path_params["name"]
    return name
