"""The console and the native interface as one ASGI application, with everything that stands before it."""

import ipaddress
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Final

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from tillbridge.connector.api.health import add_health
from tillbridge.connector.api.keys import KeyCheck, Keyring
from tillbridge.connector.api.metrics import CONTENT_TYPE, metrics_text
from tillbridge.connector.api.more_metrics import MoreMetrics, Surroundings
from tillbridge.connector.api.notifications import PATH as NOTIFICATIONS
from tillbridge.connector.api.notifications import HipayNotifications
from tillbridge.connector.api.problems import as_bridge_error, problem_response
from tillbridge.connector.api.report_metrics import ReportMetrics
from tillbridge.connector.api.routes import PREFIX, AddRoutes, api_app, bearer_key, client_address
from tillbridge.connector.api.scopes import Scope as KeyScope
from tillbridge.connector.api.traces import add_traces
from tillbridge.connector.console.acceptance import AcceptancePages
from tillbridge.connector.console.day_reports import PATH as DAY_REPORT
from tillbridge.connector.console.day_reports import DayReportPages
from tillbridge.connector.console.doors import DoorPages
from tillbridge.connector.console.gate import Gate
from tillbridge.connector.console.listing import Listing
from tillbridge.connector.console.moving import Moving
from tillbridge.connector.console.notifications import NotificationPages
from tillbridge.connector.console.pages import Pages
from tillbridge.connector.console.portal import PortalPages
from tillbridge.connector.console.receipts import ReceiptPages
from tillbridge.connector.console.reconciling import Reconciling
from tillbridge.connector.console.sessions import Sessions
from tillbridge.connector.console.site import Premises, Site
from tillbridge.connector.console.terminals import TerminalPages
from tillbridge.connector.console.tester import TesterPages
from tillbridge.connector.console.till import Till
from tillbridge.connector.console.tracing import TracePages
from tillbridge.connector.console.undelivered import Undelivered
from tillbridge.connector.console.vouchers import VoucherPages
from tillbridge.connector.settings import ConsoleSettings
from tillbridge.connector.wellbeing import Watch
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.outcome import MoneyMoved
from tillbridge.engine.engine import Engine
from tillbridge.protocols.contract import HostControl
from tillbridge.runtime.effects import Runtime
from tillbridge.runtime.logging import log_figures
from tillbridge.web.answered import Answered
from tillbridge.web.asgi import App
from tillbridge.web.guard import LoopbackGuard
from tillbridge.web.headers import SafeHeaders
from tillbridge.web.own_files import OwnFiles

LARGEST_BODY: Final = 64 * 1024
"""Bytes of a request's body: the largest form and the largest payment take two thousand."""

LARGEST_LIST: Final = 4 * 1024 * 1024
"""Bytes of a payment service's list of a day: some thousand lines of some hundred bytes."""

EVERY_ADDRESS: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104  # compared with, not listened on

log = structlog.get_logger(__name__)


def console_app(
    engine: Engine,
    host: HostControl,
    *,
    key: str,
    settings: ConsoleSettings,
    runtime: Runtime,
    premises: Premises,
    named_keys: Keyring | None = None,
) -> App:
    """The application to serve at `settings.host` and `settings.port`.

    `key` opens the native interface (as a Bearer token) and the console, `named_keys` the native interface alone.
    `BridgeError(SETTINGS_INVALID)` for a key that is short enough to be guessed.
    """
    keys = KeyCheck(key, runtime.clock, named_keys)
    site = Site(engine, host, keys, Sessions(runtime.clock, runtime.chance), settings, runtime, premises)
    watch = Watch(engine, host, runtime)
    notifications = HipayNotifications(premises.features.reports, runtime.clock)
    app = Starlette(
        routes=[
            Route("/healthz", _healthz(engine, host), methods=["GET"]),
            Route("/readyz", _readyz(watch), methods=["GET"]),
            Route("/metrics", _metrics(site, watch, open_to_all=_only_here(settings.host)), methods=["GET"]),
            Route(f"{PREFIX}{NOTIFICATIONS}", notifications.take, methods=["POST"]),
            Mount(PREFIX, app=api_app(engine, keys, runtime, host.version, _native(site, watch))),
            Mount("/static", app=OwnFiles("tillbridge.connector.console")),
            *_pages(site),
        ],
        exception_handlers=dict.fromkeys((BridgeError, HTTPException, Exception), _error_page(site)),
    )
    app.router.redirect_slashes = False
    hosts = (*settings.extra_hosts, *({settings.host} - EVERY_ADDRESS))
    return LoopbackGuard(SafeHeaders(Answered(app)), hosts=hosts, max_body=_largest)


