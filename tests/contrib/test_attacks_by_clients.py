"""Attacks by clients, and by strangers, tried against the running example."""

import secrets
import time

import pytest

from authority_queries import hash_client_secret
from tests.contrib.attacking import (
    CALLBACK,
    Target,
    code_of,
    json_of,
)
from tests.contrib.flows import VERIFIER
from tests.contrib.strangers import stranger

pytestmark = pytest.mark.one_version

HERE = ["https://evil.example/"]


REGISTRATIONS: dict[str, dict[str, object]] = {
    "javascript": {"redirect_uris": ["javascript:alert(1)"]},
    "data": {"redirect_uris": ["data:text/html,x"]},
    "lines": {"redirect_uris": ["https://evil.example/\r\nX: y"]},
    "a policy": {"redirect_uris": ["https://evil.example;script-src/"]},
    "another policy": {"redirect_uris": ["https://evil.example,default-src/"]},
    "no ASCII": {"redirect_uris": ["https://\u0435vil.example/"]},
    "userinfo": {"redirect_uris": ["https://north.example@evil.example/"]},
    "http": {"redirect_uris": ["http://localhost.evil.example/"]},
    "many": {"redirect_uris": [f"https://e.example/{n}" for n in range(5000)]},
    "after sign-out": {"post_logout_redirect_uris": ["javascript:alert(1)"]},
    "metadata of the cloud": {"backchannel_logout_uri": "http://169.254.169.254/"},
    "a private address": {"backchannel_logout_uri": "https://10.0.0.1/"},
    "a private name": {"backchannel_logout_uri": "https://localhost/"},
    "an octal address": {"backchannel_logout_uri": "https://0177.0.0.1/"},
    "a file": {"backchannel_logout_uri": "file:///etc/passwd"},
    "keys at a private address": {"jwks_uri": "https://[::ffff:10.0.0.1]/keys"},
    "keys at an odd address": {"jwks_uri": "https://0x7f.0.0.1/keys"},
    "keys without TLS": {"jwks_uri": "http://127.0.0.1/keys"},
    "keys twice": {"jwks_uri": "https://evil.example/keys", "jwks": {"keys": []}},
    "a frame": {"frontchannel_logout_uri": "https://evil.example;script-src/"},
    "a turned name": {"client_name": "North\u202egnidarT"},
    "a name of two lines": {"client_name": "North\nTrading"},
    "client_credentials": {"grant_types": ["client_credentials"]},
    "exchanges": {"grant_types": ["urn:ietf:params:oauth:grant-type:token-exchange"]},
    "passwords": {"grant_types": ["password"]},
    "no keys": {"token_endpoint_auth_method": "private_key_jwt", "jwks": {}},
    "a long name": {"client_name": "x" * 10_000},
}


@pytest.mark.parametrize("case", REGISTRATIONS)
def test_a_stranger_cannot_register(target: Target, case: str) -> None:
    metadata = {"redirect_uris": HERE, **REGISTRATIONS[case]}
    assert "error" in json_of(target.register(**metadata), 400)


def test_a_stranger_becomes_nobody_else(target: Target) -> None:
    public = {"redirect_uris": HERE, "token_endpoint_auth_method": "none"}
    chosen = {"client_id": "spa", "consent_type": "implicit", "enabled": False}
    found = json_of(target.register(**public, **chosen, scope="ept:introspection"), 201)
    assert found["client_id"] != "spa"
    token = {"authorization": f"Bearer {found['registration_access_token']}"}
    with target.browser() as client:
        own = f"/register/{found['client_id']}"
        put = client.put(own, json={"redirect_uris": HERE}, headers=token)
        assert json_of(put, 400)["error"] == "invalid_client_metadata"  # confidential
        for method in ("GET", "PUT", "DELETE"):
            other = client.request(method, "/register/spa", headers=token, json={})
            assert other.status_code == 401
    with target.unit() as store:
        client_row = store.clients.get_by_client_id(
            tenant_id=target.tenant_id(), client_id=str(found["client_id"])
        )
    assert client_row is not None
    assert client_row.consent_type == "explicit"
    assert "ept:introspection" not in client_row.permissions


