"""Draws docs/reference/cli.md from the commands themselves: their words, options, defaults and exit codes."""

import inspect
from collections.abc import Callable, Iterator
from enum import Enum
from typing import Any, Final, get_args, get_type_hints

import typer
from typer.models import ArgumentInfo, CommandInfo, OptionInfo

from scripts.markdown import table
from tillbridge.cli.errors import DEBUG
from tillbridge.cli.exits import Exit
from tillbridge.cli.finding import KEY_VARIABLE
from tillbridge.cli.main import app

NAME: Final = "tillbridge"

_MEANING: Final = {
    Exit.APPROVED: "`pay`: approved. Everything else: done, and well",
    Exit.FAILED: "it could not be done; a sentence on standard error says why",
    Exit.USAGE: "wrong usage: a word or an option of the command line",
    Exit.DECLINED: "`pay`: declined, no money was taken",
    Exit.ABORTED: "`pay`: aborted by the customer, the cashier or Ctrl-C, no money was taken",
    Exit.NOT_STARTED: "`pay`: not started, nothing reached the terminal",
    Exit.REFUSED: "`pay`: refused before it began, as the terminal is busy or locked, or no connector was found",
    Exit.IN_DOUBT: "`pay`: in doubt, or nobody waited for the end. **Look at the terminal before you repeat it**",
    Exit.STOPPED_BY_WISH: "`supervise`: a till has stopped it; it stays down until a person or the next boot",
}


def page() -> str:
    """The whole page, without its first line."""
    codes = [(str(code.value), _MEANING[code]) for code in Exit]
    return f"""# The command line

`{NAME} --help` says the same, and so does `--help` behind every command. Settings come from the file of `--config`
([all settings](settings.md)); without any of `--config`, `--data` and `--url` a command takes `connector.yml` in the
folder that it is called in, else the one connector of this user that runs.

{table(("exit code", "meaning"), codes)}
A script that takes payments needs `pay` alone: what is for people goes to standard error, and standard output gets one
word, which is the payment's stage ([states](states.md)).

{table(("variable", "stands for"), list(_variables()))}
{"".join(_chapters(app, NAME)).rstrip()}
"""


def _variables() -> Iterator[tuple[str, str]]:
    found = {
        str(info.envvar): f"`{_option(info, name)}`"
        for _, callback in _commands(app, NAME)
        for name, info, _, _ in _parameters(callback)
        if isinstance(info, OptionInfo) and info.envvar
    }
    yield from ((f"`{name}`", stands_for) for name, stands_for in found.items())
    yield f"`{KEY_VARIABLE}`", "the key of the connector at `--url`; it has no option, as others could read that"
    yield f"`{DEBUG}`", "set to anything: a fault of tillbridge itself shows where it came from"


def _chapters(group: typer.Typer, name: str) -> Iterator[str]:
    for title, callback in _commands(group, name):
        yield f"## {title}\n\n{inspect.getdoc(callback)}\n\n{_usage(title, callback)}\n{_options(callback)}\n"


def _commands(group: typer.Typer, name: str) -> Iterator[tuple[str, Callable[..., Any]]]:
    for command in group.registered_commands:
        if command.callback is not None:
            yield f"{name} {_name(command)}", command.callback
    for inner in group.registered_groups:
        if inner.typer_instance is not None:
            yield from _commands(inner.typer_instance, f"{name} {inner.name}")


def _name(command: CommandInfo) -> str:
    return command.name or getattr(command.callback, "__name__", "").replace("_", "-")


def _parameters(callback: Callable[..., Any]) -> Iterator[tuple[str, ArgumentInfo | OptionInfo, object, object]]:
    """Of each visible one: its name, what typer was told, its type, and its default (`inspect.Parameter.empty`)."""
    hints = get_type_hints(callback, include_extras=True)
    for name, parameter in inspect.signature(callback).parameters.items():
        kind, *told = get_args(hints[name])
        info = next(one for one in told if isinstance(one, ArgumentInfo | OptionInfo))
        if not info.hidden:
            yield name, info, kind, parameter.default


def _usage(title: str, callback: Callable[..., Any]) -> str:
    words = [title]
    optional = False
    for name, info, kind, default in _parameters(callback):
        if isinstance(info, ArgumentInfo):
            word = info.metavar or name.upper()
            words.append(word if default is inspect.Parameter.empty else f"[{word}]")
        elif default is inspect.Parameter.empty:
            words.append(_written(_option(info, name), _value(info, kind)))
        else:
            optional = True
    return f"```console\n$ {' '.join([*words, *(['[OPTIONS]'] if optional else [])])}\n```\n"


def _options(callback: Callable[..., Any]) -> str:
    rows = []
    for name, info, kind, default in _parameters(callback):
        shown = info.metavar or name.upper()
        if isinstance(info, OptionInfo):
            shown = _written(", ".join(_names(info, name)), _value(info, kind))
        rows.append((f"`{shown}`", _default(default), (info.help or "").removesuffix(".")))
    return table(("option", "default", "meaning"), rows) if rows else ""


def _names(info: OptionInfo, name: str) -> list[str]:
    """Every spelling; typer keeps the first of them where a default would stand."""
    first = [info.default] if isinstance(info.default, str) else []
    return [*first, *map(str, info.param_decls or [])] or ["--" + name.replace("_", "-")]


def _option(info: OptionInfo, name: str) -> str:
    return _names(info, name)[0]


def _written(option: str, value: str) -> str:
    return f"{option} {value}" if value else option


def _value(info: OptionInfo, kind: object) -> str:
    choices = [str(one.value) for one in _enum(kind)]
    if choices:
        return "|".join(choices)
    return info.metavar or ("" if kind in (bool, bool | None) else "N")


def _enum(kind: object) -> list[Enum]:
    if isinstance(kind, type) and issubclass(kind, Enum):
        return list(kind)
    return [one for argument in get_args(kind) for one in _enum(argument)]


def _default(default: object) -> str:
    match default:
        case inspect.Parameter.empty:
            return "required"
        case None | False:
            return ""
        case True:
            return "on"
        case float():
            return f"`{default:g}`"
        case _:
            return f"`{default}`"
