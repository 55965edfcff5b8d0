"""Clients whose keys are at their jwks_uri, on a real server with TLS."""

import asyncio
import json
import logging
import secrets
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import timedelta
from socket import socket
from threading import Barrier

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from authority_queries import AsyncAuthority, Authority, Settings
from authority_queries.contrib.oauth import (
    Answer,
    AsyncOutgoing,
    AsyncProvider,
    Outgoing,
    OutgoingRules,
    Provider,
    Request,
    client_keys,
)
from authority_queries.contrib.oauth.client_keys import KeptKeys, usable_keys
from authority_queries.engine.json_types import JsonObject, JsonValue
from authority_queries.testing import SampleTenant
from tests.contrib.flows import ISSUER, error, post
from tests.contrib.strangers import NAME, Names, Stranger, ok, stranger

pytestmark = pytest.mark.one_version

JWT = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
Key = ECKey | RSAKey | OKPKey


def new_key(kid: str) -> Key:
    return ECKey.generate_key("P-256", {"kid": kid})


FIRST, SECOND = new_key("first"), new_key("second")


@dataclass
class World:
    """A client with a jwks_uri, and the server that has its keys."""

    provider: Provider
    server: Stranger
    tenant: SampleTenant
    path: str
    now: list[float] = field(default_factory=lambda: [1000.0])

    @property
    def url(self) -> str:
        return self.server.url(self.path)

    def publish(self, *keys: Key, max_age: int = 3600) -> None:
        document = {"keys": [key.as_dict(private=False) for key in keys]}
        header = b"cache-control: max-age=%d" % max_age
        self.server.answers[self.path] = ok(json.dumps(document).encode(), header)

    def ask(self, key: Key = FIRST, **changed: JsonValue) -> Answer:
        return self.provider.token.answer(signed(key, **changed))

    def later(self, seconds: float) -> None:
        self.now[0] += seconds

    @property
    def fetched(self) -> int:
        asked = f"GET {self.path} ".encode()
        return sum(each.startswith(asked) for each in self.server.requests)


def signed(key: Key, **changed: JsonValue) -> Request:
    """Return a request of the client `signer` for a token of its own."""
    now = int(time.time())
    header = {"alg": "ES256", "kid": key.kid, **changed.pop("header", {})}  # type: ignore[dict-item]  # a dict
    claims = {
        "iss": "signer",
        "sub": "signer",
        "aud": ISSUER,
        "iat": now,
        "exp": now + 60,
        "jti": secrets.token_hex(8),
        **changed,
    }
    kept = {name: value for name, value in header.items() if value is not None}
    assertion = jwt.encode(kept, claims, key, algorithms=[str(header["alg"])])
    return post(
        "/token",
        grant_type="client_credentials",
        client_assertion_type=JWT,
        client_assertion=assertion,
    )


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stranger]:
    with stranger(tmp_path_factory.mktemp("tls")) as found:
        yield found


def rules(server: Stranger) -> OutgoingRules:
    return OutgoingRules(
        allow_loopback=True,
        ssl_context=server.trusting,
        resolver=Names({NAME: [["127.0.0.1"]] * 99}),
    )


@pytest.fixture
def world(
    provider: Provider,
    host: Stranger,
    authority_tenant: SampleTenant,
    monkeypatch: pytest.MonkeyPatch,
) -> World:
    own = Provider(
        provider.token._authority,
        provider.tenant_id,
        provider.settings,
        sender=Outgoing(rules(host)),
    )
    path = f"/{secrets.token_hex(4)}"
    found = World(own, host, authority_tenant, path)
    make_client(authority_tenant, found.url)
    found.publish(FIRST)
    monkeypatch.setattr(client_keys, "monotonic", lambda: found.now[0])
    return found


def make_client(
    tenant: SampleTenant, url: str, client_id: str = "signer", *, enabled: bool = True
) -> None:
    with tenant.unit() as store:
        store.clients.create(
            tenant_id=tenant.id,
            client_id=client_id,
            client_type="confidential",
            token_endpoint_auth_method="private_key_jwt",
            jwks_uri=url,
            enabled=enabled,
        )


def test_keys_are_fetched_once_in_their_lifetime(world: World) -> None:
    assert [world.ask().status for _ in range(3)] == [200] * 3
    assert world.fetched == 1
    world.later(3599)
    assert world.ask().status == 200
    world.later(1)
    assert world.ask().status == 200
    assert world.fetched == 2


def test_an_assertion_is_used_once(world: World) -> None:
    request = signed(FIRST)
    answers = [world.provider.token.answer(request).status for _ in range(2)]
    assert answers == [200, 401]


