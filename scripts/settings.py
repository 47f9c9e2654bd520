"""Draws the pages of settings from the models that read the files: the connector's, every wire's, and the portal's."""

import inspect
import re
from collections.abc import Iterator, Mapping
from importlib.metadata import entry_points
from typing import Any, Final

from pydantic import BaseModel

from scripts.markdown import anchor, one_line, table
from tillbridge.connector.settings import SettingsFile
from tillbridge.portal.settings import PortalSettings
from tillbridge.protocols import registry

Schema = Mapping[str, Any]

LONGEST_PATTERN: Final = 40
"""Characters of a pattern that a person still reads; a longer one says less than the setting's name."""

_BEGINNING: Final = """# Settings

One YAML file, `connector.yml` unless `--config` says otherwise. This one serves a till that was made for HiPay, with a
terminal on a serial line and another one on the network:

```yaml
data: data                        # the journal; beside this file
terminals:
  - name: counter
    driver: concert-v2
    settings:
      serial: {port: /dev/ttyUSB0}
  - name: bar
    driver: concert-v3
    settings: {host: 192.168.1.50}
doors:
  - name: till
    door: hipay
    settings:
      terminal: counter
      api_username: log
      api_password_hash: {env: TILL_PASSWORD_HASH}
```

`tillbridge connector check` reads it, names each mistake with its file and line and what would be right, and looks
whether every port is free and every terminal gives a sign of life. The file is read once, at the start.

It is a plain part of YAML: a value is a text unless it is plainly a number, `true`, `false` or nothing, so that
`register: 01` stays as it is written. Anchors, aliases, tags and settings that do not exist are refused. Where a
password or its hash is wanted, `{env: NAME}` takes it from an environment variable, `{file: PATH}` from a file, and
`{sealed: NAME}` from what `tillbridge connector setup` has [stored sealed](setup.md#stored-passwords) beside it; a
password in clear is refused.

"""

_PORTAL: Final = """# Settings of the portal

One YAML file, `portal.yml` unless `--config` or the environment variable `TILLBRIDGE_PORTAL_CONFIG` says otherwise.
This one serves a portal behind a proxy, on PostgreSQL, with a mail server
([how to run it](../how-to/run-the-portal.md)):

```yaml
data: /var/lib/tillbridge-portal
address: https://portal.example
listen: {behind_proxy: true}
database:
  url: {file: database-url}
mail:
  sender: portal@portal.example
  smtp: {host: mail.example, user: portal, password: {file: mail-password}}
operator:
  name: Example Tills
  support_contact: +49 40 5550100
```

`data` is all that must be there. What is wrong is named with its line before anything starts; a setting that does not
exist is refused. Passwords and addresses with passwords are never written in clear: `{env: NAME}` takes one from an
environment variable and `{file: PATH}` from a file. The file is read once, at the start.

"""


def portal_page() -> str:
    """The page of the portal's settings, without its first line."""
    whole = PortalSettings.model_json_schema()
    parts: dict[str, Schema] = {}
    text = _PORTAL + "## The file\n\n" + _described(whole) + _rows(whole, parts)
    return text + "\n## Parts\n\nWhat the table above refers to.\n" + "".join(_parts(parts))


def page() -> str:
    """The page of the connector's settings, without its first line."""
    whole = SettingsFile.model_json_schema()
    parts: dict[str, Schema] = {}
    text = _BEGINNING + "## The file\n\n" + _described(whole) + _rows(whole, parts)
    text += "\n## Terminals\n\n`driver` is one of these, and `settings` are its own.\n"
    text += "".join(_wires("driver", registry.DRIVERS, parts))
    text += "\n## Doors\n\n`door` is one of these, and `settings` are its own.\n"
    text += "".join(_wires("door", registry.DOORS, parts))
    text += "\n## Parts\n\nWhat the tables above refer to.\n"
    return text + "".join(_parts(parts))


def _wires(word: str, group: str, parts: dict[str, Schema]) -> Iterator[str]:
    find = registry.driver if word == "driver" else registry.door
    for name in sorted(entry_points(group=group).names):
        model: type[BaseModel] = find(name).settings
        schema = model.model_json_schema()
        yield f"\n### The {word} {name}\n\n{_described(schema)}{_rows(schema, parts)}"


