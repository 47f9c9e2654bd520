"""Puts the lasting connection together. It is loaded once there is a link, like all that deals with a portal."""

from pathlib import Path

from tillbridge.connector.portal.connection import Connection
from tillbridge.connector.portal.link import LastingLink
from tillbridge.connector.portal.link_commands import Commander, Desk
from tillbridge.connector.portal.link_settings import kept_settings
from tillbridge.connector.portal.settings import PortalSettings


class Keeper:
    """Keeps the connection of one connector. `settings` carry the merchant's consent."""

    def __init__(self, desk: Desk, settings: PortalSettings | None, folder: Path) -> None:
        self._desk = desk
        self._settings = settings
        self._folder = folder
        # Once, and not again after a fault: what is sent from now on counts from the next start.
        kept = kept_settings(folder) if settings is not None and settings.accept_configuration else None
        self._revision = None if kept is None else kept.settings.revision

    async def keep(self, connection: Connection) -> None:
        """Keeps the connection to the portal, until cancelled."""
        runtime = connection.runtime
        commander = Commander(self._desk, self._settings, self._folder, runtime.clock, self._revision)
        await LastingLink(self._desk, commander, connection.version, runtime.chance).run(connection)
