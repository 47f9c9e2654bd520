"""What can be downloaded by somebody who connects a till: every door's reference, complete and readable."""

import json
from importlib.metadata import entry_points

from tillbridge.connector.api.references import MARKDOWN, OPENAPI, native_document, references
from tillbridge.protocols.registry import DOORS


def test_every_door_has_a_reference_and_the_native_interface_comes_first() -> None:
    found = {name: (media_type, content) for name, media_type, content in references()}
    assert next(iter(found)) == "native-openapi.json"
    assert json.loads(found["native-openapi.json"][1]) == native_document()
    for door in entry_points(group=DOORS):
        wire = door.module.removeprefix("tillbridge.protocols.").split(".")[0].replace("_", "-")
        assert any(name.startswith(wire) for name in found), door
    assert len(found) == len(references())
    # They are asked for with each page, and must not be made with each.
    assert references() is references()


def test_each_is_what_its_type_says() -> None:
    for name, media_type, content in references():
        text = content.decode()
        if media_type == OPENAPI:
            assert json.loads(text)["openapi"].startswith("3.1"), name
        else:
            assert media_type == MARKDOWN
            assert text.startswith("# "), name


def test_dialects_share_their_sheets_and_an_interface_over_http_has_its_description() -> None:
    names = [name for name, _, _ in references()]
    assert names.count("concert.md") == 1
    assert "concert-v3.md" in names
    assert {"hipay.md", "hipay-openapi.json", "hipay-unattended-openapi.json"} <= set(names)
