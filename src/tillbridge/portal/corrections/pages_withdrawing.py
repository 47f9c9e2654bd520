"""The page on which unused codes of a batch are taken back."""

from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from tillbridge.domain.errors import BridgeError
from tillbridge.portal.corrections.withdrawing import Withdrawals
from tillbridge.portal.pages.site import Form, Site, Visit
from tillbridge.portal.rights import Action, Area
from tillbridge.portal.vouchers.batches_model import LONGEST_REASON
from tillbridge.portal.vouchers.batches_service import Batches
from tillbridge.portal.vouchers.pages_forms import WRONG_RANGE, Wrong, wrong_of
from tillbridge.portal.vouchers.pages_systems import PATH, badges, said
from tillbridge.web.going import see_other

_WRONG: Final = {**WRONG_RANGE, "reason": "vouchers.wrong.reason"}


class WithdrawalPages:
    """Takes back codes that nobody has used."""

    def __init__(self, site: Site, batches: Batches, withdrawals: Withdrawals) -> None:
        self._site = site
        self._batches = batches
        self._withdrawals = withdrawals

    def routes(self) -> list[BaseRoute]:
        """Every page of it."""
        path = f"{PATH}/batches/{{batch_id}}/withdraw"
        return [self._site.get(path, self.ask), self._site.post(path, self.withdraw)]

    async def ask(self, request: Request, visit: Visit) -> Response:
        """Says what it means, and asks for it."""
        return await self._form(request, visit, {}, {})

    async def withdraw(self, request: Request, visit: Visit, form: Form) -> Response:
        """Does it."""
        batch_id = request.path_params["batch_id"]
        first, last, reason = (form.get(name, "") for name in ("first", "last", "reason"))
        try:
            withdrawn = await self._withdrawals.withdraw(visit.person, batch_id, first, last, reason)
        except BridgeError as error:
            return await self._form(request, visit, form, wrong_of(error, _WRONG))
        return see_other(f"{PATH}/batches/{batch_id}?done={'withdrawn' if withdrawn else 'none_withdrawn'}")

    async def _form(self, request: Request, visit: Visit, form: Form, wrong: Wrong) -> Response:
        person = visit.person
        seen = await self._batches.seen(person, request.path_params["batch_id"])
        person.require(Area.VOUCHER_CODES, Action.EDIT)
        person.require_step_up(self._site.house.runtime.clock.now())
        words, counted = self._site.words(request, person), seen.counted
        return await self._site.page(
            request,
            "corrections/withdraw.html",
            visit=visit,
            status=HTTPStatus.BAD_REQUEST if wrong else HTTPStatus.OK,
            batch=counted.batch,
            states=badges(words, counted.vouchers),
            form=form,
            wrong=said(words.t, wrong),
            longest_reason=LONGEST_REASON,
        )