def _pages(site: Site) -> list[Route]:
    """Every page of the console. The more particular path stands before the one that would take it for a number."""
    gate = Gate(site)
    parts = (
        Listing(site),
        Undelivered(site),
        Pages(site),
        Till(site),
        DayReportPages(site),
        Reconciling(site),
        Moving(site),
    )
    more = (ReceiptPages(site), DoorPages(site), TerminalPages(site), TesterPages(site), AcceptancePages(site))
    all_parts = (*parts, *more, VoucherPages(site), PortalPages(site), TracePages(site), NotificationPages(site))
    return [*gate.routes(), *(route for part in all_parts for route in part.routes(gate))]


def _healthz(engine: Engine, host: HostControl) -> Callable[[Request], Awaitable[Response]]:
    async def healthz(_: Request) -> Response:
        status = "journal_unavailable" if engine.figures.disk_failed else "ok"
        return JSONResponse({"status": status, "version": host.version})

    return healthz


def _native(site: Site, watch: Watch) -> list[AddRoutes]:
    """What the native interface has besides payments."""
    health_and_traces = (lambda app: add_health(app, watch), lambda app: add_traces(app, site.tracing))
    return [*site.premises.features.routes, *health_and_traces]


def _readyz(watch: Watch) -> Callable[[Request], Awaitable[Response]]:
    async def readyz(_: Request) -> Response:
        found = await watch.look()
        status = HTTPStatus.OK if found.ready else HTTPStatus.SERVICE_UNAVAILABLE
        # Nobody has shown a key: what is wrong is said, and not which terminals there are.
        troubles = sorted({one.trouble.value for one in found.obstacles})
        return JSONResponse({"ready": found.ready, "troubles": troubles}, status)

    return readyz


def _metrics(site: Site, watch: Watch, *, open_to_all: bool) -> Callable[[Request], Awaitable[Response]]:
    async def metrics(request: Request) -> Response:
        if not open_to_all:
            site.keys.grant(bearer_key(request), client_address(request)).require(KeyScope.READ)
        link = site.premises.features.portal.standing()
        around = Surroundings(await watch.look(), link, log_figures(), site.tracing.running)
        reports = ReportMetrics(site.premises.features.reports.receivers())
        text = await metrics_text(site.engine, site.host.version, MoreMetrics(around), reports)
        return Response(text, media_type=CONTENT_TYPE)

    return metrics


def _largest(path: str) -> int:
    return LARGEST_LIST if path == DAY_REPORT else LARGEST_BODY


def _only_here(host: str) -> bool:
    """Whether nobody but this computer reaches this address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _error_page(site: Site) -> Callable[[Request, Exception], Awaitable[Response]]:
    """Errors as a page for people, and as a problem for programs that ask for something else."""

    async def show(request: Request, error: Exception) -> Response:
        known, trace = as_bridge_error(error), None
        if known is None:
            known, trace = BridgeError(Code.INTERNAL), site.runtime.ids.new()
            log.error("request_fault", trace_id=trace, path=request.url.path, exc_info=error)
        if "text/html" not in request.headers.get("accept", ""):
            moved = MoneyMoved.NO if trace is None else MoneyMoved.UNKNOWN
            return problem_response(known, moved, trace)
        answer = site.page(
            request,
            "error.html",
            session=site.session(request),
            status=known.entry.status,
            kind=_KINDS.get(known.entry.status, "refused"),
            trace=trace,
        )
        if isinstance(error, HTTPException):
            answer.headers.update(error.headers or {})
        return answer

    return show


_KINDS: Final[Mapping[int, str]] = {
    HTTPStatus.NOT_FOUND: "unknown",
    HTTPStatus.METHOD_NOT_ALLOWED: "unknown",
    HTTPStatus.FORBIDDEN: "form",
    HTTPStatus.SERVICE_UNAVAILABLE: "journal",
    HTTPStatus.INTERNAL_SERVER_ERROR: "fault",
}
"""Which text an error page shows, by the status; `refused` for the rest."""
