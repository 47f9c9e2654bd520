"""What all checks of one examination share: the settings, who has the data folder, and the clock."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp

from tillbridge.connector.settings import ConnectorSettings
from tillbridge.domain.errors import BridgeError
from tillbridge.runtime.data_folder import Address
from tillbridge.runtime.effects import Runtime

ANSWER_SECONDS: Final = 30.0
"""For one answer of the running connector: the longest is that of the portal's checks, which wait for the portal."""

LARGEST_ANSWER: Final = 4 * 1024 * 1024
"""Bytes of an answer: two hundred terminals, each with a payment that occupies it, take less than one."""


class NotAnswered(Exception):
    """The running connector did not answer as it should; says how, and quotes nothing."""


@dataclass(frozen=True, slots=True)
class Daemon:
    """The running connector of a data folder, asked over its native interface."""

    address: Address
    key: str | None

    async def get(self, path: str) -> Any:  # noqa: ANN401  # JSON may be anything
        """The JSON at this path. Raises `NotAnswered`."""
        headers = {} if self.key is None else {"Authorization": f"Bearer {self.key}"}
        timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout, headers=headers) as session,
                session.get(f"{self.address.url.rstrip('/')}/{path}", allow_redirects=False) as answer,
            ):
                content = await _bounded(answer)
                if answer.status not in (200, 503) or not content:
                    raise NotAnswered(f"HTTP {answer.status}")
                return json.loads(content)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise NotAnswered(type(error).__name__) from None


async def _bounded(answer: aiohttp.ClientResponse) -> bytes:
    content = bytearray()
    async for piece in answer.content.iter_any():
        content += piece
        if len(content) > LARGEST_ANSWER:
            raise NotAnswered("the answer is too large")
    return bytes(content)


@dataclass(frozen=True, slots=True)
class Scene:
    """One connector, as far as it could be made out.

    `file` is the settings file; `settings` is None, and `fault` says why, where it cannot be used. `daemon` is the
    connector that runs on the data folder, if one does. `owned`: nobody else has the folder as long as this goes on;
    then the doctor may open what the connector would. `refused` says why it is neither.
    """

    file: Path
    settings: ConnectorSettings | None
    fault: BridgeError | None
    runtime: Runtime
    daemon: Daemon | None = None
    owned: bool = False
    refused: BridgeError | None = None

    @property
    def folder(self) -> Path | None:
        """The data folder that the settings name."""
        return None if self.settings is None else self.settings.data
