"""`tillbridge service` with stand-ins for the system's own commands, which write down what they were asked."""

import os
import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.support import warm
from tests.support.shop import TILLBRIDGE

RECORDING: Final = """#!/bin/sh
echo "$(basename "$0") $*" >> "$STAND_INS/asked"
case "$(basename "$0") $*" in
    "crontab -l") cat "$STAND_INS/table" 2> /dev/null || { echo "no crontab for till" >&2; exit 1; } ;;
    "crontab -") cat > "$STAND_INS/table" ;;
    *is-enabled*) echo enabled ;;
esac
"""
SETTINGS: Final = "data: data\nterminals:\n  - {name: counter, driver: virtual}\n"


class Computer:
    """A folder with stand-ins, a home, and settings in a folder with an awkward name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.stand_ins = folder / "stand-ins"
        self.stand_ins.mkdir()
        for name in ("systemctl", "crontab"):
            (self.stand_ins / name).write_text(RECORDING)
            (self.stand_ins / name).chmod(0o755)
        self.shop = folder / "Käse & Wein 50 %"
        self.shop.mkdir()
        self.config = self.shop / "connector.yml"
        self.config.write_text(SETTINGS)

    async def service(self, *words: str) -> tuple[int, str]:
        """Runs `tillbridge service` with these words; its exit code and all that it said."""
        environment = {
            **os.environ,
            "PATH": f"{self.stand_ins}:/usr/bin:/bin",
            "STAND_INS": str(self.stand_ins),
            "XDG_CONFIG_HOME": str(self.folder / "config"),
        }
        process = await warm.start(
            ["service", *words, "--config", str(self.config)], environment=environment, folder=self.folder, typing=True
        )
        out, err = await process.communicate()
        return process.returncode or 0, (out + err).decode()

    @property
    def asked(self) -> list[str]:
        """What the stand-ins were asked."""
        found = self.stand_ins / "asked"
        return found.read_text().splitlines() if found.exists() else []

    @property
    def table(self) -> str:
        """The crontab."""
        return (self.stand_ins / "table").read_text()


@pytest.fixture
def computer(tmp_path: Path) -> Computer:
    return Computer(tmp_path)


async def test_a_unit_of_the_user_is_written_enabled_and_started(computer: Computer) -> None:
    code, said = await computer.service("install", "--kind", "systemd-user")
    assert code == 0, said
    unit = computer.folder / "config" / "systemd" / "user" / "tillbridge.service"
    name = str(computer.config).replace("%", "%%")
    assert f'ExecStart="{TILLBRIDGE}" "supervise" "--config" "{name}"' in unit.read_text()
    assert computer.asked == [
        "systemctl --user daemon-reload",
        "systemctl --user enable tillbridge.service",
        "systemctl --user restart tillbridge.service",
    ]
    assert "loginctl enable-linger" in said
    code, said = await computer.service("status", "--kind", "systemd-user")
    assert code == 1, "nothing runs here"
    assert "systemd-user: enabled" in said
    code, _ = await computer.service("remove", "--kind", "systemd-user")
    assert code == 0
    assert not unit.exists()
    assert computer.asked[-1] == "systemctl --user disable --now tillbridge.service"
    assert computer.config.read_text() == SETTINGS


async def test_a_line_of_the_crontab_is_added_once_and_taken_away_again(computer: Computer) -> None:
    others = "MAILTO=anna\n0 4 * * * /usr/bin/backup\n"
    (computer.stand_ins / "table").write_text(others)
    for _ in range(2):
        code, said = await computer.service("install", "--kind", "cron")
        assert code == 0, said
    script = computer.shop / "data" / "supervisor" / "always-up.sh"
    assert computer.table == f"{others}*/2 * * * * '{script}'\n".replace(" 50 %", " 50 \\%")
    assert os.access(script, os.X_OK)
    assert "cron: in the crontab" in (await computer.service("status", "--kind", "cron"))[1]
    assert (await computer.service("remove", "--kind", "cron"))[0] == 0
    assert computer.table == others
    assert "cron: not installed" in (await computer.service("status", "--kind", "cron"))[1]


async def test_a_crontab_is_made_where_there_was_none(computer: Computer) -> None:
    assert (await computer.service("install", "--kind", "cron"))[0] == 0
    assert computer.table.startswith("*/2 * * * * ")
    assert len(computer.table.splitlines()) == 1


async def test_a_dry_run_changes_nothing(computer: Computer) -> None:
    for kind in ("systemd", "systemd-user", "task", "cron"):
        code, said = await computer.service("install", "--kind", kind, "--dry-run", "--account", "till")
        assert code == 0
        assert str(computer.shop) in said.replace("%%", "%").replace("\\%", "%").replace("&amp;", "&")
    assert computer.asked == []
    assert list(computer.shop.iterdir()) == [computer.config]


async def test_what_cannot_be_done_is_one_sentence(computer: Computer) -> None:
    code, said = await computer.service("install", "--kind", "initd")
    assert (code, "Traceback" in said) == (2, False)
    assert "--kind: 'initd' is none of systemd, systemd-user, task, cron" in said
    (computer.stand_ins / "systemctl").write_text("#!/bin/sh\necho 'Failed to connect to bus' >&2\nexit 1\n")
    code, said = await computer.service("install", "--kind", "systemd-user")
    assert (code, "Traceback" in said) == (1, False)
    assert "systemctl --user daemon-reload: it ended with 1: Failed to connect to bus" in said


def test_systemd_itself_accepts_the_unit(tmp_path: Path) -> None:
    from tillbridge.connector.supervisor.units import Unit  # noqa: PLC0415  # the only test that needs it

    data = tmp_path / "Daten 100 % $HOME"
    unit = tmp_path / "tillbridge.service"
    unit.write_text(Unit((str(TILLBRIDGE), "supervise", "--config", f"{data}/connector.yml"), (data,), "root").text())
    done = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
