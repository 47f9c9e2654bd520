"""What every answer of the assembled portal has to keep to: addresses, headers, cookies, caches, methods and sizes."""

import json
import re
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlsplit

from tests.portal.accounts.front_door import letters
from tests.portal.browser import Browser
from tests.portal.security.asking import PLAIN, Answer, send
from tests.portal.security.town import COOKIE, HOST, OWNER, Ids, Town, opened
from tillbridge.portal.settings import PortalSettings

TARGETS: Final = (
    "https://evil.example/",
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "javascript:alert(1)",
    "data:text/html,x",
    "//[",
    "//℀.example",
    "http:evil.example",
    "/%0d%0aSet-Cookie: a=b",
    "\r\nSet-Cookie: a=b",
    " //evil.example",
    "evil.example",
    "/.//evil.example",
    "//evil.example@127.0.0.1:8480",
)
PATHS: Final = (
    "/static/../../../../etc/passwd",
    "/static/..%2f..%2f..%2fetc/passwd",
    "/static/%2e%2e/%2e%2e/settings.py",
    "/static/..\\..\\settings.py",
    "/static//etc/passwd",
    "/static/%00",
    "/static/base.css%00.png",
    "/static/.%252e/%252e/settings.py",
    "/static/../templates/base.html",
    "/static/" + "a/" * 2000,
    "/static/" + "a" * 300,
    "/static",
    "/static/",
    "//static/base.css",
)
KINDS: Final[tuple[tuple[str, str, int], ...]] = (
    ("GET", "/sign-in", 200),
    ("GET", "/", 303),
    ("GET", "/nowhere", 404),
    ("POST", "/nowhere", 404),
    ("PUT", "/sign-in", 405),
    ("POST", "/sign-in", 400),
    ("GET", "/healthz", 200),
    ("GET", "/static/base.css", 200),
    ("GET", "/static/none.css", 404),
    ("GET", "/v1/openapi.json", 200),
    ("GET", "/v1/nowhere", 404),
    ("POST", "/v1/pairing/start", 400),
    ("GET", "/v1/services", 401),
    ("GET", "/maintenance/calendar.ics", 200),
    ("GET", "/language/de?back=/sign-in", 303),
)


async def test_no_address_leads_to_another_site(town: Town) -> None:
    """Every parameter by which a page may be named that comes afterwards."""
    for target in TARGETS:
        told = quote(target, safe="")
        owner = await town.browser(OWNER)
        cookie = ("cookie", f"{COOKIE}={owner.cookies[COOKIE]}")
        asked = [
            await send(town.app, "GET", f"/language/de?back={told}"),
            await send(town.app, "GET", f"/sign-in?next={told}"),
            await send(town.app, "GET", f"/sign-in?next={told}", [*PLAIN, cookie]),
            await send(town.app, "GET", f"/step-up?next={told}", [*PLAIN, cookie]),
            await send(town.app, "GET", f"/profile/factors?next={told}", [*PLAIN, cookie]),
            await send(town.app, "GET", f"/profile/factors/totp?next={told}", [*PLAIN, cookie]),
        ]
        half = await town.browser(OWNER, half=True)
        door = ("cookie", f"{COOKIE}={half.cookies[COOKIE]}")
        asked.append(await send(town.app, "GET", f"/sign-in/factor?next={told}", [*PLAIN, door]))
        for answer in asked:
            assert answer.status < 500
            for going in answer.every("location"):
                _assert_stays(going)
            for going in re.findall(rb'name="next" value="([^"]*)"', answer.body):
                _assert_stays(going.decode())
            assert len(answer.every("set-cookie")) <= 1
            assert not [value for value in answer.every("set-cookie") if "a=b" in value]


def _assert_stays(going: str) -> None:
    assert going.startswith("/"), going
    assert not going.startswith(("//", "/\\")), going
    assert not urlsplit(going).netloc, going
    assert going.isprintable(), going