def _parts(parts: dict[str, Schema]) -> Iterator[str]:
    """Every part once, also those that only another part refers to."""
    done: set[str] = set()
    while waiting := sorted(parts.keys() - done):
        for name in waiting:
            done.add(name)
            yield f"\n### {_title(name)}\n\n{_described(parts[name])}{_rows(parts[name], parts)}"


def _described(schema: Schema) -> str:
    """What the model's own words say; a person who writes a file knows no `None`."""
    text = inspect.cleandoc(schema.get("description", "")).replace("None", "no value")
    return f"{one_line(text)}\n\n" if text else ""


def _rows(schema: Schema, parts: dict[str, Schema]) -> str:
    known = schema.get("$defs", {})
    required = schema.get("required", ())
    rows = []
    for name, field in schema["properties"].items():
        default = "required" if name in required else _default(field.get("default"))
        for part, shape in _inner(field, known):
            parts.setdefault(part, {**shape, "$defs": known})
            default = default if name in required else ""
        meaning = one_line(field.get("description", "")).removesuffix(".")
        rows.append((f"`{name}`", _words(field, known), default, meaning))
    described = any(row[-1] for row in rows)
    heads = ("setting", "takes", "default", "meaning")
    return table(heads, rows) if described else table(heads[:-1], [row[:-1] for row in rows])


def _default(value: object) -> str:
    match value:
        case None | "" | []:
            return ""
        case bool():
            return f"`{str(value).lower()}`"
        case float():
            return f"`{value:g}`"
        case _:
            return f"`{value}`"


def _inner(field: Schema, known: Schema) -> Iterator[tuple[str, Schema]]:
    """The parts of the file that this setting may be, or that it is a list of: each with its name and its shape."""
    items = field.get("items", {})
    for one in (field, items, *items.get("oneOf", ()), *_alternatives(field)):
        name = str(one.get("$ref", "")).rpartition("/")[2]
        if "properties" in known.get(name, {}):
            yield name, known[name]


def _alternatives(field: Schema) -> list[Schema]:
    return [one for one in field.get("anyOf", ()) if one.get("type") != "null"]


def _words(field: Schema, known: Schema) -> str:
    """What may stand there, in words."""
    alternatives = _alternatives(field)
    if alternatives:
        # An exact number may be written as a text too; a person writes a number.
        return _words(next((one for one in alternatives if one.get("type") == "number"), alternatives[0]), known)
    if "$ref" in field:
        name = field["$ref"].rpartition("/")[2]
        if "properties" in known[name]:
            return f"[{_title(name).lower()}](#{anchor(_title(name))})"
        return _words(known[name], known)
    listed = field.get("enum") or ([field["const"]] if "const" in field else [])
    if listed:
        return ", ".join(f"`{one}`" for one in listed)
    match field.get("type"):
        case "boolean":
            return "`true`, `false`"
        case "integer":
            return f"whole number{_range(field)}"
        case "number":
            return f"number{_range(field)}"
        case "array":
            return "list: " + " or ".join(_words(one, known) for one in field["items"].get("oneOf", [field["items"]]))
        case "object":
            return "settings"
        case _:
            return _text(field)


def _range(field: Schema) -> str:
    bounds = []
    for name, words in (("minimum", "from"), ("exclusiveMinimum", "above"), ("maximum", "to")):
        if name in field:
            bounds.append(f"{words} {field[name]:g}" if field[name] < 10**6 else f"{words} {field[name]}")
    return f", {' '.join(bounds)}" if bounds else ""


def _text(field: Schema) -> str:
    if field.get("format") == "path":
        return "path"
    shown = len(field.get("pattern", "")) <= LONGEST_PATTERN
    pattern = f" like `{field['pattern']}`" if "pattern" in field and shown else ""
    longest = f", at most {field['maxLength']} characters" if "maxLength" in field else ""
    return f"text{pattern}{longest}"


def _title(name: str) -> str:
    """The heading of a part: the words of its model's name."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).capitalize()
