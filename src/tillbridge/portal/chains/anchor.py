"""The newest link of a chain as a file beside the keys, where nobody reaches it with the database alone."""

from pathlib import Path

import structlog

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.portal.chains.chain import LARGEST_HEAD, Chain, Head, to_text
from tillbridge.portal.house import House
from tillbridge.runtime.data_folder import DataFolder

log = structlog.get_logger(__name__)


def keep(house: House, chain: Chain, name: str, head: Head) -> None:
    """Moves the anchor on, and never back: a chain that has become shorter was cut, or comes from a backup."""
    try:
        kept = kept_anchor(house, chain, name)
    except ValueError:
        kept = None
    if kept is not None and kept.link.position > head.link.position:
        log.error("chain_is_shorter", chain=chain.name, anchor=kept.link.position, position=head.link.position)
        return
    DataFolder(house.settings.data).write(name, to_text(head))


def kept_anchor(house: House, chain: Chain, name: str) -> Head | None:
    """The anchor beside the keys. `ValueError` if it is not as we have written it; None if there is none yet."""
    text = DataFolder(house.settings.data).read(name, LARGEST_HEAD)
    if text is None:
        return None
    head = chain.from_text(text)
    if not chain.is_ours(house.vault, head):
        raise ValueError("the anchor is not signed with a key of this portal")
    return head


def read_head(house: House, chain: Chain, path: Path) -> Head:
    """A head that was exported. `BridgeError(FILE_UNREADABLE)` if it is none, or not of this portal."""
    try:
        with path.open(encoding="ascii") as file:
            head = chain.from_text(file.read(LARGEST_HEAD))
    except (OSError, ValueError) as error:
        raise BridgeError(Code.FILE_UNREADABLE, f"it is no anchor of {chain.what}", place=str(path)) from error
    if not chain.is_ours(house.vault, head):
        raise BridgeError(Code.FILE_UNREADABLE, "it is not signed with a key of this portal", place=str(path))
    return head
