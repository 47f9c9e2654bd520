"""Keeps an answered fault away from the server."""

import structlog

from tillbridge.web.asgi import App, Receive, Scope, Send

log = structlog.get_logger(__name__)


class Answered:
    """Keeps a fault that the application has already answered and logged away from the server's own handling."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request, as ASGI has it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            await self._app(scope, receive, send)
        except Exception as error:  # noqa: BLE001  # the framework raises it again after its handler has answered
            log.debug("fault_answered", path=scope["path"], type=type(error).__name__)
