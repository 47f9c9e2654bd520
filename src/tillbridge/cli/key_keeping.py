"""`tillbridge connector key`: what it does."""

import sys

from rich.console import Console
from rich.table import Table

from tillbridge.cli.finding import data_folder
from tillbridge.cli.places import Where
from tillbridge.connector.api.scopes import Scope
from tillbridge.connector.keybook import KeyBook
from tillbridge.runtime.effects import SystemClock


def add_key(place: Where, name: str, scopes: frozenset[str]) -> None:
    """Makes a key and prints it on a line of its own, for a script to take up; the warning goes to standard error."""
    key = KeyBook(data_folder(place)).add(name, frozenset(map(Scope, scopes)), SystemClock().now())
    sys.stderr.write("Keep it to yourself: it is not shown again.\n")
    sys.stdout.write(f"{key}\n")


def print_keys(place: Where) -> None:
    """Prints a table of the keys, without any of them."""
    table = Table(box=None, pad_edge=False)
    table.add_column("name", overflow="fold")
    table.add_column("may", overflow="fold")
    table.add_column("since", no_wrap=True)
    for key in KeyBook(data_folder(place)).read():
        scopes = ", ".join(scope for scope in Scope if scope in key.scopes)
        table.add_row(key.name, scopes, key.created_at.astimezone().strftime("%Y-%m-%d %H:%M"))
    Console(highlight=False).print(table)


def remove_key(place: Where, name: str) -> None:
    """Takes a key away."""
    KeyBook(data_folder(place)).remove(name)
