"""Programs that a benchmark starts: told line by line, answering line by line, and always ended."""

import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
START_SECONDS: Final = 60.0
"""For a program to say something: beyond what any of them takes on a busy computer."""

END_SECONDS: Final = 10.0


class Program:
    """A started program with its input and output as lines of text."""

    def __init__(self, process: "subprocess.Popen[str]", name: str) -> None:
        self._process = process
        self._name = name

    @property
    def pid(self) -> int:
        """The number under which /proc knows it."""
        return self._process.pid

    def ask(self, line: str) -> str:
        """Writes a line and gives back the line that is the answer."""
        self.tell(line)
        return self.hear()

    def tell(self, line: str) -> None:
        """Writes a line."""
        assert self._process.stdin is not None  # noqa: S101 - it was started with a pipe
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def hear(self) -> str:
        """The next line; RuntimeError if it ends instead or says nothing for too long."""
        assert self._process.stdout is not None  # noqa: S101 - it was started with a pipe
        watch = threading.Timer(START_SECONDS, self._process.kill)
        watch.start()
        try:
            line = self._process.stdout.readline()
        finally:
            watch.cancel()
        if not line:
            raise RuntimeError(f"{self._name} ended with {self._process.wait()}")
        return line.rstrip("\n")

    def hear_until(self, words: str) -> str:
        """The next line that holds these words."""
        while words not in (line := self.hear()):
            pass
        return line

    def last_words(self) -> str:
        """Ends its input and gives back what it still says."""
        assert self._process.stdin is not None  # noqa: S101 - it was started with a pipe
        assert self._process.stdout is not None  # noqa: S101 - it was started with a pipe
        self._process.stdin.close()
        said = self._process.stdout.read()
        self._process.wait(END_SECONDS)
        return said

    def stop(self) -> None:
        """Asks it to end and sees to it that it does."""
        self._process.terminate()
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


@contextmanager
def program(command: Sequence[str | Path], *, errors: int | None = None) -> Iterator[Program]:
    """The program, running for the time of the block. Its errors go where ours go."""
    process = subprocess.Popen(
        [str(part) for part in command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
        bufsize=1,
        cwd=HERE.parent,
    )
    started = Program(process, " ".join(str(part) for part in command[:4]))
    try:
        yield started
    finally:
        started.stop()


def own(module: str, *arguments: str | Path) -> list[str | Path]:
    """The command of a program of the benchmarks in our own environment."""
    return [sys.executable, "-m", f"benchmarks.{module}", *arguments]
