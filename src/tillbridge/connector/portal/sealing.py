"""Where the key comes from that seals the keystore: `runtime.sealing`, under the names of the link.

docs/reference/connector-portal.md, section 4.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tillbridge.runtime import sealing
from tillbridge.runtime.sealing import FileSeal, NoSealingKey, SealKind, SealNames, SealSource

__all__ = ["PORTAL", "NoSealingKey", "SealKind", "SealSource", "best_source", "file_seal", "source_of"]

PORTAL: Final = SealNames(
    key_file="portal-seal.key",
    windows_file="portal-seal.dpapi",
    credential="tillbridge-portal",
    purpose=b"tillbridge portal keystore",
)


def source_of(kind: SealKind, folder: Path, environment: Mapping[str, str] = os.environ) -> SealSource:
    """The source of this name; `NoSealingKey` where this system has none such."""
    return sealing.source_of(kind, folder, PORTAL, environment)


def best_source(folder: Path, environment: Mapping[str, str] = os.environ) -> SealSource:
    """The best place for a key that this system has."""
    return sealing.best_source(folder, PORTAL, environment)


def file_seal(folder: Path) -> FileSeal:
    """The key in a file of this folder."""
    return FileSeal(folder, PORTAL)
