"""`tillbridge simulate` as a real process."""

import json
import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from tests.support.warm import command

STARTS_WITHIN: Final = 60.0


@dataclass
class Simulator:
    """A running simulator and what it said of itself."""

    process: "subprocess.Popen[str]"
    said: list[str]

    def after(self, words: str) -> str:
        """The word that follows these."""
        (line,) = [line for line in self.said if line.strip().startswith(words)]
        return line.split(words, 1)[1].split()[0]

    @property
    def address(self) -> str:
        """Where tills find it."""
        return self.after("tills connect to")

    def control(self, path: str, body: object = None, method: str | None = None) -> Any:
        """One call of its control API."""
        base = self.after("control API at").removesuffix("/terminals")
        raw = None if body is None else json.dumps(body).encode()
        call = urllib.request.Request(f"{base}{path}", raw, method=method)  # noqa: S310 - our own loopback address
        with urllib.request.urlopen(call, timeout=20) as reply:  # noqa: S310
            return json.load(reply)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Its exit code, after this signal."""
        # What stands for the command cannot pass on what kills it.
        self.process.send_signal(signal.SIGUSR1 if how is signal.SIGKILL else how)
        return self.process.wait(20)


@contextmanager
def simulated(*words: str) -> Iterator[Simulator]:
    """`tillbridge simulate` with these words, once it has said where it is."""
    with subprocess.Popen(command("simulate", *words), stdout=subprocess.PIPE, text=True) as process:
        said: list[str] = []
        try:
            assert process.stdout is not None
            for line in process.stdout:
                said.append(line)
                if line.startswith("Ctrl-C"):
                    break
            assert process.poll() is None, said
            yield Simulator(process, said)
        finally:
            process.kill()


def refusal(*words: str) -> str:
    """What it says where it cannot."""
    done = subprocess.run(
        command("simulate", *words), capture_output=True, text=True, timeout=STARTS_WITHIN, check=False
    )
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    return done.stderr
