"""Requests to addresses that strangers chose, on real sockets, in both forms.

A resolver of the tests maps names to addresses. `allow_loopback` stands for the public
network where a connection must succeed.
"""

import asyncio
import gzip
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_address, ip_network

import pytest

from authority_queries.contrib.oauth import (
    AsyncOutgoing,
    Fetched,
    Outgoing,
    OutgoingRules,
    RefusedAnswerError,
    RefusedTargetError,
)
from authority_queries.contrib.oauth.addresses import is_public
from authority_queries.contrib.oauth.outgoing_rules import system_addresses
from authority_queries.contrib.oauth.registered_uris import is_public_uri
from authority_queries.errors import InvalidArgumentError
from tests.contrib.strangers import (
    NAME,
    Answer,
    Names,
    Stranger,
    dripping,
    endless,
    ok,
    stranger,
)

pytestmark = pytest.mark.one_version

HERE = [["127.0.0.1"]] * 99
SOON = timedelta(seconds=0.3)
LONG = timedelta(seconds=20)
DOCUMENT = ok(b'{"client_id": "x"}', b"cache-control: private, max-age=600")

Ask = Callable[[OutgoingRules, str], Fetched]


def fetch_async(rules: OutgoingRules, url: str) -> Fetched:
    return asyncio.run(AsyncOutgoing(rules).fetch(url))


def fetch(rules: OutgoingRules, url: str) -> Fetched:
    return Outgoing(rules).fetch(url)


@pytest.fixture(params=[fetch, fetch_async], ids=["blocking", "asynchronous"])
def ask(request: pytest.FixtureRequest) -> Ask:
    found: Ask = request.param
    return found


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stranger]:
    """A server with TLS on this machine."""
    with stranger(tmp_path_factory.mktemp("tls"), NAME, "127.0.0.1") as found:
        found.answers["/ok"] = DOCUMENT
        yield found


@pytest.fixture(autouse=True)
def _forgotten(host: Stranger) -> None:
    host.requests.clear()
    host.connections = 0


@pytest.fixture
def here(host: Stranger) -> OutgoingRules:
    """Rules with which a request succeeds."""
    return OutgoingRules(
        allow_loopback=True,
        ssl_context=host.trusting,
        resolver=Names({NAME: HERE}),
        timeout=LONG,
    )


PRIVATE = """
    0.0.0.0 10.0.0.1 100.64.0.1 100.100.100.200 127.0.0.1 127.255.255.254
    169.254.169.254 172.16.0.1 172.31.255.255 192.0.0.192 192.0.2.1 192.88.99.1
    192.168.0.1 198.18.0.1 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255
    240.0.0.1 255.255.255.255 168.63.129.16
    :: ::1 ::ffff:127.0.0.1 ::ffff:8.8.8.8 ::127.0.0.1 64:ff9b::127.0.0.1
    64:ff9b::a9fe:a9fe 64:ff9b:1::808:808 100::1 2001::1 2001:2::1 2001:10::1
    2001:db8::1 2002:7f00:1::1 2002:808:808::1 3fff::1 5f00::1 fc00::1 fd00:ec2::254
    fe80::1 fe80::1%eth0 fec0::1 ff02::1 2606:4700::5efe:10.0.0.1
    2606:4700::200:5efe:10.0.0.1
"""
PUBLIC = "8.8.8.8 1.1.1.1 172.32.0.1 100.128.0.1 2606:4700::1111 64:ff9b::808:808"


@pytest.mark.parametrize("address", PRIVATE.split())
def test_an_address_is_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", PUBLIC.split())
def test_an_address_is_public(address: str) -> None:
    target = OutgoingRules().target(f"https://{NAME}/")
    assert OutgoingRules().check(target, [address]) == [address]


@pytest.mark.parametrize("address", PRIVATE.split())
def test_a_name_of_a_private_address_is_not_connected(ask: Ask, address: str) -> None:
    names = Names({NAME: [[address]], "both.example": [["8.8.8.8", address]]})
    rules = OutgoingRules(resolver=names, timeout=LONG)
    for name in (NAME, "both.example"):
        with pytest.raises(RefusedTargetError, match="is not a public address"):
            ask(rules, f"https://{name}/")
    assert names.asked == [NAME, "both.example"]


