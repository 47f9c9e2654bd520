"""`tillbridge simulate mypos`: what it takes."""

from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Final

import typer

from tillbridge.cli.simulate_options import (
    LOCAL,
    AllowFromOption,
    ControlOption,
    DelayOption,
    HostOption,
    LedgerOption,
    NameOption,
    PortOption,
    ScenarioOption,
    choice,
)

PORT: Final = 51042
"""The wire's own, and that of the door; a test compares them, because --help must not load the door."""

SETTINGS: Final = MappingProxyType(
    {
        "port": "port",
        "host": "host",
        "allow_from": "allow_from",
        "pty": "pty",
        "channel": "bluetooth.channel",
        "currency": "currency",
        "decimals": "decimals",
        "refund": "refund_enabled",
        "preauth": "preauth_enabled",
        "proof_of_delivery": "proof_of_delivery",
        "layout": "personality.layout",
        "declaration": "personality.declaration",
        "end_tag_blanks": "personality.end_tag_blanks",
        "failure_blanks": "personality.failure_blanks",
        "bad_xml_encoding": "personality.bad_xml_encoding",
        "keep_alive": "personality.keep_alive",
        "button": "personality.button",
        "second": "personality.second",
        "preauth_refusal": "personality.preauth_refusal",
    }
)
"""The setting of the door that each option stands for."""

PtyOption = Annotated[
    Path | None,
    typer.Option(
        "--pty", metavar="LINK", help="Instead of TCP: a serial line inside this computer.", show_default=False
    ),
]
ChannelOption = Annotated[
    int | None,
    typer.Option(
        "--channel", metavar="NUMBER", help="Instead of TCP: a Bluetooth channel of this computer.", show_default=False
    ),
]
CurrencyOption = Annotated[
    str,
    typer.Option(
        "--currency",
        metavar="CODE",
        help="The terminal's currency: the wire names none.",
        callback=lambda code: code.upper(),
    ),
]
DecimalsOption = Annotated[
    int | None,
    typer.Option(
        "--decimals",
        metavar="NUMBER",
        help="How many decimals its amounts have. Without it: those of the currency.",
        show_default=False,
    ),
]
RefundOption = Annotated[bool, typer.Option("--refund/--no-refund", help="Whether refunds are enabled.")]
PreauthOption = Annotated[bool, typer.Option("--preauth/--no-preauth", help="Whether pre-authorisations are enabled.")]
DeliveryOption = Annotated[
    str | None, choice("--proof-of-delivery", "close|write", "What shows it that the till has read the answer.")
]
LayoutOption = Annotated[str | None, choice("--layout", "lines|one_line|bare", "How it sets out its answers.")]
DeclarationOption = Annotated[
    bool, typer.Option("--declaration/--no-declaration", help="Whether answers begin with an XML declaration.")
]
EndTagOption = Annotated[
    bool,
    typer.Option(
        "--end-tag-blanks/--no-end-tag-blanks", help="Whether completions and cancellations have blanks in end tags."
    ),
]
FailureOption = Annotated[
    bool,
    typer.Option(
        "--failure-blanks/--no-failure-blanks", help="Whether failed completions are spelled as on the maker's page."
    ),
]
EncodingOption = Annotated[
    str | None, choice("--bad-xml-encoding", "utf-8|cp1250", "How it writes that it could not read a request.")
]
KeepAliveOption = Annotated[
    bool, typer.Option("--keep-alive/--no-keep-alive", help="Whether the line stays open after an answer.")
]
ButtonOption = Annotated[
    str | None, choice("--button", "pressed|each_time|not_pressed", "Whether somebody presses its connection button.")
]
SecondOption = Annotated[
    str | None, choice("--second", "served|refused|ignored", "What becomes of a second connection.")
]
RefusalOption = Annotated[
    int | None, choice("--preauth-refusal", "5|3", "The status of a code that stands for nothing it could complete.")
]


def mypos(  # noqa: PLR0913  # each is an option of the command line
    *,
    port: PortOption = PORT,
    host: HostOption = LOCAL,
    allow_from: AllowFromOption = None,
    pty: PtyOption = None,
    channel: ChannelOption = None,
    currency: CurrencyOption = "EUR",
    decimals: DecimalsOption = None,
    refund: RefundOption = True,
    preauth: PreauthOption = True,
    scenario: ScenarioOption = None,
    control: ControlOption = None,
    delay: DelayOption = 1.0,
    ledger: LedgerOption = None,
    name: NameOption = "mypos",
    proof_of_delivery: DeliveryOption = None,
    layout: LayoutOption = None,
    declaration: DeclarationOption = False,
    end_tag_blanks: EndTagOption = True,
    failure_blanks: FailureOption = False,
    bad_xml_encoding: EncodingOption = None,
    keep_alive: KeepAliveOption = True,
    button: ButtonOption = None,
    second: SecondOption = None,
    preauth_refusal: RefusalOption = None,
) -> None:
    """Plays a myPOS terminal with the XML payment interface, until Ctrl-C.

    Amounts that end in .91 to .99 bring declines, delays and broken lines; every other one is approved. The switches
    at the end are for what is not known of real terminals; of each one's values the first is the usual one.
    """
    words = locals()
    from tillbridge.cli.simulated_doors import simulate_door  # noqa: PLC0415  # only when it runs: --help answers at once

    simulate_door("mypos-xml", "myPOS XML", words, SETTINGS)
