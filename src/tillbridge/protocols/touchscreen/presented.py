"""Where a till's request carries its password, by the profile.

Facts and choices: protocols/touchscreen/README.md, section 7.
"""

from base64 import b64decode
from collections.abc import Mapping

from tillbridge.protocols.touchscreen.profile import Placement, Profile


def presented(body: Mapping[str, object], headers: Mapping[str, str], profile: Profile) -> object:
    """What the request gives as its password; None where it gives none."""
    secret = profile.secret
    match secret.placement:
        case Placement.BODY:
            return body.get(secret.field)
        case Placement.HEADER:
            return headers.get(secret.field)
        case Placement.BASIC:
            return _basic(headers.get("authorization", ""), secret.field)
        case Placement.NONE:
            return None


def _basic(header: str, login: str) -> str | None:
    scheme, _, credentials = header.partition(" ")
    try:
        given, _, password = b64decode(credentials.strip(), validate=True).decode().partition(":")
    except ValueError:
        return None
    return password if scheme.lower() == "basic" and given == login else None
