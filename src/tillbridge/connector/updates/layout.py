"""How a packaged connector lies on disk: whole versions beside each other, and one line that says which is in use.

```
ROOT/versions/1.4.0/tillbridge[.exe]   a whole version; it is never changed once its folder has this name
ROOT/current                           the version in use, one line; replaced as a whole, so that there always is one
ROOT/updates/                          what the updater knows: trusted metadata, downloads, how far an update came
```

No link is used: Windows wants rights for one that a till's user does not have.
"""

import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

VERSIONS: Final = "versions"
CURRENT: Final = "current"
UPDATES: Final = "updates"
DOWNLOADS: Final = "downloads"
"""Below `updates`: what is being fetched."""

PROGRAM: Final = "tillbridge.exe" if sys.platform == "win32" else "tillbridge"

LONGEST_VERSION: Final = 64
"""Letters of a version's name; a longer line in `current` is none of ours."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The folders under `root`. Raises `OSError` where the disk refuses."""

    root: Path

    @property
    def updates(self) -> Path:
        """What the updater keeps."""
        return self.root / UPDATES

    def folder(self, version: str) -> Path:
        """Where this version lies, or would."""
        return self.root / VERSIONS / version

    def program(self, version: str) -> Path:
        """The program of this version."""
        return self.folder(version) / PROGRAM

    def current(self) -> str | None:
        """The version in use; None where none was ever chosen, or the line is none."""
        try:
            line = (self.root / CURRENT).read_text(encoding="utf-8")[: LONGEST_VERSION + 1].strip()
        except FileNotFoundError:
            return None
        return line if line and len(line) <= LONGEST_VERSION and self.program(line).is_file() else None

    def switch(self, version: str) -> None:
        """From now on this version is in use: on disk before this returns, whole or not at all."""
        with tempfile.NamedTemporaryFile("w", dir=self.root, prefix=f".{CURRENT}.", delete=False) as file:
            file.write(f"{version}\n")
            file.flush()
            os.fsync(file.fileno())
        Path(file.name).replace(self.root / CURRENT)


def packaged(executable: Path) -> Layout | None:
    """The layout that this program runs from; None where it was installed in another way (pip, a Debian package)."""
    versions = executable.resolve().parent.parent
    return Layout(versions.parent) if versions.name == VERSIONS and executable.name == PROGRAM else None
