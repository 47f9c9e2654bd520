"""The pages of the provider's small console: what a person sees of the sandbox. Without any script."""

from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from tillbridge.psp.hipay.sandbox.console_views import (
    facts,
    fault_rows,
    message_row,
    notice_row,
    offers,
    status_badge,
    step_row,
    transaction_row,
)
from tillbridge.psp.hipay.sandbox.model import Mode, Transaction
from tillbridge.psp.hipay.sandbox.provider import Provider
from tillbridge.psp.hipay.sandbox.refusals import GatewayRefusal
from tillbridge.psp.hipay.sandbox.showing import page_of, show, words_of

PAGE_ROWS: Final = 50
"""Rows on a page: about two screens."""

STEPS_SHOWN: Final = 100
NOTICES_SHOWN: Final = 20
LONGEST_TEXT: Final = 100

NOTICES: Final = frozenset({"done", "nothing", "again", "switched", "waiting"})
"""What a page may say about the form that led to it."""


def notice_of(request: Request) -> str | None:
    """What the last form has done, as the address says."""
    text = request.query_params.get("notice")
    return text if text in NOTICES else None


class Pages:
    """The pages of one sandbox."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._store = provider.store

    async def transactions(self, request: Request) -> Response:
        """The transactions, the newest first."""
        words, before = words_of(request, self._provider), page_of(request)
        wish = request.query_params.get("q", "").strip()[:LONGEST_TEXT]
        found = self._store.page(before, PAGE_ROWS, wish)
        return show(
            request,
            words,
            "transactions.html",
            rows=[transaction_row(one, words) for one in found],
            wish=wish,
            newest=before is None,
            older=found[-1].seq if len(found) == PAGE_ROWS else None,
            count=words.count(self._store.count()),
            login=self._provider.credentials.login,
            notice=notice_of(request),
        )

    async def transaction(self, request: Request) -> Response:
        """One transaction."""
        return self.of(request, self._provider.known(request.path_params["reference"]))

    def of(self, request: Request, one: Transaction, refusal: GatewayRefusal | None = None) -> Response:
        """The page of a transaction; with what was refused, where a form has led here."""
        words = words_of(request, self._provider)
        return show(
            request,
            words,
            "transaction.html",
            HTTPStatus.OK if refusal is None else refusal.http_status,
            reference=one.reference,
            order_id=one.order_id,
            hosted=one.mode is Mode.HOSTED,
            state=status_badge(one.status, words),
            facts=facts(one, words),
            steps=[step_row(passed, one, words) for passed in self._store.steps(one.reference, STEPS_SHOWN)],
            notices=[notice_row(each, words) for each in self._store.notices(None, NOTICES_SHOWN, one.reference)],
            offers=offers(one, words),
            refusal=refusal,
            notice=notice_of(request) if refusal is None else None,
        )

    async def notices(self, request: Request) -> Response:
        """The notifications, the newest first."""
        words, before = words_of(request, self._provider), page_of(request)
        found = self._store.notices(before, PAGE_ROWS)
        return show(
            request,
            words,
            "notices.html",
            rows=[notice_row(one, words) for one in found],
            target=self._provider.sender.target,
            newest=before is None,
            older=found[-1].seq if len(found) == PAGE_ROWS else None,
            notice=notice_of(request),
        )

    async def messages(self, request: Request) -> Response:
        """What our own receiver was told, and the acquirer's side."""
        words, before = words_of(request, self._provider), page_of(request)
        found = self._store.messages(before, PAGE_ROWS)
        entered = {name: request.query_params.get(name, "")[:LONGEST_TEXT] for name in ("order_id", "mid")}
        return show(
            request,
            words,
            "messages.html",
            rows=[message_row(one, words) for one in found],
            entered=entered,
            newest=before is None,
            older=found[-1].seq if len(found) == PAGE_ROWS else None,
            notice=notice_of(request),
        )

    async def faults(self, request: Request) -> Response:
        """The switches."""
        words = words_of(request, self._provider)
        rows = fault_rows(self._provider.faults.on, words)
        return show(request, words, "faults.html", rows=rows, notice=notice_of(request))