async def test_a_refused_form_leads_back_to_a_page_of_ours_alone(town: Town) -> None:
    for referrer in (
        "https://evil.example/x",
        "http://127.0.0.1:8480.evil.example/",
        f"http://{HOST}//evil.example/",
        f"http://{HOST}/people?q=1",
    ):
        headers = [*PLAIN, ("content-type", "application/x-www-form-urlencoded"), ("referer", referrer)]
        answer = await send(town.app, "POST", "/people/invite", headers, [b"name=x"])
        going = answer.one("location")
        assert going.startswith("/sign-in?next=/")
        page = await send(town.app, "GET", going)
        for after in re.findall(rb'name="next" value="([^"]*)"', page.body):
            _assert_stays(after.decode())


async def test_a_foreign_host_is_refused_before_anything_is_looked_at(town: Town) -> None:
    for headers in [
        [("host", "evil.example")],
        [],
        [("host", HOST), ("host", "evil.example")],
        [("host", "evil.example"), ("host", HOST)],
        [("host", f"{HOST}, evil.example")],
        [("host", "127.0.0.1.evil.example")],
        [("host", "evil.example@127.0.0.1")],
        [("host", "127.0.0.1:8480/../")],
        [("host", "127.0.0.1 ")],
        [("host", "")],
        [("host", "ⓛocalhost".encode().decode("latin-1"))],
    ]:
        before = await town.rows()
        for method, path in (("GET", "/sign-in"), ("POST", "/v1/pairing/start"), ("GET", "/static/base.css")):
            answer = await send(town.app, method, path, headers)
            assert answer.status in {400, 403, 421}, answer.status
            assert b"evil.example" not in answer.body or answer.one("content-type") == "application/problem+json"
        assert await town.rows() == before


async def test_headers_of_proxies_lead_no_link_astray(town: Town) -> None:
    """The link of a forgotten password goes to our own address, whatever a request says of hosts."""
    browser = Browser(town.app)
    page = (await browser.get("/password/forgotten")).text
    token = page.partition('name="token" value="')[2].partition('"')[0]
    headers = [
        *PLAIN,
        ("cookie", "; ".join(f"{name}={value}" for name, value in browser.cookies.items())),
        ("content-type", "application/x-www-form-urlencoded"),
        *((name, "evil.example") for name in ("x-forwarded-host", "x-host", "forwarded", "x-original-host")),
        ("x-forwarded-proto", "https"),
        ("x-original-url", "/operator"),
        ("x-rewrite-url", "/operator"),
        ("x-http-method-override", "GET"),
    ]
    answer = await send(town.app, "POST", "/password/forgotten", headers, [f"token={token}&email={OWNER}".encode()])
    assert answer.one("location") == "/password/forgotten?done=sent"
    (letter,) = [text for to, _, text in await letters(town.house) if to == OWNER and "/password/new" in text]
    assert "http://127.0.0.1:8480/password/new?link=" in letter
    assert "evil" not in letter


async def test_no_address_leaves_our_own_files(town: Town) -> None:
    for path in PATHS:
        answer = await send(town.app, "GET", path)
        assert answer.status in {400, 404, 405}, answer.status
        assert b"root:" not in answer.body


async def test_every_kind_of_answer_has_the_headers_that_keep_a_browser_safe(town: Town) -> None:
    for method, path, status in KINDS:
        answer = await send(town.app, method, path)
        assert answer.status == status
        _assert_safe(answer)


async def test_a_fault_of_ours_has_them_too_and_says_nothing_of_itself(town: Town) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("the innermost secret")

    object.__setattr__(town.house.database, "reading", broken)
    for accept in ("text/html", "application/json"):
        answer = await send(town.app, "GET", "/", [("host", HOST), ("accept", accept), ("cookie", f"{COOKIE}=x")])
        assert answer.status == 500
        assert b"innermost" not in answer.body
        assert b"Traceback" not in answer.body
        _assert_safe(answer)


