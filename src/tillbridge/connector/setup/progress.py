"""The answers so far, on disk after each one, so that a power cut costs one question at most.

They lie in a folder of their own beside the settings file, its owner's alone. Passwords are sealed there at once, the
one for the till is only its hash from the first moment, and all of them go when the settings are written.
"""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from tillbridge.connector.setup.answers import Answers, Key
from tillbridge.connector.setup.questions import SECRETS
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.runtime.data_folder import make
from tillbridge.runtime.durable import read_bounded, write_durably
from tillbridge.runtime.sealed_secrets import SealedSecrets
from tillbridge.runtime.settings.secret_values import hash_password

FOLDER: Final = ".tillbridge-setup"
ANSWERS_FILE: Final = "answers.json"
LOCK_FILE: Final = "lock"
VERSION: Final = 1
MOST_BYTES: Final = 256 * 1024
"""Thirty answers of the greatest length that a check lets through."""


class Progress:
    """What is kept of one setup, beside this settings file."""

    def __init__(self, config: Path) -> None:
        self._folder = config.resolve().parent / FOLDER
        self._secrets = SealedSecrets(self._folder)

    @contextmanager
    def own(self) -> Iterator[None]:
        """Only one setup at a time: `BridgeError(FOLDER_IN_USE)` while another one asks its questions here."""
        make(self._folder)
        lock = FileLock(self._folder / LOCK_FILE, timeout=0, mode=0o600)
        try:
            lock.acquire()
        except Timeout:
            raise BridgeError(
                Code.FOLDER_IN_USE, "another setup is under way in this folder", place=str(self._folder)
            ) from None
        try:
            yield
        finally:
            lock.release()
            self._tidy()

    def load(self) -> Answers | None:
        """The answers of a setup that was not finished; None where there are none, or they cannot be read."""
        return self._read(finished=False)

    def remembered(self) -> Answers | None:
        """The answers of the last setup that was finished, without its secrets: what the next one offers."""
        return self._read(finished=True)

    def _read(self, *, finished: bool) -> Answers | None:
        try:
            content = read_bounded(self._folder / ANSWERS_FILE, MOST_BYTES)
            kept = json.loads(content or b"null")
        except (OSError, ValueError):
            return None
        match kept:
            case {"version": int(version), "answers": dict(said), "finished": bool(was)} if (
                version == VERSION and was is finished
            ):
                pass
            case _:
                return None
        answers = Answers()
        known = {key.value: key for key in Key}
        for name, answer in said.items():
            if name in known and isinstance(answer, str) and self._still_opens(known[name], answer):
                answers = answers.put(known[name], answer)
        return answers if answers.said else None

    def save(self, answers: Answers, *, finished: bool = False) -> None:
        """On disk when this returns, whole or not at all."""
        said = {key.value: answer for key, answer in answers.said.items() if not (finished and key in SECRETS)}
        kept = {"version": VERSION, "finished": finished, "answers": said}
        write_durably(self._folder / ANSWERS_FILE, json.dumps(kept, ensure_ascii=False, indent=1).encode())

    def keep(self, key: Key, secret: str) -> str:
        """What may be written down in a secret's place: a hash of the till's password, the name of any other one."""
        if not secret:
            return ""
        if key is Key.API_PASSWORD:
            return hash_password(secret)
        name = key.replace("_", "-")
        try:
            self._secrets.keep(name, secret)
        except BridgeError as error:
            if error.code is not Code.SECRETS_UNREADABLE:
                raise
            self._secrets.put_aside()
            self._secrets.keep(name, secret)
        return name

    def revealed(self, answers: Answers) -> Mapping[Key, str]:
        """The secrets that the answers name."""
        named = {key: answers.get(key) for key in SECRETS - {Key.API_PASSWORD} if answers.get(key)}
        return {key: self._secrets.reveal(name) for key, name in named.items()}

    def finish(self, answers: Answers) -> None:
        """Nothing is left but the answers that are no secret, for the next setup to offer."""
        self.save(answers, finished=True)
        self._remove({LOCK_FILE, ANSWERS_FILE})

    def clear(self) -> None:
        """Nothing is left of it, as far as the system allows; the lock is still ours."""
        self._remove({LOCK_FILE})

    def _remove(self, but: set[str]) -> None:
        for path in self._folder.iterdir():
            if path.name not in but:
                with suppress(OSError):
                    path.unlink()

    def _still_opens(self, key: Key, answer: str) -> bool:
        # A password whose key was lost with the power is asked for again; the other answers stay.
        if key not in SECRETS or key is Key.API_PASSWORD or not answer:
            return True
        try:
            self._secrets.reveal(answer)
        except BridgeError:
            return False
        return True

    def _tidy(self) -> None:
        with suppress(OSError):
            if {path.name for path in self._folder.iterdir()} <= {LOCK_FILE}:
                shutil.rmtree(self._folder)
