"""The pieces that the descriptions of both profiles share."""

import json
from collections.abc import Iterable, Mapping
from typing import Final

from tillbridge.domain.card import EntryMode
from tillbridge.domain.errors import Code
from tillbridge.domain.portal_entries import PORTAL_ENTRIES
from tillbridge.protocols.hipay.cart import Fault
from tillbridge.protocols.hipay.messages import MAX_KEY

Schema = dict[str, object]

VERSION: Final = "1.0.0"
"""Of these interfaces, not of the program: it moves when one of them does."""

TEXT: Final[Schema] = {"type": "string"}
FLAG: Final[Schema] = {"type": "boolean"}
CART: Final[Schema] = {
    "description": "One line, or a list of lines. What does not add up gives warnings and stops no payment.",
    "oneOf": [{"$ref": "#/components/schemas/CartLine"}, {"type": "array", "items": {"type": "object"}}],
}
LINE_FIELDS: Final[Mapping[str, Schema]] = {
    "product_reference": TEXT,
    "name": TEXT,
    "type": {"type": "string", "enum": ["good", "discount", "fee"]},
    "quantity": {"type": "integer", "minimum": 1},
    "unit_price": {"type": "number", "description": "Tax included, in the order's currency."},
    "tax_rate": {"type": ["number", "string"], "description": "A percentage: 20 is 20 %."},
    "discount": {"type": "number", "maximum": 0},
    "total_amount": {"type": "number", "description": "unit_price x quantity - |discount|"},
    "european_article_numbering": {"type": ["integer", "string"]},
}
CUSTOMER_FIELDS: Final[Mapping[str, Schema]] = {
    "id": {"type": ["integer", "string"]},
    "firstname": TEXT,
    "lastname": TEXT,
    "email": TEXT,
}
CUSTOM_DATA: Final[Schema] = {
    "type": "object",
    "description": "Texts, numbers, true and false; anything else is left out with a warning.",
    "additionalProperties": {"type": ["string", "number", "boolean"]},
}


def fields_of(fields: Mapping[str, Schema], optional: Iterable[str] = ()) -> Schema:
    """An object with these fields, all of them there but the optional ones."""
    left_out = set(optional)
    return {
        "type": "object",
        "properties": dict(fields),
        "required": [name for name in fields if name not in left_out],
    }


def one_of(values: Iterable[str]) -> Schema:
    """One of these texts."""
    return {"type": "string", "enum": [str(value) for value in values]}


def ref(name: str) -> Schema:
    """A schema of the document by its name."""
    return {"$ref": f"#/components/schemas/{name}"}


def content(schema: Schema) -> Schema:
    """A body in JSON."""
    return {"application/json": {"schema": schema}}


def cart_problem() -> Schema:
    """What does not add up in a cart."""
    return fields_of(
        {
            "code": one_of(Fault),
            "line": {"type": ["integer", "null"], "minimum": 1},
            "field": {"type": ["string", "null"]},
            "text": TEXT,
        }
    )


def card() -> Schema:
    """What the terminal told of the card."""
    fields: dict[str, Schema] = {
        "masked_pan": TEXT,
        "entry_mode": one_of(EntryMode),
        "application": TEXT,
        "aid": TEXT,
    }
    return fields_of(fields, optional=fields)


def reference() -> Schema:
    """The payment that a path is about."""
    return {
        "name": "id",
        "in": "path",
        "required": True,
        "description": "The order number or the payment's id.",
        "schema": {"type": "string", "minLength": 1},
    }


def key() -> Schema:
    """The header that makes a repeat safe."""
    return {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "The same key is the same payment, for ever. A Credit needs one.",
        "schema": {"type": "string", "minLength": 1, "maxLength": MAX_KEY, "pattern": "^[!-~]+$"},
    }


def our_codes() -> Schema:
    """The codes of a refusal; the portal's own errors never come through this door."""
    return one_of([code for code in Code if code not in PORTAL_ENTRIES])


def whole(title: str, description: str, paths: Schema, schemas: Schema) -> Schema:
    """A document around these paths."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": title,
            "version": VERSION,
            "description": description,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "http://localhost:8080"}],
        "security": [{"local": []}],
        "paths": paths,
        "components": {"securitySchemes": {"local": {"type": "http", "scheme": "basic"}}, "schemas": schemas},
    }


def as_text(document: Schema) -> str:
    """A document as JSON."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
