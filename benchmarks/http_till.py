"""A till that speaks HTTP over one plain socket: what it measures is the server's time, hardly its own."""

import json
import socket
from base64 import b64encode
from dataclasses import dataclass
from time import monotonic_ns
from typing import Any, Final, Self

LOGIN: Final = "log"
PASSWORD: Final = "pwd"  # noqa: S105 - it guards a terminal that takes no money
TIMEOUT: Final = 30.0


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer, and the moments (nanoseconds of the system's monotonic clock) of the request and of its last byte."""

    status: int
    body: bytes
    asked: int
    answered: int

    @property
    def seconds(self) -> float:
        """From the first byte sent to the last one received."""
        return (self.answered - self.asked) / 1e9


class HttpTill:
    """One connection, kept open. `pieces` is in how many writes a request goes out: 1, or head and body apart.

    `nagle` leaves the kernel's default on, under which the second write waits for the first one to be acknowledged.
    `authorization` is the header's whole value; without it the login of the HiPay door.
    """

    def __init__(self, port: int, *, pieces: int = 1, nagle: bool = False, authorization: str = "") -> None:
        self._port = port
        self._pieces = pieces
        self._nagle = nagle
        self._authorization = authorization or f"Basic {b64encode(f'{LOGIN}:{PASSWORD}'.encode()).decode()}"
        self._socket: socket.socket | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.hang_up()

    def hang_up(self) -> None:
        """Closes the connection; the next request opens a new one."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def post(self, path: str, body: bytes = b"", **headers: str) -> Answered:
        """One request and its answer; the time includes the opening of a connection that is not open.

        `headers` are more of them, with _ for the hyphens of their names.
        """
        head, asked = self._head(path, body, headers), monotonic_ns()
        line = self._socket or self._connect()
        if self._pieces == 1:
            line.sendall(head + body)
        else:
            line.sendall(head)
            line.sendall(body)
        return _answer(line, asked)

    def order(self, number: int) -> Answered:
        """One payment; RuntimeError unless it is approved."""
        order = {"amount": f"{10 + number % 50}.25", "currency": "EUR", "order_id": f"bench-{number:08d}"}
        answered = self.post("/order", json.dumps(order).encode())
        told: dict[str, Any] = json.loads(answered.body)
        if told.get("money_moved") != "yes":
            raise RuntimeError(f"a payment of the benchmark ended as {answered.status} {told}")
        return answered

    def _head(self, path: str, body: bytes, headers: dict[str, str]) -> bytes:
        more = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        return (
            f"POST {path} HTTP/1.1\r\nHost: localhost:{self._port}\r\nAuthorization: {self._authorization}\r\n"
            f"Content-Type: application/json\r\n{more}Content-Length: {len(body)}\r\n\r\n"
        ).encode()

    def _connect(self) -> socket.socket:
        line = socket.create_connection(("localhost", self._port), TIMEOUT)
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, not self._nagle)
        self._socket = line
        return line


def _answer(line: socket.socket, asked: int) -> Answered:
    received = line.recv(65536)
    while b"\r\n\r\n" not in received:
        received += _more(line)
    head, _, body = received.partition(b"\r\n\r\n")
    fields = dict(field.lower().split(b": ", 1) for field in head.split(b"\r\n")[1:])
    length = int(fields.get(b"content-length", b"0"))
    while len(body) < length:
        body += _more(line)
    return Answered(int(head.split(b" ", 2)[1]), body, asked, monotonic_ns())


def _more(line: socket.socket) -> bytes:
    piece = line.recv(65536)
    if not piece:
        raise RuntimeError("the server hung up in the middle of an answer")
    return piece
