"""The body of a webhook's message, as https://www.standardwebhooks.com has it."""

import json
from collections.abc import Mapping
from datetime import datetime


def write_body(kind: str, at: datetime, data: Mapping[str, object]) -> bytes:
    """The body of a message; `at` is when it happened."""
    body = {"type": kind, "timestamp": at.isoformat().replace("+00:00", "Z"), "data": data}
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
