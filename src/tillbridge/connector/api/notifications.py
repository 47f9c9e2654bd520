"""What HiPay says by itself: `POST /v1/notifications/hipay`. Whoever knows the passphrase is HiPay; there is no key.

The signature is checked on the raw body before anything of it is read. What is said changes no outcome: it is kept, and
shown with its payment. docs/reference/upstream.md is the manual.
"""

from typing import Final

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tillbridge.connector.api.describing import NO_STORE
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.psp.hipay.notices import NoticeUnreadable
from tillbridge.psp.hipay.signatures import NOTIFICATION_HEADER, TERMINAL_HEADER, signed_with
from tillbridge.runtime.effects import Clock
from tillbridge.upstream.reports.desk import Reports

PATH: Final = "/notifications/hipay"

EACH_SECOND: Final = 20.0
"""Notifications that are looked at: a payment has a handful, and HiPay sends again what was not taken."""

AT_ONCE: Final = 200.0
"""More than that many at once are too many: what an outage at HiPay has held back may come in one go."""

log = structlog.get_logger(__name__)


class HipayNotifications:
    """The route, over the reports of a connector."""

    def __init__(self, reports: Reports, clock: Clock) -> None:
        self._reports = reports
        self._clock = clock
        self._left = AT_ONCE
        self._at = clock.monotonic()

    async def take(self, request: Request) -> Response:
        """Keeps a notification. Off, and as if it were not there, until a passphrase is set."""
        hipay = self._reports.settings.hipay
        if hipay is None or hipay.notification_passphrase is None:
            raise BridgeError(Code.PATH_UNKNOWN)
        if not self._may_come():
            raise BridgeError(Code.RATE_LIMITED, f"more than {EACH_SECOND:g} notifications a second")
        body = await request.body()
        signature = signed_with(
            body,
            hipay.notification_passphrase.get_secret_value(),
            notification=request.headers.getlist(NOTIFICATION_HEADER),
            terminal=request.headers.getlist(TERMINAL_HEADER),
            allowed=hipay.digests,
        )
        if signature is None:
            log.warning("notification_refused", size=len(body))
            raise BridgeError(Code.UNAUTHENTICATED, "the signature is missing or wrong")
        try:
            new = await self._reports.take_notice(request.headers.get("content-type", ""), body, signature)
        except NoticeUnreadable as error:
            raise BridgeError(Code.BODY_INVALID, str(error)) from None
        return JSONResponse({"kept": True, "new": new}, headers=NO_STORE)

    def _may_come(self) -> bool:
        now = self._clock.monotonic()
        self._left = min(AT_ONCE, self._left + (now - self._at) * EACH_SECOND)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
