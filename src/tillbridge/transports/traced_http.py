"""An HTTP client's session whose requests and answers the observer of `tap` sees.

A driver that speaks HTTP makes its session with `traced_session` in place of `aiohttp.ClientSession`; that is all it
has to do. Without an observer it is an ordinary session.
"""

from types import SimpleNamespace
from typing import Any

import aiohttp

from tillbridge.transports.tap import Direction, Observer, observer


def traced_session(**settings: Any) -> aiohttp.ClientSession:  # noqa: ANN401 - whatever aiohttp's session takes
    """A session with these settings. The observer is the one of the task that makes it."""
    looking = observer()
    if looking is None:
        return aiohttp.ClientSession(**settings)
    return aiohttp.ClientSession(trace_configs=[_shown_to(looking)], **settings)


def _shown_to(by: Observer) -> aiohttp.TraceConfig:
    async def asked(_: aiohttp.ClientSession, __: SimpleNamespace, said: aiohttp.TraceRequestStartParams) -> None:
        by(Direction.SENT, f"{said.method} {said.url}\n".encode())

    async def sent(_: aiohttp.ClientSession, __: SimpleNamespace, said: aiohttp.TraceRequestChunkSentParams) -> None:
        if said.chunk:
            by(Direction.SENT, said.chunk + b"\n")

    async def answered(_: aiohttp.ClientSession, __: SimpleNamespace, said: aiohttp.TraceRequestEndParams) -> None:
        by(Direction.RECEIVED, f"HTTP {said.response.status} {said.response.reason or ''}\n".encode())

    async def received(
        _: aiohttp.ClientSession, __: SimpleNamespace, said: aiohttp.TraceResponseChunkReceivedParams
    ) -> None:
        if said.chunk:
            by(Direction.RECEIVED, said.chunk)

    async def failed(_: aiohttp.ClientSession, __: SimpleNamespace, said: aiohttp.TraceRequestExceptionParams) -> None:
        # Its text may repeat the address with whatever stands in it; the kind of the failure says enough.
        by(Direction.RECEIVED, f"no answer: {type(said.exception).__name__}\n".encode())

    trace = aiohttp.TraceConfig()
    trace.on_request_start.append(asked)
    trace.on_request_chunk_sent.append(sent)
    trace.on_request_end.append(answered)
    trace.on_response_chunk_received.append(received)
    trace.on_request_exception.append(failed)
    return trace
