"""What one case runs on: two tenants, their clients, and a person with a browser."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cached_property
from threading import Barrier
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

from joserfc.jwk import ECKey

from authority_queries import Maintenance, hash_client_secret, mint_token
from authority_queries.records import User
from authority_queries.testing import Clock, SampleTenant
from tests.cluster import Cluster
from tests.contrib.clients.drivers import (
    JWT,
    Authlib,
    Driver,
    Library,
    RefusedError,
    Registered,
    Tokens,
)
from tests.contrib.clients.issuers import ALLOWS, SESSION, Issuers

AT_ONCE: Final = 8
CALLBACK: Final = "http://127.0.0.1/callback"
_KEY: Final = ECKey.generate_key("P-256")
_METHODS: Final = {
    "app": "none",
    "other": "none",
    "basic": "client_secret_basic",
    "post": "client_secret_post",
    "signer": JWT,
    "remote": JWT,
}


def make_clients(tenant: SampleTenant, issuers: Issuers) -> str:
    """Create a client for each method of authentication, and a scope of an API.

    Return the secret of those that have one. The client `remote` publishes its keys.
    """
    secret = mint_token("client_secret", tenant.id).token
    keys = {"keys": [dict(_KEY.as_dict(private=False))]}
    issuers.keys.update(keys)
    with tenant.unit() as store:
        store.scopes.create(tenant_id=tenant.id, name="articles")
        for client_id, method in _METHODS.items():
            client = store.clients.create(
                tenant_id=tenant.id,
                client_id=client_id,
                client_type="public" if method == "none" else "confidential",
                redirect_uris=[CALLBACK],
                post_logout_redirect_uris=[CALLBACK],
                token_endpoint_auth_method=method,  # type: ignore[arg-type]  # one of them
                json_web_key_set=keys if client_id == "signer" else None,
                jwks_uri=issuers.keys_url if client_id == "remote" else None,
            )
            if method.startswith("client_secret"):
                store.client_secrets.add(
                    tenant_id=tenant.id,
                    client_uuid=client.id,
                    secret_hash=hash_client_secret(secret),
                )
    return secret


@dataclass(kw_only=True)
class Stage:
    """A case's world. `driver` is the library as the client `app`, unless named."""

    kind: type[Library]
    issuers: Issuers
    tenant: SampleTenant
    maintenance: Maintenance
    clock: Clock | None = None
    cluster: Cluster | None = None
    other_tenant: SampleTenant | None = None
    _opened: list[Driver] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.ann: User = self.tenant.user(email="ann@shop.example")

    @cached_property
    def abroad(self) -> "Stage":
        """The same at another tenant."""
        assert self.other_tenant is not None
        return replace(self, tenant=self.other_tenant, other_tenant=None, _opened=[])

    @property
    def issuer(self) -> str:
        return self.issuers.issuer(self.tenant.code)

    @property
    def api(self) -> str:
        return f"{self.issuers.origin}/api"

    @cached_property
    def cookie(self) -> str:
        return self.tenant.session(self.ann)[0]

    def driver(self, client_id: str = "app", **changed: Any) -> Driver:
        method = _METHODS.get(client_id, "none")
        secret = self.issuers.secrets[self.tenant.code]
        is_secret = method.startswith("client_secret")
        of = Registered(
            **{
                "issuer": self.issuer,
                "client_id": client_id,
                "secret": _KEY if method == JWT else secret if is_secret else None,
                "method": method,
                **changed,
            }
        )
        kind = self.kind if issubclass(self.kind, Driver) else Authlib
        driver = kind(of)
        self._opened.append(driver)
        return driver

    def visit(self, url: str, *, cookie: str | None = None, allows: bool = True) -> str:
        """Return where the browser is sent, or which page the person sees."""
        response = self.issuers.browser.get(
            url, headers=_cookies(cookie or self.cookie, allows=allows)
        )
        return response.headers.get("location") or response.text

    def approve(self, user_code: str, *, allows: bool = True) -> str:
        """Type a user code on the page for devices."""
        response = self.issuers.browser.post(
            self.issuer + "/device",
            data={"user_code": user_code},
            headers=_cookies(self.cookie, allows=allows),
        )
        return response.text

    def sign_in(self, driver: Driver | None = None, **more: str) -> Tokens:
        """Take the code flow to its end."""
        driver = driver or self.driver()
        return driver.redeem(self.visit(driver.begin(**more)))

    def subject(self, tokens: Tokens) -> str:
        """Return "alive" if the userinfo endpoint accepts the access token."""
        return outcome(lambda: self._userinfo(tokens)["sub"] and "alive")

    def _userinfo(self, tokens: Tokens) -> Tokens:
        return self.driver().get(self.issuer + "/userinfo", tokens["access_token"])

    def suspend(self) -> None:
        with self.maintenance.store() as store:
            store.tenants.suspend(tenant_id=self.tenant.id)

    def resume(self) -> None:
        with self.maintenance.store() as store:
            store.tenants.resume(tenant_id=self.tenant.id)

    def kill_database(self) -> None:
        assert self.cluster is not None
        self.cluster.kill()

    def start_database(self) -> None:
        assert self.cluster is not None
        self.cluster.start("-c", "fsync=off")

    def later(self, by: timedelta) -> None:
        """Move the database's clock forward."""
        assert self.clock is not None
        self.clock.advance(by)

    def close(self) -> None:
        for driver in self._opened:
            driver.close()
        if "abroad" in self.__dict__:
            self.abroad.close()


def _cookies(session: str, *, allows: bool) -> dict[str, str]:
    """Return the header of a browser, which keeps nothing."""
    return {"cookie": f"{SESSION}={session}" + (f"; {ALLOWS}=1" if allows else "")}


def registered(stage: Stage, **metadata: Any) -> Tokens:
    """Register as an installer does, before there is a client."""
    document = {"redirect_uris": [CALLBACK], "client_name": "Notes", **metadata}
    response = stage.issuers.browser.post(stage.issuer + "/register", json=document)
    found: Tokens = response.json()
    if response.is_error:
        raise RefusedError(found["error"])
    return found


def outcome(call: Callable[[], object]) -> str:
    """Return the error of a refusal, or what the call returns: tokens are "tokens"."""
    try:
        found = call()
    except RefusedError as error:
        return error.error
    if isinstance(found, dict):
        return "tokens" if "access_token" in found else "ok"
    return str(found)


def joined(*calls: Callable[[], object]) -> str:
    """Make the calls, one after the other. Return the outcomes of those that return."""
    return ", ".join(found for call in calls if (found := outcome(call)) != "None")


def scope_of(tokens: Tokens) -> str:
    """Return the scope of an answer, which OAuthLib makes a list."""
    scope = tokens["scope"]
    return scope if isinstance(scope, str) else " ".join(scope)


def at_once(calls: Sequence[Callable[[], Tokens]]) -> list[Tokens | str]:
    """Make the calls at the same time, each in a thread. Return tokens and errors."""
    barrier = Barrier(len(calls))

    def run(call: Callable[[], Tokens]) -> Tokens | str:
        barrier.wait(timeout=20)
        try:
            return call()
        except RefusedError as error:
            return error.error

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def without(url: str, *names: str, **changed: str) -> str:
    """Return the URL without these parameters, as an attacker in between sends it."""
    parts = urlsplit(url)
    kept = [(n, v) for n, v in parse_qsl(parts.query) if n not in {*names, *changed}]
    return parts._replace(query=urlencode([*kept, *changed.items()])).geturl()
