"""`setup.exe`: what `setup.sh` is on Linux. It is one small file, because it must not lie in a version's folder.

It uses nothing but Python's own library, so that it starts at once and never has to be updated.
"""

import subprocess
import sys
from pathlib import Path
from typing import Final

PROGRAM: Final = "tillbridge.exe" if sys.platform == "win32" else "tillbridge"
SETTINGS: Final = "connector.yml"

TASK: Final = "always-up.cmd"


def program_in_use(here: Path) -> Path | None:
    """The program that `current` names; None where there is none."""
    try:
        version = (here / "current").read_text(encoding="utf-8").strip()
    except OSError:
        return None
    program = here / "versions" / version / PROGRAM
    return program if version and program.is_file() else None


def set_up(here: Path, arguments: list[str]) -> int:
    """Fetches the newest signed version, asks what has to be known, and keeps the connector up from then on."""
    program = program_in_use(here)
    if program is None:
        sys.stderr.write(f"There is no version of tillbridge in {here}. Unpack the whole archive, then start again.\n")
        return 1
    settings = here / SETTINGS
    if not settings.is_file():
        sys.stdout.write("Looking for the newest version ...\n")
        sys.stdout.flush()
        if _run(program, "self-update") != 0:
            sys.stdout.write("It could not be had now. This one is used; it updates itself later.\n")
        program = program_in_use(here) or program
    code = _run(program, "connector", "setup", "--config", str(settings), *arguments, "--no-start")
    if code != 0:
        return code
    if not settings.is_file():
        sys.stdout.write("The settings lie in the folder that you chose. Start the connector with them from there.\n")
        return 0
    # The service starts it, whatever a till wished before.
    return _run(program, "service", "install", "--config", str(settings))


def _run(program: Path, *arguments: str) -> int:
    return subprocess.run([str(program), *arguments], check=False).returncode  # noqa: S603  # our own, named above


if __name__ == "__main__":
    sys.exit(set_up(Path(sys.executable).parent, sys.argv[1:]))
