"""The parser behind its guard, and the writer."""

import pytest

from tillbridge.protocols.contract import ProtocolError
from tillbridge.protocols.mypos_xml.documents import MAX_CHILDREN, Child, Document, Layout, Tags, parse, write


def test_fields_come_in_order_without_their_blanks_and_in_lower_case() -> None:
    text = "<PAY>x<B> 1 </B>\n<a>\t</a><c/><c>2&amp;&lt;&#65;</c></PAY>"
    assert parse(text) == Document("pay", (Child("b", "1"), Child("a", ""), Child("c", ""), Child("c", "2&<A")))


def test_deeper_elements_are_noticed_and_not_read() -> None:
    assert parse("<a><b>1<c>2</c>3</b></a>").children == (Child("b", "123", nested=True),)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<a>",
        "<a></b>",
        "<a>&x;</a>",
        "<a>& b</a>",
        "<a/><a/>",
        "<a>\x00</a>",
        "\n<?xml version='1.0'?><a/>",
        "<!DOCTYPE a><a/>",
        "<a><!-- x --></a>",
        "< a></ a>",
        "<a><b><c><d/></c></b></a>",
        "<a>" + "<b/>" * (MAX_CHILDREN + 1) + "</a>",
    ],
)
def test_what_is_no_message_is_refused(text: str) -> None:
    with pytest.raises(ProtocolError):
        parse(text)


def test_as_many_fields_as_allowed_are_read() -> None:
    assert len(parse("<a>" + "<b/>" * MAX_CHILDREN + "</a>").children) == MAX_CHILDREN


@pytest.mark.parametrize("encoding", ["UTF-8", "ISO-8859-2", "UTF-16", "no-such-thing"])
def test_what_a_message_declares_about_its_encoding_changes_nothing(encoding: str) -> None:
    assert parse(f'<?xml version="1.0" encoding="{encoding}"?><a><b>á</b></a>').children == (Child("b", "á"),)


@pytest.mark.parametrize("layout", Layout)
def test_what_is_written_is_escaped_and_read_again(layout: Layout) -> None:
    document = Document("a", (Child("b", "<&>\"'á"), Child("c", "")))
    assert parse(write(document, layout, declaration=True)) == document


def test_tags_are_spelled_as_wanted() -> None:
    document = Document("a", ())
    spelled = [write(document, Layout.BARE, declaration=False, tags=tags) for tags in Tags]
    assert spelled == ["<a></a>", "<a></a >", "< a ></ a >"]
