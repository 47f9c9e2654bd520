"""Webhooks, whatever a receiver answers and whatever is signed."""

import asyncio
import base64
import random

from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.receiver import receiving
from tests.support.webhooks import Said, signature
from tillbridge.runtime.manual import EPOCH
from tillbridge.web.webhooks.addresses import WebhookSettings
from tillbridge.web.webhooks.courier import Reply, read_reply
from tillbridge.web.webhooks.http_courier import HttpCourier
from tillbridge.web.webhooks.signing import new_secret, sign

_body = st.text(max_size=300).map(lambda text: text.encode(errors="replace"))
_secret = st.integers(0, 2**32).map(lambda seed: new_secret(random.Random(seed)))
_id = st.from_regex(r"msg_[0-9a-f]{32}_[0-9]{1,9}", fullmatch=True)


@given(_secret, _secret, _id, _body, _body)
def test_a_receiver_finds_its_signature_and_nobody_elses(
    secret: str, other: str, message_id: str, body: bytes, forged: bytes
) -> None:
    headers = sign([secret], message_id, EPOCH, body)
    said = Said(0, "", headers, body)
    assert headers["webhook-signature"] == signature(secret, said)
    assert (signature(other, said) == headers["webhook-signature"]) == (other == secret)
    assert (signature(secret, Said(0, "", headers, forged)) == headers["webhook-signature"]) == (forged == body)


@given(st.lists(_secret, min_size=1, max_size=3), _id, _body)
def test_headers_are_headers(secrets: list[str], message_id: str, body: bytes) -> None:
    headers = sign(secrets, message_id, EPOCH, body)
    assert set(headers) == {"webhook-id", "webhook-timestamp", "webhook-signature"}
    assert all(value.isascii() and value.isprintable() for value in headers.values())
    for one in headers["webhook-signature"].split(" "):
        assert len(base64.b64decode(one.removeprefix("v1,"), validate=True)) == 32


@given(st.integers(100, 999), st.none() | st.text(max_size=12))
def test_only_two_hundreds_are_an_arrival(status: int, retry_after: str | None) -> None:
    assert (read_reply(status, retry_after).failure is None) == (200 <= status < 300)


_line = st.binary(max_size=40)
_almost_http = st.builds(
    lambda version, status, headers, body: b"\r\n".join([b"HTTP/" + version + b" " + status, *headers, b"", body]),
    st.sampled_from([b"1.1", b"1.0", b"2", b"9.9"]) | st.binary(max_size=4),
    st.sampled_from([b"200 OK", b"204", b"302 Found", b"500 No", b"999 x", b"-1 x", b"100 Continue"]) | _line,
    st.lists(
        st.sampled_from([b"Content-Length: 5", b"Content-Length: -5", b"Content-Length: 99999999999999999999"])
        | st.sampled_from(
            [b"Transfer-Encoding: chunked", b"Location: http://10.0.0.1/", b"Retry-After: 1e9", b"A" * 9000]
        )
        | st.sampled_from([b"Content-Encoding: gzip", b"Set-Cookie: a=b", b"Connection: upgrade"])
        | _line,
        max_size=4,
    ),
    st.binary(max_size=60),
)


@example(b"")
@example(b"\0" * 100_000)
@example(b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 100_000)
@given(st.binary(max_size=200) | _almost_http)
def test_whatever_a_receiver_answers_is_an_arrival_or_a_failure(answer: bytes) -> None:
    async def main() -> Reply:
        async with (
            receiving(answer) as receiver,
            HttpCourier(WebhookSettings(allow_http_to_loopback=True), "1", 5) as one,
        ):
            reply = await one.carry(receiver.url, {"webhook-id": "m"}, b"{}")
            assert receiver.connections == 1
            return reply

    reply = asyncio.run(main())
    assert (reply.failure is None) == (reply.status is not None and 200 <= reply.status < 300)
    if reply.failure is None:
        assert answer.startswith((b"HTTP/1.1 2", b"HTTP/1.0 2", b"HTTP/"))
