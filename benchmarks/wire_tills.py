"""Tills that speak the languages of the doors over one plain socket: what they measure is the bridge's time.

Each begins its time with the first byte of its request and ends it with the last byte of the answer. What it owes the
door after that (an acknowledgement, a confirmation, the end of the connection) comes behind the measured time.
"""

import json
import socket
import uuid
from time import monotonic_ns
from typing import Any, Final, Protocol

from benchmarks.http_till import TIMEOUT, Answered, HttpTill
from tillbridge.protocols.concert.frames import encode as frame_of
from tillbridge.protocols.concert.tlv import encode as message_of
from tillbridge.protocols.concert.v3.messages import Action, Request

SECRET: Final = "27924505"  # noqa: S105 - the same everywhere (protocols/touchscreen/README.md)
BASE: Final = "/api/switchio/pay/v6"
WAIT: Final = "wait=60"

ENQ: Final = b"\x05"
ACK: Final = b"\x06"
EOT: Final = b"\x04"
REPLY_LENGTH: Final = 28


class Till(Protocol):
    """A till at one door."""

    def pay(self, number: int) -> Answered:
        """One approved payment; RuntimeError for any other."""
        ...


def minor(number: int) -> int:
    """An amount that no virtual terminal makes a scene of."""
    return 1025 + 100 * (number % 50)


class NativeTill:
    """Our own HTTP interface, waiting for the end in one request."""

    def __init__(self, port: int, authorization: str, terminal: str | None = None) -> None:
        self._http = HttpTill(port, authorization=authorization)
        self._terminal = terminal

    def pay(self, number: int) -> Answered:
        """See `Till`."""
        body: dict[str, Any] = {"amount": {"minor": minor(number), "currency": "EUR"}}
        if self._terminal is not None:
            body["terminal"] = self._terminal
        key = {"Idempotency_Key": uuid.uuid4().hex, "Prefer": WAIT}
        answered = self._http.post("/v1/payments", json.dumps(body).encode(), **key)
        if json.loads(answered.body).get("stage") != "approved":
            raise RuntimeError(f"a payment of the benchmark ended as {answered.body!r}")
        return answered


class HipayTill:
    """The HiPay door's language."""

    def __init__(self, port: int) -> None:
        self._http = HttpTill(port)

    def pay(self, number: int) -> Answered:
        """See `Till`."""
        return self._http.order(number)


class TouchScreenTill:
    """Starts, asks where it stands without any pause between its questions, and reads the result."""

    def __init__(self, port: int) -> None:
        self._http = HttpTill(port)

    def pay(self, number: int) -> Answered:
        """See `Till`."""
        told = {"secureString": SECRET, "transactionId": str(uuid.uuid4())}
        start = {**told, "amount": minor(number), "currencyCode": 978}
        asked = self._ask("payment", {"secureString": SECRET, "request": start}).asked
        while json.loads(self._ask("status", told).body)["status"] != "Finished":
            pass
        result = self._ask("result", told)
        if json.loads(result.body).get("responseCode") != "OK":
            raise RuntimeError(f"a payment of the benchmark ended as {result.body!r}")
        self._ask("confirm", {**told, "confirm": True})
        return Answered(result.status, result.body, asked, result.answered)

    def _ask(self, path: str, body: dict[str, Any]) -> Answered:
        return self._http.post(f"{BASE}/{path}", json.dumps(body).encode())


class ConcertV2Till:
    """The dialogue of ENQ, frame and EOT, here over TCP."""

    def __init__(self, port: int) -> None:
        self._line = _connect(port)

    def pay(self, number: int) -> Answered:
        """See `Till`."""
        request = frame_of(f"01{minor(number):08d}010978          A010B010".encode())
        asked = monotonic_ns()
        for word, length in ((ENQ, 1), (request, 1), (EOT, 1)):
            self._line.sendall(word)
            self._read(length)
        self._line.sendall(ACK)
        reply = self._read(REPLY_LENGTH)
        answered = monotonic_ns()
        self._line.sendall(ACK)
        self._read(1)
        if reply[3:4] != b"0":
            raise RuntimeError(f"a payment of the benchmark ended as {reply!r}")
        return Answered(0, reply, asked, answered)

    def _read(self, length: int) -> bytes:
        read = b""
        while len(read) < length:
            read += _more(self._line, length - len(read))
        return read


class ConcertV3Till:
    """One connection, one message, one answer. It closes its sending side, which says that its message is whole."""

    def __init__(self, port: int) -> None:
        self._port = port

    def pay(self, number: int) -> Answered:
        """See `Till`."""
        request = Request(Action.DEBIT, "0300", "012345678901", "01", minor(number), "978", f"bench{number:08d}")
        message = message_of(request.elements())
        asked = monotonic_ns()
        with _connect(self._port) as line:
            line.sendall(message)
            line.shutdown(socket.SHUT_WR)
            answer, answered = b"", asked
            while piece := line.recv(65536):
                answer, answered = answer + piece, monotonic_ns()
        if b"AE00210" not in answer:
            raise RuntimeError(f"a payment of the benchmark ended as {answer!r}")
        return Answered(0, answer, asked, answered)


class MyposTill:
    """One connection, one document, one answer."""

    def __init__(self, port: int) -> None:
        self._port = port

    def pay(self, number: int) -> Answered:
        """See `Till`."""
        amount = minor(number)
        fields = f"<invoice>bench{number:08d}</invoice><sum>{amount // 100}.{amount % 100:02d}</sum>"
        document = f"<pay>{fields}<receipt>OFF</receipt><custrcpt>OFF</custrcpt></pay>\n".encode()
        asked = monotonic_ns()
        with _connect(self._port) as line:
            line.sendall(document)
            answer = b""
            while b"</payresp" not in answer:
                answer += _more(line, 65536)
            answered = monotonic_ns()
        if b"<result>OK</result>" not in answer:
            raise RuntimeError(f"a payment of the benchmark ended as {answer!r}")
        return Answered(0, answer, asked, answered)


def _connect(port: int) -> socket.socket:
    line = socket.create_connection(("127.0.0.1", port), TIMEOUT)
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return line


def _more(line: socket.socket, most: int) -> bytes:
    piece = line.recv(most)
    if not piece:
        raise RuntimeError("the door hung up in the middle of an answer")
    return piece
