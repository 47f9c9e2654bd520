"""The sandbox put together: programs come in below /vouchers, people everywhere else."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.virtual.voucher_provider.books import Books
from tillbridge.virtual.voucher_provider.faults import Asked, Faults
from tillbridge.virtual.voucher_provider.form import Form
from tillbridge.virtual.voucher_provider.page import Page
from tillbridge.web.answered import Answered
from tillbridge.web.asgi import App
from tillbridge.web.guard import LoopbackGuard
from tillbridge.web.headers import SafeHeaders
from tillbridge.web.listening import BoundAddress
from tillbridge.web.own_files import OwnFiles
from tillbridge.web.serving import serve_asgi

PORT: Final = 8590
LARGEST_BODY: Final = 64 * 1024


@dataclass(slots=True)
class Sandbox:
    """A provider that is not there. `heard` counts what it was asked, refusals included."""

    books: Books
    key: str
    faults: Faults = field(default_factory=Faults)
    heard: dict[Asked, int] = field(default_factory=dict)

    def app(self, hosts: Iterable[str] = ()) -> App:
        """The application to serve; `hosts` are names besides localhost under which it is addressed."""
        form, page = Form(self.books, self.faults, self.key, self.heard), Page(self.books, self.faults)
        inside = Starlette(
            routes=[
                *form.routes(),
                Mount("/static", app=OwnFiles("tillbridge.virtual.voucher_provider")),
                *page.routes(),
            ],
            exception_handlers={BridgeError: _wrong},
        )
        inside.router.redirect_slashes = False
        return LoopbackGuard(SafeHeaders(Answered(inside)), hosts=hosts, max_body=LARGEST_BODY)


async def _wrong(_: Request, error: Exception) -> Response:
    known = error if isinstance(error, BridgeError) else BridgeError(Code.INTERNAL)
    return JSONResponse({"message": known.detail or known.entry.title}, status_code=known.entry.status)


async def serve(one: Sandbox, host: str, port: int, on_ready: Callable[[BoundAddress], None]) -> None:
    """Serves until cancelled; see `serve_asgi`."""
    await serve_asgi(one.app(), host, port, on_ready)