@pytest.mark.parametrize(("max_age", "lifetime"), [(0, 300), (10**8, 3600)])
def test_a_lifetime_has_bounds(world: World, max_age: int, lifetime: int) -> None:
    world.publish(FIRST, max_age=max_age)
    for seconds, fetched in ((0, 1), (lifetime - 1, 1), (1, 2)):
        world.later(seconds)
        assert world.ask().status == 200
        assert world.fetched == fetched


def test_a_new_key_is_fetched_at_most_once_a_minute(world: World) -> None:
    assert world.ask().status == 200
    world.publish(FIRST, SECOND)
    assert error(world.ask(SECOND), 401) == "invalid_client"  # within the minute
    world.later(60)
    assert [world.ask(key).status for key in (SECOND, FIRST)] == [200, 200]
    assert world.fetched == 2
    world.later(60)
    for number in range(9):
        assert world.ask(new_key(f"invented-{number}")).status == 401
    assert world.fetched == 3
    world.publish(SECOND)
    world.later(60)
    assert world.ask(new_key("invented")).status == 401
    assert world.ask(FIRST).status == 401  # it is no longer published
    assert world.fetched == 4


def test_a_failure_is_remembered_and_logged(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.server.answers[world.path] = b"HTTP/1.1 503 x\r\ncontent-length: 0\r\n\r\n"
    with caplog.at_level(logging.WARNING, "authority_queries.oauth"):
        for _ in range(3):
            answer = world.ask()
            assert error(answer, 401) == "invalid_client"
            assert "503" not in str(answer.body)
    assert world.fetched == 1
    [record] = caplog.records
    assert record.getMessage() == (
        "client 'signer': its jwks_uri cannot be used: the status is 503"
    )
    world.publish(FIRST)
    world.later(59)
    assert world.ask().status == 401
    world.later(1)
    assert world.ask().status == 200


def test_keys_outlive_a_failure_until_they_expire(world: World) -> None:
    assert world.ask().status == 200
    world.server.answers[world.path] = b""
    world.later(60)
    assert world.ask(SECOND).status == 401
    assert world.ask(FIRST).status == 200
    world.later(3540)
    assert world.ask(FIRST).status == 401


WRONG: dict[str, Callable[[], Request]] = {
    "another issuer": lambda: signed(FIRST, sub="other"),
    "another audience": lambda: signed(FIRST, aud="https://other.example"),
    "expired": lambda: signed(FIRST, exp=int(time.time()) - 60),
    "without an end": lambda: signed(FIRST, exp="never"),
    "unknown client": lambda: signed(FIRST, iss="nobody", sub="nobody"),
    "HMAC": lambda: signed(
        OctKey.generate_key(256, {"kid": "x"}),  # type: ignore[arg-type]  # on purpose
        header={"alg": "HS256"},
    ),
    "no JWT": lambda: replace(
        signed(FIRST),
        parameters=[
            ("grant_type", "client_credentials"),
            ("client_id", "signer"),
            ("client_assertion_type", JWT),
            ("client_assertion", "x.y.z"),
        ],
    ),
    "a secret": lambda: post(
        "/token",
        grant_type="client_credentials",
        client_id="signer",
        client_secret="guess",
    ),
    "nothing": lambda: post(
        "/token", grant_type="client_credentials", client_id="signer"
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_nothing_is_fetched_for(world: World, case: str) -> None:
    answer = world.provider.token.answer(WRONG[case]())
    assert error(answer, 401) == "invalid_client"
    assert world.fetched == 0


def test_nothing_is_fetched_for_a_disabled_client(world: World) -> None:
    make_client(world.tenant, world.url, "disabled", enabled=False)
    assert world.ask(iss="disabled", sub="disabled").status == 401
    assert world.fetched == 0


def test_a_private_jwks_uri_is_not_asked(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    make_client(world.tenant, "http://169.254.169.254/keys", "cloud")
    with caplog.at_level(logging.WARNING, "authority_queries.oauth"):
        assert world.ask(iss="cloud", sub="cloud").status == 401
    assert "the scheme is not https" in caplog.text


def test_eight_at_once_share_one_request(world: World) -> None:
    published = world.server.answers[world.path]

    def answer(connection: socket) -> None:
        time.sleep(0.2)
        connection.sendall(published)  # type: ignore[arg-type]  # octets

    world.server.answers[world.path] = answer
    barrier = Barrier(8)

    def ask(_: int) -> int:
        barrier.wait(timeout=20)
        return world.ask().status

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(8))) == [200] * 8
    assert world.fetched == 1


def test_the_asynchronous_form_shares_one_request(
    world: World, authority_settings: Settings
) -> None:
    async def run() -> list[int]:
        async with AsyncAuthority.open(authority_settings) as authority:
            provider = AsyncProvider(
                authority,
                world.tenant.id,
                world.provider.settings,
                sender=AsyncOutgoing(rules(world.server)),
            )
            asked = [provider.token.answer(signed(FIRST)) for _ in range(8)]
            answers = await asyncio.gather(*asked)
            presented = await provider.present(signed(FIRST))
            assert presented.is_authenticated
            return [answer.status for answer in answers]

    assert asyncio.run(run()) == [200] * 8
    assert world.fetched == 1


def test_no_connection_of_the_pool_waits_for_a_client(
    world: World, authority_settings: Settings
) -> None:
    """The only connection answers while the client's server does."""
    published = world.server.answers[world.path]
    answered: list[int] = []
    small = authority_settings.model_copy(
        update={"pool_max_size": 1, "pool_timeout": 1.0}
    )
    with Authority.open(small) as authority:
        provider = Provider(
            authority,
            world.tenant.id,
            world.provider.settings,
            sender=Outgoing(rules(world.server)),
        )

        def answer(connection: socket) -> None:
            answered.append(provider.jwks().status)
            connection.sendall(published)  # type: ignore[arg-type]  # octets

        world.server.answers[world.path] = answer
        assert provider.token.answer(signed(FIRST)).status == 200
    assert answered == [200]


def test_only_keys_that_sign_are_used() -> None:
    rsa = RSAKey.generate_key(2048, {"kid": "rsa"})
    small = {**rsa.as_dict(private=False), "n": "q" * 171}
    found = usable_keys(
        {
            "keys": [
                dict(FIRST.as_dict(private=True)),
                dict(rsa.as_dict(private=False)),
                {**small},
                {**OKPKey.generate_key("Ed25519").as_dict(private=False)},
                {**OctKey.generate_key(256).as_dict()},
                {**SECOND.as_dict(private=False), "use": "enc"},
                {"kty": "AKP", "alg": "ML-DSA-65", "pub": "x"},
                {"kty": "EC", "crv": "P-256", "x": "!", "y": []},
                {},
                "x",
                None,
            ]
        }
    )
    keys = found["keys"]
    assert isinstance(keys, list)
    kids = [key["kid"] for key in keys if isinstance(key, dict)]
    assert kids[:2] == ["first", "rsa"]
    assert len(kids) == 3
    assert all("d" not in key for key in keys if isinstance(key, dict))
    wrong: JsonObject
    for wrong in ({"keys": {}}, {}, {"keys": [{}] * 21}):
        with pytest.raises(ValueError, match="key set"):
            usable_keys(wrong)


def test_a_set_that_is_long_or_odd_is_refused(world: World) -> None:
    for body in (b"[]", b'{"keys": 1}', b'{"x": "%s"}' % (b"x" * 32768)):
        world.server.answers[world.path] = ok(body)
        assert error(world.ask(), 401) == "invalid_client"
        world.later(60)
    assert world.fetched == 3


def test_the_number_of_sets_has_a_bound() -> None:
    kept = KeptKeys()
    for number in range(501):
        kept.keep(f"https://{number}.example/", {"keys": []}, timedelta(hours=1))
        kept.find("https://1.example/")
    assert kept.find("https://0.example/") is None
    assert kept.find("https://1.example/") == {"keys": []}
    assert kept.find("https://500.example/") == {"keys": []}


def test_a_certificate_may_be_in_the_set(world: World) -> None:
    with world.tenant.unit() as store:
        store.clients.create(
            tenant_id=world.tenant.id,
            client_id="tls",
            client_type="confidential",
            token_endpoint_auth_method="self_signed_tls_client_auth",
            jwks_uri=world.url,
        )
    request = replace(
        post("/token", grant_type="client_credentials", client_id="tls"),
        certificate=b"a certificate",
    )
    key = {**FIRST.as_dict(private=False)}
    chain = [b64encode(b"a certificate").decode()]
    for member in ({"x5t#S256": request.certificate_thumbprint}, {"x5c": chain}):
        document = json.dumps({"keys": [{**key, **member}]})
        world.server.answers[world.path] = ok(document.encode())
        assert world.provider.token.answer(request).status == 200
        world.later(3600)
    renewed = replace(request, certificate=b"a renewed certificate")
    for status in (401, 401, 200):
        assert world.provider.token.answer(renewed).status == status
        member = {"x5t#S256": renewed.certificate_thumbprint}
        document = json.dumps({"keys": [{**key, **member}]})
        world.server.answers[world.path] = ok(document.encode())
        world.later(30)
    assert world.fetched == 4


def test_a_key_without_kid_may_be_alone(world: World) -> None:
    assert world.ask(header={"kid": None}).status == 200
    world.publish(FIRST, SECOND)
    world.later(60)
    assert world.ask(header={"kid": None}).status == 200  # the set of a minute ago
    world.later(3600)
    assert world.ask(header={"kid": None}).status == 401