ODD = [
    "http://client.example/",
    "ftp://client.example/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:6379/_x",
    "//client.example/",
    "https:client.example",
    "https:///x",
    "https://",
    "",
    "https://localhost/",
    "https://localhost./",
    "https://metadata/",
    "https://127.0.0.1/",
    "https://127.1/",
    "https://127.0.0.1./",
    "https://2130706433/",
    "https://017700000001/",
    "https://0x7f000001/",
    "https://0x7f.0.0.1/",
    "https://0x7f.0x0.0x0.0x1/",
    "https://0177.0.0.1/",
    "https://1.2.3.4.5/",
    "https://client.example.0x7f/",
    "https://[::1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:a9fe:a9fe]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[fe80::1%25eth0]/",
    "https://[::1",
    "https://[client.example]/",
    "https://169.254.169.254/latest/meta-data/",
    "https://client.example@127.0.0.1/",
    "https://127.0.0.1#@client.example/",
    "https://127.0.0.1\\@client.example/",
    "https://user:password@client.example/",
    "https://@client.example/",
    "https://client.example:25/",
    "https://client.example:8443/",
    "https://client.example:0/",
    "https://client.example:65536/",
    "https://client.example:x/",
    "https://client.example:+443/",
    "https://client.example/\r\nx: y",
    "https://client.example/\x00",
    "https://client.example/ x",
    "https://client.example /",
    "https://client\t.example/",
    "https://cl\u0131ent.example/",
    "https://①②⑦.⓪.⓪.①/",
    "https://127。0。0。1/",
    "https://client.example/#fragment",
    "https://%31%32%37.0.0.1/",
    "https://client_example/",
    "https://client.example/" + "x" * 2048,
]


@pytest.mark.parametrize("url", ODD, ids=ascii)
def test_an_odd_url_is_not_looked_up(ask: Ask, url: str) -> None:
    names = Names({})
    with pytest.raises(RefusedTargetError):
        ask(OutgoingRules(resolver=names), url)
    assert names.asked == []


def test_a_document_is_fetched(ask: Ask, host: Stranger, here: OutgoingRules) -> None:
    found = ask(here, host.url("/ok?a=b%20c"))
    assert found.document == {"client_id": "x"}
    assert found.max_age == timedelta(minutes=10)
    head, *lines = host.requests[0].decode().strip().split("\r\n")
    assert head == "GET /ok?a=b%20c HTTP/1.1"
    assert sorted(line.lower() for line in lines) == [
        "accept-encoding: identity",
        "accept: application/json",
        "connection: close",
        f"host: {NAME}:{host.port}",
        "user-agent: authority-queries",
    ]


def test_a_second_answer_of_dns_has_no_effect(
    ask: Ask, host: Stranger, here: OutgoingRules
) -> None:
    names = Names({NAME: [["127.0.0.1"], ["169.254.169.254"]]})
    rules = replace(here, resolver=names)
    assert ask(rules, host.url("/ok")).document
    assert names.asked == [NAME]
    with pytest.raises(RefusedTargetError):
        ask(rules, host.url("/ok"))


def test_the_system_resolves_names_and_the_answer_is_judged(
    ask: Ask, host: Stranger
) -> None:
    assert set(system_addresses("localhost", 443)) <= {"127.0.0.1", "::1"}
    with pytest.raises(OSError):  # noqa: PT011 -- which one depends on the system
        ask(OutgoingRules(timeout=LONG), "https://nobody.invalid/")
    with pytest.raises(RefusedTargetError):
        OutgoingRules().check(
            OutgoingRules().target("https://a.example/"),
            system_addresses("localhost", 443),
        )
    assert host.connections == 0


