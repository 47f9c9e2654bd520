"""The receivers' secrets, in a file of their own for its owner alone: the journal is copied and mailed, this is not."""

import asyncio
import json
import os
import tempfile
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.engine.journal.records import from_micros, to_micros
from tillbridge.web.webhooks.signing import is_secret

SECRETS_FILE: Final = "webhook-secrets.json"

OVERLAP: Final = timedelta(hours=24)
"""For so long after a rotation the replaced secret signs too: a working day to bring the new one to the receiver."""


@dataclass(frozen=True, slots=True)
class Pair:
    """The secret of a receiver, and the one before it for as long as that is valid."""

    current: str
    previous: str | None = None
    until: datetime | None = None

    def valid(self, now: datetime) -> list[str]:
        """What signs at this moment, the current one first."""
        overlapping = self.previous is not None and self.until is not None and now < self.until
        return [self.current, self.previous] if overlapping and self.previous is not None else [self.current]

    def __repr__(self) -> str:
        return "Pair(<redacted>)"


Pairs = Mapping[str, Pair]


class SecretFile:
    """Read once, kept in memory, and written whole at each change. Only for the process that owns the folder."""

    def __init__(self, folder: Path) -> None:
        """`BridgeError(FOLDER_UNUSABLE)` if the file is there and cannot be read."""
        self._path = folder / SECRETS_FILE
        self._pairs: Pairs = _read(self._path)
        self._writing = asyncio.Lock()

    def valid(self, webhook_id: str, now: datetime) -> list[str]:
        """What signs for this receiver; nothing if its secret is lost."""
        pair = self._pairs.get(webhook_id)
        return [] if pair is None else pair.valid(now)

    async def keep(self, webhook_id: str, secret: str) -> None:
        """The first secret of a receiver."""
        await self._change(lambda pairs: {**pairs, webhook_id: Pair(secret)})

    async def rotate(self, webhook_id: str, secret: str, now: datetime) -> datetime:
        """A new secret; the one before goes on signing until the moment that is returned."""
        until = now + OVERLAP

        def replace(pairs: Pairs) -> Pairs:
            before = pairs.get(webhook_id)
            return {**pairs, webhook_id: Pair(secret) if before is None else Pair(secret, before.current, until)}

        await self._change(replace)
        return until

    async def forget(self, webhook_id: str) -> None:
        """Takes a receiver's secret away."""
        await self._change(lambda pairs: {known: pair for known, pair in pairs.items() if known != webhook_id})

    async def keep_only(self, webhook_ids: Collection[str]) -> None:
        """Takes away what a stop in the middle of adding or removing a receiver has left."""
        if not self._pairs.keys() <= set(webhook_ids):
            await self._change(lambda pairs: {known: pair for known, pair in pairs.items() if known in webhook_ids})

    async def _change(self, change: Callable[[Pairs], Pairs]) -> None:
        async with self._writing:
            changed = change(self._pairs)
            # A flush may take long on a slow disk, and payments wait for nothing of a webhook.
            await asyncio.to_thread(_write, self._path, changed)
            self._pairs = changed


def _read(path: Path) -> dict[str, Pair]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {webhook_id: _pair(fields) for webhook_id, fields in found.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        # Not chained: what the file says must not stand in a traceback.
        raise BridgeError(Code.FOLDER_UNUSABLE, "the webhooks' secrets cannot be read", place=str(path)) from None


def _pair(fields: Mapping[str, Any]) -> Pair:
    previous, until = fields["previous"], fields["until"]
    if not all(is_secret(secret) for secret in (fields["current"], previous) if secret is not None):
        raise ValueError
    return Pair(fields["current"], previous, None if until is None else from_micros(until))


def _write(path: Path, pairs: Pairs) -> None:
    """Whole or not at all, and never readable by anybody else, not even for a moment."""
    found = {
        webhook_id: {
            "current": pair.current,
            "previous": pair.previous,
            "until": None if pair.until is None else to_micros(pair.until),
        }
        for webhook_id, pair in pairs.items()
    }
    try:
        # tempfile makes it for its owner alone.
        with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            json.dump(found, file)
            file.flush()
            os.fsync(file.fileno())
        Path(file.name).replace(path)
    except OSError as error:
        raise BridgeError(
            Code.JOURNAL_UNAVAILABLE, f"the webhooks' secrets cannot be written: {error.strerror}"
        ) from None
