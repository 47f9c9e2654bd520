"""What the demo tells the person who started it."""

import signal
from collections.abc import Iterator

from rich.table import Table
from rich.text import Text

from tillbridge.demo.check import MINOR, Result
from tillbridge.demo.plan import LOGIN, MYPOS, PASSWORD, PROVIDER, PTYS, TOUCH, V2, V3, Plan
from tillbridge.portal.demo_access import OWNER, VOUCHERS
from tillbridge.portal.demo_access import PASSWORD as PORTAL_PASSWORD


def quoted(path: object) -> str:
    """A path as one word of a command, for every shell."""
    return f'"{path}"' if " " in str(path) else str(path)


def what_runs_where(plan: Plan, seconds: float) -> Table:
    """The table of everything that listens, and after how many seconds it all did."""
    table = Table(title=f"tillbridge demo, ready in {seconds:.1f} s", title_justify="left", box=None, pad_edge=False)
    table.add_column("what", no_wrap=True)
    table.add_column("where", overflow="fold")
    v2 = f"{plan.line} -> {plan.line.readlink()}" if PTYS else f"127.0.0.1:{plan.v2_port}"
    rows = [
        ("console page, native interface", f"http://localhost:{plan.console_port}"),
        ("portal", plan.portal_address),
        *((f"HiPay door for {terminal}", f"http://localhost:{port}") for terminal, port in plan.hipay_ports.items()),
        ("login of the HiPay doors", f"{LOGIN} / {PASSWORD} (HTTP Basic)"),
        (f"virtual Concert V2 terminal, {V2}", v2),
        (f"virtual Concert V3 terminal, {V3}", f"127.0.0.1:{plan.v3_port}"),
        (f"virtual touch-screen terminal, {TOUCH}", f"127.0.0.1:{plan.touch_port}"),
        (f"virtual myPOS terminal, {MYPOS}", f"127.0.0.1:{plan.mypos_port}"),
        *_doors(plan),
        ("control of the virtual terminals", f"http://localhost:{plan.control_port}"),
        ("payment provider's sandbox", plan.provider_address),
        ("its login and password", f"{PROVIDER.login} / {PROVIDER.password}"),
        ("its hashkey and passphrase", f"{PROVIDER.hashkey} / {PROVIDER.passphrase}"),
        ("settings, journal, log, ledgers", str(plan.folder)),
    ]
    for what, where in rows:
        table.add_row(what, Text(where))
    return table


def _doors(plan: Plan) -> Iterator[tuple[str, str]]:
    """Where a till finds the doors that speak a terminal's language, and which terminal is behind each."""
    ports = plan.door_ports
    v2 = str(plan.till_line) if PTYS else f"127.0.0.1:{ports['concert-v2']}"
    yield f"Concert V2 door, pays on {V3}", v2
    yield f"Concert V3 door, pays on {V2}", f"127.0.0.1:{ports['concert-v3']}"
    yield f"touch-screen door, pays on {MYPOS}", f"127.0.0.1:{ports['touchscreen']}"
    yield f"myPOS door, pays on {TOUCH}", f"127.0.0.1:{ports['mypos-xml']}"


def tries(plan: Plan, command: str) -> Iterator[str]:
    """Three commands to try."""
    port = plan.hipay_ports[V2]
    yield ""
    yield "Try, in another window:"
    yield f"  {command} pay 12.50 --data {quoted(plan.folder)}"
    yield f"  {command} connector console --data {quoted(plan.folder)}"
    body = quoted(f"@{plan.request}")
    yield f'  curl -u {LOGIN}:{PASSWORD} -H "Content-Type: application/json" -d {body} http://localhost:{port}/'
    yield ""
    yield "Connect the shop with the portal: sign in there, make a PIN for 10047110 on its page Interfaces, and type it"
    yield "on the console's page Portal. The portal asks for a one-time code, which the second line prints:"
    yield f"  {OWNER} / {PORTAL_PASSWORD}"
    yield f"  {command} portal demo-code"
    number, pin = VOUCHERS[0]
    yield "Then a voucher of the shop can be loaded and taken on the console's page Vouchers:"
    yield f"  number {number}, PIN {pin}"
    yield ""
    yield "Ctrl-C stops all of it."


def after_the_end(code: int, plan: Plan, command: str) -> Iterator[str]:
    """What to say when the connector has ended without being asked to from here."""
    yield f"The connector has ended: {_how(code)}. It is not started again by itself."
    yield "The virtual terminals still run and go on with what they have; their ledgers know what was really taken."
    yield "Start it again, in another window, and see what it makes of the payment that was running:"
    yield f"  {command} connector run --config {quoted(plan.settings)}"
    yield "Ctrl-C here stops the virtual terminals."


def _how(code: int) -> str:
    if code == 0:
        return "it was asked to stop"
    if code < 0:
        return f"it was killed by {signal.Signals(-code).name}"
    return f"with exit code {code}; the log in its folder says why"


def results_table(results: list[Result]) -> Table:
    """The table of `--check`."""
    table = Table(title="one payment on each wire", title_justify="left", box=None, pad_edge=False)
    for name in ("terminal", "wire", "the till heard", "journal", "the terminal took", "all agree"):
        table.add_column(name)
    for result in results:
        took = f"{result.taken_minor} of {MINOR} cents"
        agree = Text("yes", style="green") if result.agrees else Text("NO", style="bold red")
        table.add_row(result.terminal, result.wire, Text(result.till), Text(result.journal), took, agree)
    return table