def test_a_token_is_shown_only_to_whom_it_concerns(target: Target) -> None:
    browser = target.signed_in(target.user())
    given = {
        "grant_type": "authorization_code",
        "code": code_of(browser, scope="openid offline_access"),
        "client_id": "spa",
        "redirect_uri": CALLBACK,
        "code_verifier": VERIFIER,
    }
    tokens = json_of(browser.post("/token", data=given))
    stranger = json_of(target.register(redirect_uris=HERE), 201)
    api = f"api-{secrets.token_hex(4)}"
    with target.unit() as store:
        row = store.clients.create(
            tenant_id=target.tenant_id(),
            client_id=api,
            client_type="confidential",
            permissions=["ept:introspection"],
        )
        store.client_secrets.add(
            tenant_id=target.tenant_id(),
            client_uuid=row.id,
            secret_hash=hash_client_secret("swordfish-and-more"),
        )

    def is_active(caller: tuple[str, str], token: object) -> bool:
        with target.browser() as client:
            answer = client.post("/introspect", data={"token": str(token)}, auth=caller)
        return json_of(answer)["active"] is True

    their_own = (str(stranger["client_id"]), str(stranger["client_secret"]))
    assert not is_active(their_own, tokens["access_token"])
    assert not is_active(their_own, tokens["refresh_token"])
    assert is_active((api, "swordfish-and-more"), tokens["access_token"])
    assert not is_active((api, "swordfish-and-more"), tokens["refresh_token"])
    with target.browser() as client:
        revoke = {"token": str(tokens["access_token"])}
        assert client.post("/revoke", data=revoke, auth=their_own).status_code == 200
    assert is_active((api, "swordfish-and-more"), tokens["access_token"])


def test_a_client_cannot_be_confused(target: Target) -> None:
    with target.browser() as client:
        for data, auth in (
            ({"client_id": "spa"}, ("notes", "x")),
            ({"client_id": "notes", "client_secret": "x"}, ("notes", "x")),
            ({"client_id": ["notes", "spa"]}, ("notes", "x")),
            ({"client_secret": ["a", "b"]}, ("notes", "x")),
        ):
            answer = client.post("/token", data=data, auth=auth)
            assert json_of(answer, 400)["error"] == "invalid_request"
        refused = [
            client.post("/token", data={"client_id": name, "grant_type": "x"}).json()
            for name in ("notes", "nobody")
        ]
        assert refused[0] == refused[1]
        in_the_query = client.post("/token?client_id=spa&grant_type=refresh_token")
        assert in_the_query.status_code == 401
        spoofed = {"x-client-cert": ":AAAA:", "client-cert": ":AAAA:"}
        form = {"client_id": "notes", "grant_type": "client_credentials"}
        answer = client.post("/token", data=form, headers=spoofed)
        assert json_of(answer, 401)["error"] == "invalid_client"


def test_notices_of_the_example_reach_this_machine_only(target: Target) -> None:
    user = target.user()
    browser = target.signed_in(user)
    with stranger() as here:
        here.answers["/bye"] = b"HTTP/1.1 204 x\r\n\r\n"
        uris = {"near": here.url("/bye", "127.0.0.1"), "far": "http://10.0.0.1/bye"}
        for client_id, uri in uris.items():
            with target.unit() as store:
                store.clients.create(
                    tenant_id=target.tenant_id(),
                    client_id=client_id,
                    client_type="public",
                    redirect_uris=[CALLBACK],
                    backchannel_logout_uri=uri,
                )
            given = {
                "grant_type": "authorization_code",
                "code": code_of(browser, client_id=client_id),
                "client_id": client_id,
                "redirect_uri": CALLBACK,
                "code_verifier": VERIFIER,
            }
            json_of(browser.post("/token", data=given))
        with target.unit() as store:
            store.sessions.end_all(
                tenant_id=target.tenant_id(), user_id=user.id, reason="signed_out"
            )
        end = time.monotonic() + 20
        while not (here.requests and "RefusedTargetError" in failures(target)):
            assert time.monotonic() < end
            time.sleep(0.05)
    assert b"logout_token=" in here.requests[0]


def failures(target: Target) -> list[str | None]:
    """Return the errors of notices that wait for another try."""
    with target.unit() as store:
        page = store.logout_notices.list(tenant_id=target.tenant_id())
    return [notice.last_error for notice in page.items]
