"""The setup as a person, a dealer's script and a power cut meet it: real processes on a real terminal."""

import asyncio
import os
import pty
import re
import signal
import subprocess
import sys
import termios
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.support.shop import free_port
from tests.support.warm import start
from tillbridge.connector.settings_file import load_settings
from tillbridge.connector.setup.progress import FOLDER
from tillbridge.protocols.hipay.settings import HipaySettings
from tillbridge.runtime.sealed_secrets import NAMES

SOON: Final = 30.0
"""Seconds within which a process says what it has to say, on a computer that does much else."""

ENTER: Final = b"\r"
CONTROL: Final = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]")
PASSWORD: Final = "Till-pass-4711"
HIPAY_PASSWORD: Final = "Hipay-pass-0815"


class Screen:
    """A person at a terminal: reads what stands there and types."""

    def __init__(self, folder: Path, *arguments: str, term: str = "xterm") -> None:
        self._master, slave = pty.openpty()
        termios.tcsetwinsize(slave, (50, 200))
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG"))}
        environment |= {"TERM": term, "LANG": "C.UTF-8", "PROMPT_TOOLKIT_NO_CPR": "1"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tillbridge", "connector", "setup", *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=folder,
            env=environment,
            start_new_session=True,
        )
        os.close(slave)
        os.set_blocking(self._master, False)
        self._seen = b""
        self.all = b""

    async def until(self, text: str) -> None:
        """Reads on until this stands there; what came before it is forgotten."""
        wanted = text.encode()
        async with asyncio.timeout(SOON):
            while wanted not in (shown := CONTROL.sub(b"", self._seen)):
                assert await self._more(), f"ended before {text!r}: {shown[-2000:].decode(errors='replace')}"
        self._seen = shown.partition(wanted)[2]

    async def _more(self) -> bool:
        loop = asyncio.get_running_loop()
        ready = asyncio.Event()
        loop.add_reader(self._master, ready.set)
        try:
            await ready.wait()
            came = os.read(self._master, 65536)
        except OSError:
            return False
        finally:
            loop.remove_reader(self._master)
        self._seen += came
        self.all += came
        return bool(came)

    async def answer(self, question: str, *typed: str) -> None:
        """Waits for the question, types, and presses Enter."""
        await self.until(question)
        self.type("".join(typed).encode() + ENTER)

    def type(self, keys: bytes) -> None:
        os.write(self._master, keys)

    async def ended(self) -> int:
        async with asyncio.timeout(SOON):
            while await self._more():
                pass
            return await asyncio.to_thread(self.process.wait)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._master)


@pytest.fixture
def screens() -> Iterator[list[Screen]]:
    opened: list[Screen] = []
    yield opened
    for screen in opened:
        screen.close()