def _assert_safe(answer: Answer) -> None:
    policy = dict(part.strip().partition(" ")[::2] for part in answer.one("content-security-policy").split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["frame-ancestors"] == "'none'"
    assert policy["base-uri"] == "'none'"
    assert policy["form-action"] == "'self'"
    assert "unsafe" not in answer.one("content-security-policy")
    assert answer.one("x-frame-options") == "DENY"
    assert answer.one("x-content-type-options") == "nosniff"
    assert answer.one("referrer-policy") == "same-origin"
    assert answer.one("cross-origin-opener-policy") == "same-origin"
    assert answer.one("cache-control")
    assert not answer.every("access-control-allow-origin")
    assert not answer.every("server")
    assert not answer.every("x-powered-by")


async def test_no_page_has_what_its_own_policy_forbids(town: Town) -> None:
    owner, read = await town.browser(OWNER), 0
    for door in town.doors("GET"):
        if door.template.endswith("/events"):
            continue
        reply = await owner.get(door.path(town.ids))
        if not reply.headers.get("content-type", "").startswith("text/html"):
            continue
        body = reply.body.decode()
        assert not re.search(r"<script(?![^>]*\ssrc=\"/static/)", body), door
        assert not re.search(r"<style|<[a-z][^>]*\s(?:style|on[a-z]+)=|javascript:", body), door
        assert not re.search(r"(?:src|action)=\"(?:https?:)?//", body), door
        read += 1
    assert read > 50


PUBLIC: Final = frozenset({"/maintenance/calendar.ics", "/shop/{slug}/pictures/{picture_id}"})
"""What is the same for everybody."""


async def test_nothing_that_is_somebodys_own_is_kept_by_a_cache(town: Town) -> None:
    owner, asked = await town.browser(OWNER), 0
    for door in town.doors("GET"):
        if door.template.endswith("/events") or door.template in PUBLIC:
            continue
        reply = await owner.get(door.path(town.ids))
        assert "no-store" in reply.headers["cache-control"], (door, reply.headers["cache-control"])
        asked += 1
    assert asked > 70


async def test_methods_that_a_page_does_not_have_are_refused_in_one_way(town: Town) -> None:
    owner, before = await town.browser(OWNER), await town.rows()
    cookie = ("cookie", f"{COOKIE}={owner.cookies[COOKIE]}")
    for path in ("/", "/people", "/v1/token", "/healthz", "/static/base.css", "/sign-in"):
        for method in ("PUT", "PATCH", "DELETE", "TRACE", "OPTIONS", "CONNECT", "PROPFIND", "get"):
            answer = await send(town.app, method, path, [*PLAIN, cookie, ("origin", f"http://{HOST}")])
            assert answer.status in {405, 404}, (method, path, answer.status)
            assert b"PROPFIND" not in answer.body
    assert await town.rows() == before


async def test_head_says_what_get_says_without_a_body(town: Town) -> None:
    owner = await town.browser(OWNER)
    cookie = ("cookie", f"{COOKIE}={owner.cookies[COOKIE]}")
    for path in ("/", "/locations", "/static/base.css", "/healthz", "/maintenance/calendar.ics"):
        whole, head = [await send(town.app, method, path, [*PLAIN, cookie]) for method in ("GET", "HEAD")]
        assert head.status == whole.status == 200
        assert head.one("content-type") == whole.one("content-type")


async def test_cookies_go_nowhere_else(built: tuple[Path, Ids], folder: Path) -> None:
    settings = PortalSettings(data=folder, address="https://portal.example")
    async with opened(settings, built[1]) as town:
        page = await send(town.app, "GET", "/sign-in", [("host", "portal.example"), ("accept", "text/html")])
        (door,) = page.every("set-cookie")
        assert door.startswith("__Host-tillbridge_portal_door=")
        flags = {part.strip().lower() for part in door.split(";")[1:]}
        assert flags == {"httponly", "secure", "samesite=lax", "path=/"}
        token = page.body.partition(b'name="token" value="')[2].partition(b'"')[0].decode()
        body = f"token={token}&email=auditor@bakery.example&password=warme-semmeln-am-morgen".encode()
        headers = [
            ("host", "portal.example"),
            ("origin", "https://portal.example"),
            ("content-type", "application/x-www-form-urlencoded"),
            ("cookie", door.partition(";")[0]),
        ]
        signed_in = await send(town.app, "POST", "/sign-in", headers, [body])
        assert signed_in.status == 303
        (given,) = signed_in.every("set-cookie")
        assert given.startswith("__Host-tillbridge_portal=")
        flags = {part.strip().lower() for part in given.split(";")[1:]}
        assert {"httponly", "secure", "samesite=lax", "path=/"} <= flags
        assert not [flag for flag in flags if flag.startswith("domain")]


async def test_a_body_beyond_its_limit_is_not_read(town: Town) -> None:
    for path, announced in [
        ("/sign-in", True),
        ("/sign-in", False),
        ("/v1/token", True),
        ("/v1/token", False),
        ("/v1/pairing/start", False),
    ]:
        pieces = [b"x" * 65536, b"y"]
        length = ("content-length", str(sum(map(len, pieces)))) if announced else ("transfer-encoding", "chunked")
        answer = await send(town.app, "POST", path, [*PLAIN, length, ("content-type", "application/json")], pieces)
        assert answer.status == 413


async def test_a_stranger_fills_no_memory_with_a_file(town: Town) -> None:
    """A file of unknown length is collected before anybody is asked who sends it: so it has the small limit."""
    read = 0

    async def receive() -> dict[str, object]:
        nonlocal read
        read += 65536
        return {"type": "http.request", "body": b"x" * 65536, "more_body": True}

    told: list[dict[str, object]] = []

    async def tell(message: dict[str, object]) -> None:
        told.append(message)

    path = f"/customers/upload/{town.ids['location_id']}/v2"
    scope = {
        "type": "http",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(b"host", HOST.encode()), (b"transfer-encoding", b"chunked")],
        "client": ("192.0.2.9", 1),
        "asgi": {"version": "3.0"},
    }
    await town.app(scope, receive, tell)  # type: ignore[arg-type]  # as plain dictionaries
    assert told[0]["status"] == 413
    assert read <= 512 * 1024


