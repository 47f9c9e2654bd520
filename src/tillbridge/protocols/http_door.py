"""What doors over HTTP have alike: their way through Starlette, and what a failure becomes there."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response

from tillbridge.web.asgi import Answer, App, Header, Message, Receive, Scope, Send, answer, line_of


class Silence(Response):
    """No answer at all: nobody is there to hear one."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends nothing."""


class Refusing(ABC):
    """ASGI middleware: whatever the paths raise becomes an answer of the wire, and the connection stays.

    Starlette's own handling of unexpected exceptions raises them again: the server would then drop the connection that
    the till means to use for its next payment.
    """

    def __init__(self, app: App) -> None:
        self._app = app

    @abstractmethod
    def refusal(self, error: Exception, scope: Scope) -> Answer:
        """What the till hears of this error."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request, as ASGI has it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # Starlette's router raises for unknown paths and methods only where an application is named.
        scope["app"] = self
        begun = False

        async def say(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, say)
        except Exception as error:
            if begun:
                raise
            await answer(send, self.refusal(error, scope))


def still_there(scope: Scope) -> bool:
    """Whether the client has not left, as far as the server can tell."""
    line = line_of(scope)
    return line is None or not line.is_closing()


def as_texts(headers: Sequence[Header]) -> dict[str, str]:
    """Headers as Starlette takes them."""
    return {name.decode(): value.decode() for name, value in headers}


def for_pages(app: App, origins: Sequence[str], allow_headers: Sequence[str]) -> App:
    """The application with what browsers ask before a page of one of these origins may use it; without any, itself."""
    if not origins:
        return app
    return CORSMiddleware(
        app,
        allow_origins=origins,
        allow_methods=("GET", "POST"),
        allow_headers=allow_headers,
        allow_private_network=True,
    )