def no_secret_lies_about(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert PASSWORD.encode() not in content, path
            assert HIPAY_PASSWORD.encode() not in content, path


async def test_a_power_cut_in_the_middle_costs_one_question(tmp_path: Path, screens: list[Screen]) -> None:
    """From the first question to a connector that takes payments, with a kill -9 on the way."""
    port = free_port()
    first = Screen(tmp_path)
    screens.append(first)
    await first.answer("HiPay username", "shop.stage-secure-gateway.hipay-tpp.com")
    await first.answer("HiPay password", HIPAY_PASSWORD)
    await first.answer("Folder for the settings")
    await first.until("Which serial port")
    first.process.send_signal(signal.SIGKILL)
    await first.ended()
    assert not (tmp_path / "connector.yml").exists()
    no_secret_lies_about(tmp_path)

    second = Screen(tmp_path, "--resume", term="dumb")
    screens.append(second)
    await answer_the_rest(second, port)
    assert await second.ended() == 0
    assert HIPAY_PASSWORD.encode() not in first.all + second.all
    assert PASSWORD.encode() not in first.all + second.all
    no_secret_lies_about(tmp_path)
    assert sorted(os.listdir(tmp_path / FOLDER)) == ["answers.json", "lock"]  # noqa: PTH208  # see the last test
    settings = load_settings(tmp_path / "connector.yml")
    (door,) = settings.doors
    assert isinstance(door.settings, HipaySettings)
    assert (door.settings.serial_number, str(door.settings.authorization_threshold)) == ("SN_124", "49.90")
    assert settings.updates.time == "06:15"
    hipay = settings.upstream.hipay
    assert hipay is not None
    assert hipay.password.get_secret_value() == HIPAY_PASSWORD
    assert hipay.off_because is not None
    await it_starts(tmp_path, f"localhost:{port}")


async def answer_the_rest(second: Screen, port: int) -> None:
    """Everything from the fourth question on, with a wrong answer and a way back."""
    await second.answer("Which serial port", "network")
    await second.answer("Serial number of the terminal", "SN_123")
    await second.answer("Local port for the till", "80 80")
    await second.until("A port is a whole number")
    second.type(b"<" + ENTER)
    await second.answer("Serial number of the terminal", "SN_124")
    await second.answer("Local port for the till", str(port))
    await second.answer("Username of the till", "log")
    await second.until("Password of the till")
    await second.answer("> ", PASSWORD)  # only then the terminal shows nothing any more of what is typed
    await second.answer("HiPay's environment", "prod")
    await second.until("ATTENTION")
    await second.answer("Amount in euros", "49,90")
    await second.answer("update itself", "6:15")
    await second.answer("card contracts", "proxy")
    await second.answer("Payment application of the contact")
    await second.answer("Merchant number of the contact", "1234567")
    await second.answer("rank of the contact")
    await second.answer("How is the terminal spoken to", "concert-v3")
    await second.answer("Address of the terminal", "127.0.0.1")
    await second.answer("Port of the terminal")
    await second.until("hash key of the merchant")
    await second.answer("> ", "H4sh")
    await second.answer("Has HiPay confirmed")
    await second.answer("interfaces does the till speak")
    await second.answer("order numbers start again", "yes")
    await second.answer("Address of the portal")
    await second.until("api_password_hash: <redacted>")
    await second.answer("What now")
    await second.until("ATTENTION")
    await second.answer("How is the connector to be started", "tomorrow")
    await second.until("It must be one of")
    second.type(b"later" + ENTER)
    await second.until("Start it with: tillbridge supervise --config")


async def it_starts(folder: Path, at: str) -> None:
    console = free_port()
    written = (folder / "connector.yml").read_text()
    (folder / "connector.yml").write_text(f"{written}console: {{port: {console}}}\n")
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    connector = await start(["connector", "run"], environment=environment, folder=folder)
    try:
        async with asyncio.timeout(SOON):
            line = await connector.stdout.readline()
        assert line.startswith(b"ready: "), (await connector.communicate())[1].decode()
        assert at.encode() in line
    finally:
        connector.terminate()
        async with asyncio.timeout(SOON):
            await connector.communicate()


async def test_the_arrows_choose_and_ctrl_c_keeps_what_was_answered(tmp_path: Path, screens: list[Screen]) -> None:
    screen = Screen(tmp_path, "--language", "de")
    screens.append(screen)
    await screen.answer("HiPay-Benutzername")
    await screen.answer("Ordner für Einstellungen")
    await screen.until("Das Terminal ist im Netzwerk")
    screen.type(b"\x03")
    await screen.until("Weiter mit: tillbridge connector setup --resume")
    assert await screen.ended() == 1
    assert not (tmp_path / "connector.yml").exists()


async def test_a_dealer_installs_without_a_person(tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "answers.yml").write_text(
        "hipay_login: shop.stage-secure-gateway.hipay-tpp.com\n"
        "hipay_password: {env: HIPAY_PASSWORD}\nserial_port: network\nlocal_port: '" + str(port) + "'\n"
        "api_username: log\napi_password: {env: TILL_PASSWORD}\nenvironment: dev\nterminal_kind: touchscreen\n"
        "terminal_host: 127.0.0.1\n"
        "contract: {nfc: {payment_application: 00B, merchant_id: 1234568, rank: 001}}\n"
    )
    environment = {"PATH": os.environ["PATH"], "HIPAY_PASSWORD": HIPAY_PASSWORD, "TILL_PASSWORD": PASSWORD}
    setup = await start(["connector", "setup", "--answers", "answers.yml"], environment=environment, folder=tmp_path)
    async with asyncio.timeout(SOON):
        said, complained = await setup.communicate()
    assert (await setup.wait(), complained) == (0, b"")
    assert b"<redacted>" in said
    assert HIPAY_PASSWORD.encode() not in said
    no_secret_lies_about(tmp_path)
    await it_starts(tmp_path, f"localhost:{port}")


async def test_a_locked_store_is_said_with_the_line_that_needs_it(tmp_path: Path) -> None:
    content = "api_username: log\nserial_port: network\nterminal_kind: touchscreen\nterminal_host: 127.0.0.1\n"
    content += "api_password: {env: TILL_PASSWORD}\nterminal_password: {env: HIPAY_PASSWORD}\n"
    (tmp_path / "answers.yml").write_text(content)
    environment = {"PATH": os.environ["PATH"], "HIPAY_PASSWORD": HIPAY_PASSWORD, "TILL_PASSWORD": PASSWORD}
    setup = await start(["connector", "setup", "--answers", "answers.yml"], environment=environment, folder=tmp_path)
    async with asyncio.timeout(SOON):
        await setup.communicate()
    (tmp_path / NAMES.key_file).unlink()
    connector = await start(["connector", "run"], environment=environment, folder=tmp_path)
    async with asyncio.timeout(SOON):
        _, complained = await connector.communicate()
    assert await connector.wait() == 1
    assert b"terminals[0].settings.secret: the stored secret 'terminal-password' cannot be read: locked" in complained
    assert not (tmp_path / "data").exists()


async def test_nothing_is_written_where_an_answer_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "answers.yml").write_text("local_port: 0\nserial_prot: COM3\n")
    setup = await start(
        ["connector", "setup", "--answers", "answers.yml", "--config", "shop/connector.yml"],
        environment={"PATH": os.environ["PATH"]},
        folder=tmp_path,
    )
    async with asyncio.timeout(SOON):
        _, complained = await setup.communicate()
    assert await setup.wait() == 1
    assert b"answers.yml, line 1: local_port: A port is a whole number from 1 to 65535." in complained
    assert b"answers.yml, line 2: serial_prot: there is no such answer; did you mean 'serial_port'?" in complained
    assert os.listdir(tmp_path) == ["answers.yml"]  # noqa: PTH208  # an iterator would block in a coroutine