async def test_headers_beyond_their_limit_are_refused(town: Town) -> None:
    assert (await send(town.app, "GET", "/sign-in", [*PLAIN, ("x", "y" * 20_000)])).status == 413
    assert (await send(town.app, "GET", "/sign-in", [*PLAIN, ("cookie", f"{COOKIE}={'x' * 9000}")])).status == 200
    assert (
        await send(town.app, "GET", "/sign-in", [*PLAIN, ("cookie", "; ".join(f"a{n}=b" for n in range(900)))])
    ).status == 200
    assert (
        await send(town.app, "GET", "/sign-in", [*PLAIN, ("cookie", f'{COOKIE}="\\351\\000"; =; ;;')])
    ).status == 200
    assert (await send(town.app, "GET", "/sign-in", [*PLAIN, ("accept-language", "de;q=1e999," * 300)])).status == 200


async def test_forms_beyond_their_limit_are_refused(town: Town) -> None:
    owner = await town.browser(OWNER)
    headers = [
        *PLAIN,
        ("cookie", f"{COOKIE}={owner.cookies[COOKIE]}"),
        ("content-type", "application/x-www-form-urlencoded"),
    ]
    token = f"token={town.token_of(owner)}"
    for body in (token + "&a=b" * 500, token + "&name=%ff%fe", token + "&name=\udcff"):
        raw = body.encode("utf-8", "surrogateescape")
        assert (await send(town.app, "POST", "/profile", headers, [raw])).status == 400


async def test_hostile_json_is_refused_in_order(town: Town) -> None:
    for body in [
        b"[" * 60_000,
        b'{"suite":' * 8000,
        b'{"suite":"TB-PAIR-1","suite":"TB-PAIR-2"}',
        b"9" * 60_000,
        b'{"suite":NaN}',
        b"\xff\xfe",
        b"null",
        b"",
        b'{"suite":"TB-PAIR-1","location_number":"10047110\\u0000","share_a":"x"}',
    ]:
        for path in ("/v1/pairing/start", f"/v1/pairing/sessions/{'A' * 22}/finish", "/v1/link/rotation"):
            answer = await send(town.app, "POST", path, [*PLAIN, ("content-type", "application/json")], [body])
            assert 400 <= answer.status < 500, (path, answer.status)
            if answer.status != 404:
                assert answer.one("content-type") == "application/problem+json"
                json.loads(answer.body)


async def test_a_language_is_one_of_ours_or_nothing(town: Town) -> None:
    for name in ("xx", "€", "de%0d%0aSet-Cookie:a=b", "d" * 5000, "%00"):
        answer = await send(town.app, "GET", f"/language/{quote(name, safe='%')}")
        assert answer.status in {400, 404}
        assert not answer.every("set-cookie")
