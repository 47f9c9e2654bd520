"""The portal: one process of it. This is the composition, which knows every feature."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any, Final

import structlog
from fastapi import FastAPI
from sqlalchemy import text
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from tillbridge.domain.cashier_texts import Language
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.audit.log import AuditLog
from tillbridge.portal.feature import Feature, Job
from tillbridge.portal.house import House
from tillbridge.portal.keys.resealing import check_sealed
from tillbridge.portal.mail.post import Post
from tillbridge.portal.pages.site import Doorkeeper, Site
from tillbridge.portal.problems import api_handlers, page_handlers
from tillbridge.portal.settings import ListenSettings, PortalSettings
from tillbridge.portal.storage.database import open_database
from tillbridge.portal.storage.keys_proof import check_keys
from tillbridge.portal.storage.migrating import check_current
from tillbridge.portal.vault import open_vault
from tillbridge.runtime.effects import Runtime
from tillbridge.web.answered import Answered
from tillbridge.web.asgi import App
from tillbridge.web.going import own_path, see_other
from tillbridge.web.guard import LoopbackGuard
from tillbridge.web.headers import SafeHeaders
from tillbridge.web.language import COOKIE, COOKIE_SECONDS
from tillbridge.web.own_files import OwnFiles
from tillbridge.web.serving import BoundAddress, Lines, serve_asgi

PREFIX: Final = "/v1"

LARGEST_BODY: Final = 64 * 1024
"""Bytes of a request's body: the largest form takes a few thousand."""

LARGEST_UPLOAD: Final = 32 * 1024 * 1024
"""Bytes of a file that is uploaded: a customer base of 100,000 rows takes about a third of it."""

UPLOADS: Final = "/customers/upload"
"""Paths that begin so take files; all others are held to the small limit."""

PICTURES: Final = "/vouchers/test-code/picture"
"""The path that takes a photograph of a card, which is looked at and forgotten."""

DESIGNS: Final = "/shops/designs/"
"""Paths that begin so take the picture of a voucher's design."""

LARGEST_PICTURE: Final = 8 * 1024 * 1024 + 64 * 1024
"""Bytes of a form with a picture of 8 MiB in it."""

MOST_LINES: Final = 8192
"""Open connections of one process: 5,000 connectors with their lasting one, and people besides."""

LONGEST_MESSAGE: Final = 64 * 1024
"""Bytes of a message on a connector's lasting connection: a heartbeat of 200 stations takes half of it."""

AGAIN_SECONDS: Final = 5.0
"""A pause before a job of the background begins anew after a fault."""

REFUSAL: Final[dict[str, Any]] = {
    "description": "Refused, with a code of the catalogue (RFC 9457)",
    "content": {
        "application/problem+json": {
            "schema": {
                "type": "object",
                "required": ["type", "title", "status", "code", "cashier_text", "final"],
                "properties": {
                    **{name: {"type": "string"} for name in ("type", "title", "code", "number", "detail", "place")},
                    "status": {"type": "integer"},
                    "cashier_text": {"type": "string"},
                    "final": {"type": "boolean"},
                },
            }
        }
    },
}
"""How every route says no, as the interface's own document has it."""

log = structlog.get_logger(__name__)


@asynccontextmanager
async def open_house(settings: PortalSettings, runtime: Runtime) -> AsyncIterator[House]:
    """What every feature needs, for these settings.

    `BridgeError` if the database must be migrated first, or was written with other keys than those of the folder.
    """
    vault = open_vault(settings.data)
    async with open_database(settings) as database:
        await check_current(database)
        await check_keys(database, vault, settings.data)
        await check_sealed(database, vault, settings.data)
        yield House(settings, database, vault, runtime, AuditLog(runtime), Post(runtime, vault))


def portal_app(house: House, doorkeeper: Doorkeeper, features: Sequence[Feature]) -> App:
    """The application to serve."""
    menu = [entry for feature in features for entry in feature.menu]
    banners = [banner for feature in features for banner in feature.banners]
    site = Site(house, doorkeeper, menu, banners, version("tillbridge"))
    app = Starlette(
        routes=[
            Route("/healthz", _healthz(house), methods=["GET"]),
            Route("/language/{language}", _language, methods=["GET"]),
            Mount("/static", app=OwnFiles("tillbridge.portal.pages")),
            *(route for feature in features for route in feature.sockets),
            Mount(PREFIX, app=api_app(house, features)),
            *(route for feature in features for route in feature.pages(site)),
        ],
        exception_handlers=page_handlers(site),
    )
    app.router.redirect_slashes = False
    settings = house.settings
    inner: App = Answered(app)
    for feature in features:
        inner = feature.ahead(inner)
    return LoopbackGuard(
        SafeHeaders(inner),
        hosts=settings.hosts,
        origins=settings.addresses,
        max_body=_largest,
        websockets=True,
    )


