"""What a person may set about updates."""

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

USUAL_HOUR: Final = "03:00"
"""When shops sleep."""

Hour = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$", description="HH:MM, by this computer's clock.")]

RepositoryUrl = Annotated[str, Field(pattern=r"^https?://[A-Za-z0-9.:\[\]_-]+(/[A-Za-z0-9._~/-]*)?$", max_length=2000)]
"""No name, password, query or fragment: what is secret has no place in an address."""

Channel = Literal["stable", "testing"]


class UpdateSettings(BaseModel):
    """Newer versions of the connector: whether, when and from where.

    `url` is the address of the signed repository; without it the one counts that the installed package names, and where
    that names none nothing is looked for. `time` is when this computer looks, besides at each start. `channel` is
    `stable`, or `testing` for a shop that wants versions earlier. Only a connector that was installed from the archive
    updates itself: a Debian package is updated by the system, a Python package by whoever installed it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    enabled: bool = True
    url: RepositoryUrl | None = None
    time: Hour = USUAL_HOUR
    channel: Channel = "stable"