ANSWERS: Mapping[str, bytes | Answer] = {
    "redirect": b"HTTP/1.1 302 Found\r\nlocation: /ok\r\ncontent-length: 0\r\n\r\n",
    "redirect of a form": b"HTTP/1.1 307 x\r\nlocation: /ok\r\n\r\n",
    "error": b"HTTP/1.1 500 x\r\ncontent-length: 2\r\n\r\n{}",
    "long": ok(b'{"a": "%s"}' % (b"x" * 5120)),
    "length that lies": b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n{",
    "endless": endless(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 4096),
    "endless chunks": endless(
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", b"1\r\nx\r\n"
    ),
    "endless extensions": endless(
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1", b";x=" + b"x" * 4096
    ),
    "endless trailers": endless(
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n",
        b"x: y\r\n",
    ),
    "endless head": endless(b"HTTP/1.1 200 OK\r\n", b"x: y\r\n"),
    "endless line": endless(b"HTTP/1.1 200 OK\r\nx: ", b"y" * 4096),
    "endless interim answers": endless(b"", b"HTTP/1.1 103 x\r\n\r\n"),
    "compressed": ok(gzip.compress(b" " * 10**6 + b"{}"), b"content-encoding: gzip"),
    "deep": ok(b"[" * 2500 + b"]" * 2500),
    "a list": ok(b"[]"),
    "no JSON": ok(b"<html>"),
    "a large number": ok(b'{"a": ' + b"1" * 5000 + b"}"),
    "no HTTP": b"220 mail.example ESMTP\r\n",
    "nothing": b"",
    "half": b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{",
    "two lengths": ok(b"{}", b"content-length: 3"),
    "upgrade": b"HTTP/1.1 101 x\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
}


@pytest.mark.parametrize("case", ANSWERS)
def test_an_odd_answer_is_refused(
    ask: Ask, host: Stranger, here: OutgoingRules, case: str
) -> None:
    path = "/" + case.replace(" ", "_")
    host.answers[path] = ANSWERS[case]
    with pytest.raises((RefusedAnswerError, ConnectionError)):
        ask(here, host.url(path))
    assert len(host.requests) == 1


SLOW: Mapping[str, bytes | Answer] = {
    "head": dripping(DOCUMENT),
    "body": dripping(b"HTTP/1.1 200 OK\r\n\r\n" + b" " * 500),
    "interim answers": dripping(b"HTTP/1.1 100 x\r\n\r\n" * 50),
    "silence": lambda _: time.sleep(2),
}


@pytest.mark.parametrize("case", SLOW)
def test_a_slow_answer_ends_in_time(
    ask: Ask, host: Stranger, here: OutgoingRules, case: str
) -> None:
    path = "/slow_" + case.replace(" ", "_")
    host.answers[path] = SLOW[case]
    assert _seconds(ask, replace(here, timeout=SOON), host.url(path)) < 1


def test_a_slow_handshake_or_lookup_ends_in_time(ask: Ask, here: OutgoingRules) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"https://{NAME}:{silent.getsockname()[1]}/"
        assert _seconds(ask, replace(here, timeout=SOON), url) < 1
    released = threading.Event()

    def hanging(host: str, port: int) -> list[str]:
        released.wait(10)
        return []

    try:
        rules = OutgoingRules(timeout=SOON, resolver=hanging)
        assert _seconds(ask, rules, f"https://{NAME}/") < 1
    finally:
        released.set()


def _seconds(ask: Ask, rules: OutgoingRules, url: str) -> float:
    """Return how long a request took that ran out of time."""
    begin = time.monotonic()
    with pytest.raises(TimeoutError):
        ask(rules, url)
    return time.monotonic() - begin


def test_lookups_that_hang_are_limited() -> None:
    released = threading.Event()

    def hanging(host: str, port: int) -> list[str]:
        released.wait(10)
        return []

    rules = OutgoingRules(timeout=timedelta(seconds=0.01), resolver=hanging)
    errors = []
    try:
        for _ in range(40):
            with pytest.raises(OSError) as caught:  # noqa: PT011 -- the kinds are counted
                fetch(rules, f"https://{NAME}/")
            errors.append(type(caught.value))
    finally:
        released.set()
    assert errors.count(TimeoutError) == 32
    assert errors.count(OSError) == 8


def test_a_certificate_of_another_name_is_refused(
    ask: Ask, host: Stranger, here: OutgoingRules
) -> None:
    rules = replace(here, resolver=Names({NAME: HERE, "other.example": HERE}))
    for other, url in (
        (rules, host.url("/ok", "other.example")),
        (replace(rules, ssl_context=None), host.url("/ok")),
    ):
        with pytest.raises(ConnectionError, match=r"(?i)certificate"):
            ask(other, url)
    assert host.requests == []


def test_http_is_for_this_machine_in_development(ask: Ask) -> None:
    with stranger() as plain:
        plain.answers["/ok"] = DOCUMENT
        names = Names({NAME: HERE, "localhost": HERE})
        rules = OutgoingRules(allow_loopback=True, resolver=names, timeout=LONG)
        for name in ("127.0.0.1", "localhost"):
            assert ask(rules, plain.url("/ok", name)).document
        for refused, name in (
            (rules, NAME),
            (OutgoingRules(resolver=names), "127.0.0.1"),
            (OutgoingRules(resolver=names), "localhost"),
        ):
            with pytest.raises(RefusedTargetError):
                ask(refused, plain.url("/ok", name))
        away = Names({"localhost": [["10.0.0.1"], ["8.8.8.8"]]})
        for _ in range(2):
            with pytest.raises(RefusedTargetError):
                ask(replace(rules, resolver=away), plain.url("/ok", "localhost"))
        assert plain.connections == 2


def test_development_opens_no_other_private_address(ask: Ask) -> None:
    names = Names({NAME: [["10.0.0.1"], ["169.254.169.254"]]})
    rules = OutgoingRules(allow_loopback=True, resolver=names)
    for _ in range(2):
        with pytest.raises(RefusedTargetError):
            ask(rules, f"https://{NAME}/")


def test_networks_of_your_own_are_refused(ask: Ask) -> None:
    names = Names({NAME: [["8.8.8.8"]]})
    rules = OutgoingRules(resolver=names, refused_networks=[ip_network("8.8.8.0/24")])
    with pytest.raises(RefusedTargetError):
        ask(rules, f"https://{NAME}/")
    with pytest.raises(RefusedTargetError):
        ask(rules, "https://8.8.8.8/")


def test_the_next_address_is_tried(
    ask: Ask, host: Stranger, here: OutgoingRules
) -> None:
    names = Names({NAME: [["127.0.0.2", "127.0.0.3", "127.0.0.1"]]})
    assert ask(replace(here, resolver=names), host.url("/ok")).document


def test_a_proxy_is_used_only_if_the_rules_name_it(
    ask: Ask,
    host: Stranger,
    here: OutgoingRules,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with stranger() as proxy:
        proxy.answers[f"{NAME}:443"] = b"HTTP/1.1 403 Forbidden\r\n\r\n"
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "https_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert ask(here, host.url("/ok")).document
        assert proxy.connections == 0
        rules = OutgoingRules(proxy=f"http://127.0.0.1:{proxy.port}", timeout=LONG)
        with pytest.raises(ConnectionError, match="403"):
            ask(rules, f"https://{NAME}/")
        assert proxy.requests[0].startswith(b"CONNECT client.example:443 ")
        with pytest.raises(RefusedTargetError):
            ask(rules, "https://10.0.0.1/")
    with pytest.raises(InvalidArgumentError, match="proxy"):
        replace(rules, allow_loopback=True)


def test_a_compressed_answer_is_not_read(
    ask: Ask, host: Stranger, here: OutgoingRules
) -> None:
    host.answers["/coded"] = ok(b"{}", b"content-encoding: identity")
    with pytest.raises(RefusedAnswerError, match="compressed"):
        ask(here, host.url("/coded"))


def test_an_address_of_version_6_has_brackets() -> None:
    target = OutgoingRules().target("https://[2606:4700::1111]/a?b")
    assert (target.host, target.authority) == ("2606:4700::1111", "[2606:4700::1111]")
    assert (target.port, target.path) == (443, "/a?b")


def test_no_cookie_and_no_connection_is_kept(
    ask: Ask, host: Stranger, here: OutgoingRules
) -> None:
    host.answers["/sets"] = ok(b"{}", b"set-cookie: a=b; Path=/")
    outgoing = Outgoing(here)
    for _ in range(2):
        outgoing.fetch(host.url("/sets"))
    assert host.connections == 2
    assert b"cookie" not in host.requests[1].lower()


@pytest.mark.parametrize("is_async", [False, True])
def test_a_form_is_posted_and_the_answer_is_not_read(
    host: Stranger, here: OutgoingRules, *, is_async: bool
) -> None:
    host.answers["/notified"] = endless(b"HTTP/1.1 204 x\r\n\r\n", b"x")
    host.answers["/moved"] = ANSWERS["redirect of a form"]
    host.answers["/refused"] = endless(b"HTTP/1.1 400 x\r\n\r\n", b"x" * 4096)

    def post(path: str) -> int:
        form = {"logout_token": "a.b&c"}
        if is_async:
            return asyncio.run(AsyncOutgoing(here).post(host.url(path), form))
        return Outgoing(here).post(host.url(path), form)

    found = [post(path) for path in ("/notified", "/moved", "/refused")]
    assert found == [204, 307, 400]
    assert [each.split()[1] for each in host.requests] == [
        b"/notified", b"/moved", b"/refused"
    ]  # fmt: skip
    head, _, body = host.requests[0].partition(b"\r\n\r\n")
    assert body == b"logout_token=a.b%26c"
    assert b"content-type: application/x-www-form-urlencoded" in head.lower()


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (b"max-age=60", 60),
        (b'public, MAX-AGE="60"', 60),
        (b"max-age=60, no-store", 0),
        (b"no-cache", 0),
        (b"max-age=-1", 0),
        (b"max-age=99999999999999999999", 0),
        (b"max-age=60, max-age=5", 5),
        (b"s-maxage=60", 0),
    ],
)
def test_the_age_of_a_document_is_its_servers(
    host: Stranger, here: OutgoingRules, header: bytes, seconds: int
) -> None:
    host.answers["/aged"] = ok(b"{}", b"cache-control: " + header)
    assert fetch(here, host.url("/aged")).max_age == timedelta(seconds=seconds)


def test_a_registered_uri_is_judged_by_the_same_rules() -> None:
    for url in ODD:
        is_of_another_port = ":8443" in url or ":25" in url
        assert is_public_uri(url) == is_of_another_port or ":0" in url, url
    assert is_public_uri("https://client.example/logout?a=b")
    assert json.loads(DOCUMENT.partition(b"\r\n\r\n")[2])
