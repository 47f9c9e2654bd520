"""`tillbridge demo`: what it does."""

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from tillbridge.cli.errors import told
from tillbridge.cli.exits import Exit
from tillbridge.cli.running import run
from tillbridge.demo.app import run_check, run_demo
from tillbridge.demo.plan import Plan
from tillbridge.demo.words import quoted
from tillbridge.runtime.data_folder import make
from tillbridge.runtime.logging import Level, set_up_logging


def demonstrate(data: Path | None, offset: int, delay: float, *, check: bool) -> Exit:
    """Runs the demo, or its check."""
    console = Console(highlight=False)
    set_up_logging(level=Level.ERROR, console=sys.stderr, readable=True)
    with _folder(data) as folder:
        with told(Exit.USAGE):
            plan = Plan(folder, offset, delay)
        well = run(run_check(plan, console)) if check else run(run_demo(plan, _command(), console))
    return Exit.APPROVED if well else Exit.FAILED


@contextmanager
def _folder(data: Path | None) -> Iterator[Path]:
    if data is not None:
        make(data)
        yield data.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="tillbridge-demo-", ignore_cleanup_errors=True) as folder:
        yield Path(folder).resolve()


def _command() -> str:
    """How this program is called: by its name where that finds it, else by its path."""
    called = Path(sys.argv[0])
    found = shutil.which("tillbridge")
    if called.name == "__main__.py" or not called.is_file():
        return f"{quoted(sys.executable)} -m tillbridge"
    return "tillbridge" if found is not None and Path(found).samefile(called) else quoted(called)
