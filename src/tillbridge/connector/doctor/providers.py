"""The servers that payments are reported to, as the settings name them: the doctor calls nobody who was not chosen."""

from urllib.parse import urlsplit

from tillbridge.connector.doctor.findings import Part
from tillbridge.connector.doctor.scene import Scene
from tillbridge.connector.doctor.servers import Server
from tillbridge.upstream.settings import FileReceiver, HipayReceiver, WebhookReceiver


def providers(scene: Scene) -> list[Server]:
    """Each once, in the order of the settings. What is switched off is not called either."""
    if scene.settings is None:
        return []
    addresses = [_address(one) for one in scene.settings.upstream.telling if one.off_because is None]
    return [Server(Part.PROVIDER, address) for address in dict.fromkeys(filter(None, addresses))]


def _address(receiver: HipayReceiver | WebhookReceiver | FileReceiver) -> str:
    """The server alone: a path may hold a secret. Empty for a receiver that is on this computer."""
    if isinstance(receiver, FileReceiver):
        return ""
    parts = urlsplit(receiver.gateway if isinstance(receiver, HipayReceiver) else receiver.url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
