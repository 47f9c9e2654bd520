"""The doctor as a command: beside nothing, beside a running connector, and with servers that are there."""

import asyncio
import json
import ssl
import zipfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.support.counter import Counter, counter
from tests.support.shop import free_port
from tests.unit.connector.doctor import scenes
from tillbridge.connector.doctor.findings import Part, Saw
from tillbridge.connector.doctor.reach import Step, key_digest, reach
from tillbridge.connector.doctor.report import ReportResource
from tillbridge.connector.portal.checks import Verdict


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Counter]:
    async with counter(tmp_path) as made:
        yield made


async def examined(place: Counter, *more: str) -> tuple[int, dict[Part, list[Any]]]:
    answer = await place.command("doctor", "--config", str(place.settings), "--json", *more)
    report = ReportResource.model_validate_json(answer.out)
    found: dict[Part, list[Any]] = {}
    for one in report.checks:
        found.setdefault(one.check, []).append(one)
    assert report.well is (answer.code == 0)
    return answer.code, found


async def test_without_a_connector_it_asks_the_terminal_itself_and_beside_one_it_asks_that(place: Counter) -> None:
    code, alone = await examined(place)
    assert code == 0, alone
    assert [one.seen for one in alone[Part.TERMINAL]] == [Saw.TERMINAL_READY]
    assert [one.seen for one in alone[Part.DOOR]] == [Saw.DOOR_FREE]
    assert [one.seen for one in alone[Part.FOLDER]] == [Saw.FOLDER_MISSING]
    await place.open()
    paid = await place.command("pay", "12.50", "--data", str(place.data))
    assert paid.code == 0, paid.err
    code, beside = await examined(place)
    assert code == 0, beside
    assert [one.seen for one in beside[Part.FOLDER]] == [Saw.CONNECTOR_RUNS]
    assert beside[Part.TERMINAL][0].verdict is not Verdict.WRONG
    assert [one.seen for one in beside[Part.DOOR]] == [Saw.DOOR_OURS]
    assert beside[Part.JOURNAL][0].facts["payments"] == "1"
    assert place.taken == [1250]


async def test_words_for_people_and_a_bundle_for_support(place: Counter) -> None:
    place.data.mkdir(exist_ok=True)
    place.write_settings(port=free_port())
    target = place.folder / "bundle.zip"
    answer = await place.command(
        "doctor", "--config", str(place.settings), "--language", "de", "--bundle", str(target), "--without", "log"
    )
    assert answer.code == 1
    assert "Fehler" in answer.out
    assert "→" in answer.out
    assert "Supportpaket geschrieben" in answer.err
    with zipfile.ZipFile(target) as archive:
        assert "log.jsonl" not in archive.namelist()
        assert json.loads(archive.read("report.json"))["language"] == "de"
    refused = await place.command("doctor", "--config", str(place.settings), "--bundle", str(place.folder / "b.tar"))
    assert refused.code == 1
    assert ".zip" in refused.err


# ---------------------------------------------------------------- servers


def certificate(days: int) -> tuple[x509.Certificate, bytes]:
    """A certificate of localhost that ends in so many days, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)  # noqa: DTZ005, TID251, RUF100  # the real clock decides whether a certificate is over
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=400))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return made, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@asynccontextmanager
async def server(answer: bytes, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()

    listening = await asyncio.start_server(serve, "localhost", 0, ssl=context)
    async with listening:
        yield listening.sockets[0].getsockname()[1]


def encrypted(folder: Path, days: int) -> tuple[ssl.SSLContext, ssl.SSLContext, x509.Certificate]:
    """What a server shows, and what trusts it."""
    made, key = certificate(days)
    path = folder / "server.pem"
    path.write_bytes(made.public_bytes(Encoding.PEM) + key)
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(path)
    (folder / "ca.pem").write_bytes(made.public_bytes(Encoding.PEM))
    return serving, ssl.create_default_context(cafile=str(folder / "ca.pem")), made


WELL = b"HTTP/1.1 404 Not Found\r\nDate: Sun, 22 Nov 2026 07:00:00 GMT\r\nContent-Length: 0\r\n\r\n"


async def test_a_server_is_reached_step_by_step(tmp_path: Path) -> None:
    serving, trusting, made = encrypted(tmp_path, 100)
    async with server(WELL, serving) as port:
        found = await reach(f"https://localhost:{port}", trusting)
        assert (found.step, found.status) == (Step.ANSWERED, 404)
        assert found.date == datetime(2026, 11, 22, 7, tzinfo=UTC)
        assert (found.not_after, found.key_digest) == (made.not_valid_after_utc, key_digest(made))
        stranger = await reach(f"https://localhost:{port}")
        assert stranger.step is Step.TLS
        assert "certificate" in stranger.detail.lower() or "signed" in stranger.detail
    assert (await reach(f"http://localhost:{free_port()}")).step is Step.CONNECTION
    assert (await reach("https://no-such-name.invalid")).step is Step.NAME


async def test_a_certificate_that_is_over_is_named(tmp_path: Path) -> None:
    serving, trusting, _ = encrypted(tmp_path, -1)
    async with server(WELL, serving) as port:
        found = await reach(f"https://localhost:{port}", trusting)
    assert found.step is Step.TLS
    assert "expired" in found.detail


@pytest.mark.parametrize("answer", [b"SSH-2.0\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n", b"", b"\x00" * 100])
async def test_what_is_no_http(answer: bytes) -> None:
    async with server(answer) as port:
        assert (await reach(f"http://localhost:{port}")).step is Step.HTTP


async def test_the_provider_of_the_settings_is_asked_and_the_clock_compared(tmp_path: Path) -> None:
    far = b"HTTP/1.1 503 No\r\nDate: Mon, 01 Jan 2001 00:00:00 GMT\r\nContent-Length: 0\r\n\r\n"
    async with server(far) as port:
        contract = {"proxy": {"payment_application": "001", "merchant_id": "1234567", "rank": "001"}}
        receiver = {
            "kind": "hipay",
            "enabled_by_merchant": True,
            "base_url": f"http://localhost:{port}",
            "login": "94654.stage",
            "password": {"env": "PSP_PASSWORD"},
            "hashkey": {"env": "PSP_HASHKEY"},
            "contract": contract,
        }
        (tmp_path / "kept").mkdir()
        file = scenes.write(tmp_path, scenes.settings(upstream={"receivers": [receiver]}))
        environment = {"PSP_PASSWORD": "a-password", "PSP_HASHKEY": "a-hash-key"}
        look: Callable[[], Any] = lambda: scenes.findings_of(file, environment, [Part.PROVIDER, Part.CLOCK])  # noqa: E731
        found = await asyncio.to_thread(look)
    assert {one.saw for one in found} == {Saw.PROVIDER_FAILING, Saw.CLOCK_AHEAD}
    assert "a-password" not in repr(found)