def _largest(path: str) -> int:
    if path.startswith(UPLOADS):
        return LARGEST_UPLOAD
    return LARGEST_PICTURE if path == PICTURES or path.startswith(DESIGNS) else LARGEST_BODY


def api_app(house: House, features: Sequence[Feature]) -> FastAPI:
    """The HTTP interface for programs."""
    api = FastAPI(
        title="tillbridge portal",
        version=version("tillbridge"),
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        exception_handlers=api_handlers(house.runtime),
        responses={"default": REFUSAL},
    )
    for feature in features:
        if feature.api is not None:
            api.include_router(feature.api)
    return api


async def serve_portal(
    app: App, house: House, features: Sequence[Feature], on_ready: Callable[[BoundAddress], None] = lambda _: None
) -> None:
    """Serves until cancelled, and does the jobs of the background meanwhile."""
    listen = house.settings.listen
    check_certificate(listen)
    for feature in features:
        for opening in feature.openings:
            await opening()
    lines = Lines(MOST_LINES, LONGEST_MESSAGE, listen.certificate, listen.key)
    async with asyncio.TaskGroup() as group:
        jobs = [group.create_task(_keep_on(job)) for feature in features for job in feature.jobs]
        try:
            await serve_asgi(app, listen.host, listen.port, on_ready, lines=lines)
        finally:
            for job in jobs:
                job.cancel()


def check_certificate(listen: ListenSettings) -> None:
    """Nothing if the files for TLS can be used; `BridgeError(SETTINGS_INVALID)` names what is wrong with them."""
    if listen.certificate is None or listen.key is None:
        return
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        for path in (listen.certificate, listen.key):
            path.open("rb").close()
        context.load_cert_chain(listen.certificate, listen.key, password=_no_password)
    except ssl.SSLError as error:
        said = f"{listen.certificate} and {listen.key} are no certificate with its key: {error.reason or 'unreadable'}"
        raise BridgeError(Code.SETTINGS_INVALID, said, place="listen.certificate") from None
    except OSError as error:
        said = f"{error.filename} cannot be read: {error.strerror}"
        raise BridgeError(Code.SETTINGS_INVALID, said, place="listen.certificate") from None


def _no_password() -> str:
    # Else OpenSSL would ask for one at the terminal, where nobody sits when a service starts.
    said = "the key has a password: write it without one, readable only to the portal's own user"
    raise BridgeError(Code.SETTINGS_INVALID, said, place="listen.key")


async def _keep_on(job: Job) -> None:
    while True:
        try:
            await job()
        except Exception as error:
            name, known = getattr(job, "__qualname__", ""), _known(error)
            if known is None:
                log.exception("job_fault", job=name)
            else:
                log.warning("job_waits", job=name, code=known.code.value)
        await asyncio.sleep(AGAIN_SECONDS)


def _known(error: BaseException) -> BridgeError | None:
    """The error of the catalogue that ended a job, alone or in each of the tasks that it had; None for a fault."""
    match error:
        case BridgeError():
            return error
        case BaseExceptionGroup():
            found = [_known(one) for one in error.exceptions]
            return None if None in found else found[0]
        case _:
            return None


def _healthz(house: House) -> Callable[[Request], object]:
    async def healthz(_: Request) -> Response:
        """Whether this process answers and its database does. It needs no token and tells nothing else."""
        try:
            async with house.database.reading() as connection:
                await connection.execute(text("select 1"))
        except BridgeError as error:
            return JSONResponse({"status": error.code.value}, error.entry.status)
        return JSONResponse({"status": "ok", "version": version("tillbridge")})

    return healthz


async def _language(request: Request) -> Response:
    chosen = request.path_params["language"]
    if chosen not in set(Language):
        raise BridgeError(Code.PATH_UNKNOWN)
    answer = see_other(own_path(request.query_params.get("back")))
    answer.set_cookie(COOKIE, chosen, max_age=COOKIE_SECONDS, samesite="lax", path="/")
    return answer
