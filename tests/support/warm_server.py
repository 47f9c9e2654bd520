"""Starts `tillbridge` for the tests out of a process that has read its modules already.

`python -m tests.support.warm_server SOCKET`. What it starts is a process of its own, which a test can kill; it saves
the second in which each would read the same modules again. It ends when its standard input does.
"""

import atexit
import contextlib
import gc
import importlib
import json
import os
import pkgutil
import random
import selectors
import signal
import socket
import sys
import threading
import traceback
from pathlib import Path
from typing import Any, Final

import tillbridge

REQUEST_BYTES: Final = 1 << 20
STREAMS: Final = 3
_PLATFORM_ONLY: Final = ("windows",)


def read_modules() -> None:
    """Reads every module of the project that this platform has."""
    for found in pkgutil.walk_packages(tillbridge.__path__, "tillbridge."):
        if found.name.endswith(".__main__") or ".migrations." in found.name or found.name.endswith(_PLATFORM_ONLY):
            continue
        # What cannot be read is told by the command that needs it.
        with contextlib.suppress(ImportError):
            importlib.import_module(found.name)


class Server:
    """Forks; tells each asker the process's id, and its exit code when it has ended."""

    def __init__(self, path: Path) -> None:
        self._selector = selectors.DefaultSelector()
        self._askers: dict[int, socket.socket] = {}
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(16)
        wake, self._woken = socket.socketpair()
        wake.setblocking(False)
        self._woken.setblocking(False)
        signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._wake = wake

    def serve(self) -> None:
        """Until standard input ends."""
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._selector.register(sys.stdin, selectors.EVENT_READ)
        print("warm", flush=True)  # noqa: T201  # what the tests wait for
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._listener:
                    self._start(self._listener.accept()[0])
                elif key.fileobj is self._woken:
                    self._woken.recv(4096)
                    self._reap()
                elif key.data is not None:
                    self._left(key.data)
                else:
                    return

    def _start(self, asker: socket.socket) -> None:
        said, fds, _, _ = socket.recv_fds(asker, REQUEST_BYTES, STREAMS)
        asked = json.loads(said)
        child = os.fork()
        if not child:
            self._listener.close()
            _become(asked, fds)
        for fd in fds:
            os.close(fd)
        self._askers[child] = asker
        asker.sendall(f"{child}\n".encode())
        if asked.get("bound"):
            self._selector.register(asker, selectors.EVENT_READ, child)

    def _left(self, child: int) -> None:
        """Whoever stood for this command has been killed, and so is the command."""
        self._selector.unregister(self._askers[child])
        os.kill(child, signal.SIGKILL)

    def _reap(self) -> None:
        for child in list(self._askers):
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                asker = self._askers.pop(child)
                with contextlib.suppress(KeyError):
                    self._selector.unregister(asker)
                # Whoever asked may have gone.
                with contextlib.suppress(OSError):
                    asker.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
                asker.close()


def _become(asked: dict[str, Any], fds: list[int]) -> None:
    """The child: another program from here on, which never returns."""
    code = 1
    try:
        _settle_in(asked, fds)
        code = _run(asked["arguments"])
    except BaseException:  # noqa: BLE001  # the last line of a process
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError):
                stream.flush()
        os._exit(code)


def _settle_in(asked: dict[str, Any], fds: list[int]) -> None:
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    if asked["session"]:
        os.setsid()
    for target, fd in enumerate(fds):
        os.dup2(fd, target)
    os.closerange(STREAMS, 256)
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115  # it lives as long as the process
    sys.stdout = open(1, "w", encoding="utf-8", buffering=1, closefd=False)  # noqa: SIM115  # as above
    sys.stderr = open(2, "w", encoding="utf-8", buffering=1, closefd=False)  # noqa: SIM115  # as above
    sys.argv = [str(Path(sys.executable).with_name("tillbridge")), *asked["arguments"]]
    random.seed()


def _run(arguments: list[str]) -> int:
    main = importlib.import_module("tillbridge.cli.main")
    try:
        main.app(arguments, prog_name="tillbridge")
    except SystemExit as ended:
        if isinstance(ended.code, str):
            sys.stderr.write(f"{ended.code}\n")
            return 1
        return int(ended.code or 0)
    finally:
        threading._shutdown()  # type: ignore[attr-defined]  # what the interpreter does at its end
        atexit._run_exitfuncs()
    return 0


if __name__ == "__main__":
    read_modules()
    gc.freeze()
    Server(Path(sys.argv[1])).serve()
