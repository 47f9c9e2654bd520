"""Whom payments are reported to, and what became of it. docs/reference/upstream.md is the manual."""

import hashlib
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import FastAPI, Query, Request, Response

from tillbridge.connector.api.describing import Route, json_answer
from tillbridge.connector.api.headers import IdempotencyKey
from tillbridge.connector.api.payments import LONGEST_ID, PREFIX
from tillbridge.connector.api.scopes import Scope, granted
from tillbridge.connector.api.upstream_resources import (
    NoticeResource,
    PaymentReportsResource,
    ReceiverResource,
    ReportResource,
    ReportsResource,
    UpstreamResource,
)
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.upstream.reports.desk import Reports
from tillbridge.upstream.reports.reading import LARGEST_ID, PAGE_LIMIT
from tillbridge.upstream.reports.records import MessageState
from tillbridge.upstream.write_keys import WriteKey

TAG: Final = "upstream"
USUAL_PAGE: Final = 50

_LOOK: Final = (Scope.READ, Scope.ADMIN)
_CHANGE: Final = (Scope.ADMIN,)
_ONE: Final = (Code.RECEIVER_UNKNOWN,)
_PAYMENT: Final = (Code.PAYMENT_UNKNOWN,)
_WRITING: Final = (Code.FIELD_INVALID, Code.KEY_REQUIRED, Code.KEY_CONFLICT, Code.JOURNAL_UNAVAILABLE)
_AGAIN: Final[dict[int | str, dict[str, Any]]] = {
    HTTPStatus.ACCEPTED: {"model": ReportResource, "description": "It will be sent."}
}

_State = Annotated[MessageState, Query(description="Which messages: waiting, sent, or dead.")]
_Before = Annotated[int | None, Query(ge=1, le=LARGEST_ID, description="The last id of a page.")]
_Limit = Annotated[int, Query(ge=1, le=PAGE_LIMIT)]


class _Upstream:
    """The routes' functions, over the reports of a connector."""

    def __init__(self, reports: Reports) -> None:
        self._reports = reports

    async def every(self) -> Response:
        """Every receiver of the settings, how it stands, what waits for it and for how long."""
        found = tuple(map(ReceiverResource.of, self._reports.receivers()))
        return json_answer(UpstreamResource(wait_seconds=self._reports.settings.wait, receivers=found))

    async def messages(
        self, receiver: str, state: _State = MessageState.DEAD, before: _Before = None, limit: _Limit = USUAL_PAGE
    ) -> Response:
        """A receiver's messages in one state, newest first; dead ones unless another state is asked for."""
        wanted = receiver[:LONGEST_ID]
        found = self._reports.messages(wanted, state, before, limit)
        path = f"{PREFIX}/upstream/{wanted}/messages?state={state}"
        older = f"{path}&before={found[-1].id}&limit={limit}" if len(found) == limit else None
        return json_answer(ReportsResource(messages=tuple(map(ReportResource.of, found)), next=older))

    async def replay(
        self, request: Request, receiver: str, message_id: str, idempotency_key: IdempotencyKey
    ) -> Response:
        """Sends a message again, whatever became of it, under the same name. HiPay is asked first whether it has it."""
        wanted = receiver[:LONGEST_ID]
        key = replay_key(granted(request).caller, idempotency_key, wanted, message_id[:LONGEST_ID])
        message = await self._reports.replay(wanted, _number(message_id), key)
        waits = message.state is MessageState.WAITING
        return json_answer(ReportResource.of(message), HTTPStatus.ACCEPTED if waits else HTTPStatus.OK)

    async def of_payment(self, payment_id: str) -> Response:
        """What receivers were told of a payment, and what HiPay said of it by itself."""
        wanted = payment_id[:LONGEST_ID]
        if self._reports.reading.payment(wanted) is None:
            raise BridgeError(Code.PAYMENT_UNKNOWN)
        messages = tuple(map(ReportResource.of, self._reports.of_payment(wanted)))
        notices = tuple(map(NoticeResource.of, self._reports.notices(wanted)))
        return json_answer(PaymentReportsResource(messages=messages, notices=notices))


def add_upstream(app: FastAPI, reports: Reports) -> None:
    """Adds the routes under `/upstream`, and the reports of a payment."""
    of = _Upstream(reports)
    every, messages = "/upstream", "/upstream/{receiver}/messages"
    again, one = f"{messages}/{{message_id}}/replay", "/payments/{payment_id}/reports"
    paging, sending = (*_ONE, Code.FIELD_INVALID), (*_WRITING, *_ONE)
    for route in (
        Route("GET", every, of.every, "list_receivers", "List receivers", TAG, UpstreamResource, (), _LOOK),
        Route("GET", messages, of.messages, "list_reports", "See messages", TAG, ReportsResource, paging, _LOOK),
        Route(
            "POST", again, of.replay, "replay_report", "Send it again", TAG, ReportResource, sending, _CHANGE, _AGAIN
        ),
        Route(
            "GET",
            one,
            of.of_payment,
            "list_payment_reports",
            "See reports",
            TAG,
            PaymentReportsResource,
            _PAYMENT,
            _LOOK,
        ),
    ):
        route.add_to(app)


def replay_key(caller: str, key: str, *meaning: str) -> WriteKey:
    """The key of a replay: what it means stands in its path."""
    fingerprint = hashlib.sha256("\0".join(("replay_report", *meaning)).encode()).hexdigest()
    return WriteKey(caller, key, fingerprint)


def _number(message_id: str) -> int:
    """The number that a message goes by; whatever is none names no message."""
    if not (message_id.isascii() and message_id.isdigit() and len(message_id) < len(str(LARGEST_ID))):
        raise BridgeError(Code.RECEIVER_UNKNOWN, "there is no such message")
    return int(message_id)
