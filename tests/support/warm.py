"""Starts the command in a process that need not read every module first (`warm_server`)."""

import asyncio
import atexit
import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Final

_ROOT: Final = Path(__file__).parents[2]


class WarmProcess:
    """What a test needs of `asyncio.subprocess.Process`."""

    def __init__(
        self,
        pid: int,
        line: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        stdin: asyncio.StreamWriter | None,
        stdout: asyncio.StreamReader,
        stderr: asyncio.StreamReader | None,
    ) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self.stdin = stdin
        self.stdout = stdout
        self.stderr = stderr
        self._line = line
        self._ended = asyncio.Lock()

    async def wait(self) -> int:
        """Its exit code, once it has ended; negative for the signal that ended it."""
        async with self._ended:
            if self.returncode is None:
                ending, asking = self._line
                self.returncode = int(await ending.readline())
                asking.close()
        return self.returncode

    async def communicate(self, text: bytes | None = None) -> tuple[bytes, bytes]:
        """Hands it its whole input; what it said, once it has ended."""
        if self.stdin is not None:
            if text:
                self.stdin.write(text)
            self.stdin.close()
        async with asyncio.TaskGroup() as group:
            out = group.create_task(self.stdout.read())
            error = None if self.stderr is None else group.create_task(self.stderr.read())
            group.create_task(self.wait())
        return out.result(), b"" if error is None else error.result()

    def send_signal(self, how: int) -> None:
        """A signal. `ProcessLookupError` once it has ended."""
        os.kill(self.pid, how)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """SIGTERM."""
        self.send_signal(signal.SIGTERM)


async def start(
    arguments: Sequence[str],
    *,
    environment: Mapping[str, str],
    folder: Path | None = None,
    session: bool = False,
    typing: bool = False,
) -> WarmProcess:
    """Starts `tillbridge`. `session`: in a session of its own, with its errors among its output.

    `typing`: with an input of its own.
    """
    ending, asking = await asyncio.open_unix_connection(await asyncio.to_thread(_server))
    ours, theirs = socket.socketpair()
    out_read, out_write = os.pipe()
    err_read, err_write = os.pipe()
    asked = {"arguments": list(arguments), "environment": dict(environment), "session": session}
    asked["folder"] = str(folder or Path.cwd())
    nothing = os.open(os.devnull, os.O_RDONLY)
    fds = [theirs.fileno() if typing else nothing, out_write, out_write if session else err_write]
    raw = asking.get_extra_info("socket")
    with socket.socket(fileno=os.dup(raw.fileno())) as line:
        socket.send_fds(line, [json.dumps(asked).encode()], fds)
    theirs.close()
    for fd in (nothing, out_write, err_write):
        os.close(fd)
    pid = int(await ending.readline())
    stdin = None
    if typing:
        stdin = (await asyncio.open_connection(sock=ours))[1]
    else:
        ours.close()
    out = await _reader(out_read)
    if session:
        os.close(err_read)
        return WarmProcess(pid, (ending, asking), stdin, out, None)
    return WarmProcess(pid, (ending, asking), stdin, out, await _reader(err_read))


async def _reader(fd: int) -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    pipe = os.fdopen(fd, "rb", 0)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
    return reader


def command(*arguments: str) -> list[str]:
    """What starts `tillbridge` so from anywhere, as a process that stands for it (`warm_command`)."""
    return [sys.executable, "-I", "-S", str(Path(__file__).with_name("warm_command.py")), _server(), *arguments]


@cache
def on_path() -> Path:
    """A folder with a program `tillbridge` that starts it so, for shells."""
    folder = Path(_server()).parent / "bin"
    folder.mkdir()
    program = folder / "tillbridge"
    program.write_text(f'#!/bin/sh\nexec {shlex.join(command())} "$@"\n')
    program.chmod(0o755)
    return folder


@cache
def _server() -> str:
    """The socket of this run's server, which ends with the run."""
    folder = Path(tempfile.mkdtemp(prefix="warm-"))
    path = folder / "server"
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.support.warm_server", str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=_ROOT,
        start_new_session=True,
    )

    def end() -> None:
        server.kill()
        server.wait()
        shutil.rmtree(folder, ignore_errors=True)

    atexit.register(end)
    assert server.stdout is not None
    if server.stdout.readline() != b"warm\n":
        raise RuntimeError("the server of warm processes did not start")
    return str(path)
