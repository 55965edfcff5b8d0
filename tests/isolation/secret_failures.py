"""Calls with secrets that fail: refused, duplicate, cut off, or simply wrong."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final
from uuid import uuid4

import psycopg
from joserfc.jwk import ECKey
from psycopg import errors as sqlstate

from authority_queries import Encrypted, Keyring, NewToken
from authority_queries.errors import (
    CrossTenantError,
    DecryptionError,
    DuplicateError,
    InvalidArgumentError,
    InvalidValueError,
    MissingReferenceError,
    OpenTransactionError,
)
from authority_queries.records import Client
from authority_queries.secrets import format_request_uri
from tests.factories import HOUR
from tests.isolation.secret_operations import Operations

Call = Callable[[Operations, Client], object]
Failure = tuple[type[BaseException], Call]

_RAW: Final[dict[str, Failure]] = {
    "a password for its hash": (
        InvalidArgumentError,
        lambda ops, _: ops.user(password_hash=ops.mine.password),
    ),
    "a password for its new hash": (
        InvalidArgumentError,
        lambda ops, _: ops.store.users.set_password_hash(
            **ops.tenant,
            user_id=uuid4(),
            row_version=1,
            password_hash=ops.mine.password,
        ),
    ),
    "half a character in a password for its hash": (
        InvalidArgumentError,
        lambda ops, _: ops.user(password_hash=f"{ops.mine.password}\ud800"),
    ),
    "a client secret for its hash": (
        InvalidArgumentError,
        lambda ops, client: ops.store.client_secrets.add(
            **ops.tenant,
            client_uuid=client.id,
            secret_hash=ops.mine.token("client_secret").token,
        ),
    ),
    "a code_verifier for its challenge": (
        InvalidArgumentError,
        lambda ops, client: ops.issue(
            client, "access_9", "authorization_code", code_challenge=ops.mine.verifier
        ),
    ),
    "a request_uri for its hash": (
        InvalidArgumentError,
        lambda ops, client: ops.push(
            client,
            request_uri_hash=format_request_uri(ops.mine.token("request_uri")),
        ),
    ),
    "a one-time token for its hash": (
        InvalidArgumentError,
        lambda ops, _: ops.store.one_time_tokens.redeem(
            **ops.tenant,
            purpose="sign_in",
            token_hash=ops.mine.token("one_time_9").token.encode(),
        ),
    ),
    "a private key for its public JWK": (
        InvalidArgumentError,
        lambda ops, _: replace(
            ops.mine.signing_key,
            public_jwk=ECKey.import_key(ops.mine.signing_key.private_key).as_dict(
                private=True
            ),
        ),
    ),
    "a private key for its ciphertext": (
        InvalidArgumentError,
        lambda ops, _: Encrypted(
            ciphertext=ops.mine.signing_key.private_key, key_id="key"
        ),
    ),
    "a secret that another key encrypted": (
        DecryptionError,
        lambda ops, _: Keyring(current="key", keys={"key": bytes(32)}).decrypt(
            ops.mine.keyring.encrypt(
                ops.mine.signing_key.private_key, bound_to=("a", "row")
            ),
            bound_to=("a", "row"),
        ),
    ),
    "a client_id that is a request_uri": (
        InvalidArgumentError,
        lambda ops, _: ops.store.pushed_requests.redeem(
            **ops.tenant,
            request_uri_hash=ops.mine.token("request_uri").hash,
            client_id=format_request_uri(ops.mine.token("request_uri")),
            redemption_id=uuid4(),
        ),
    ),
    "a token in an id": (
        InvalidArgumentError,
        lambda ops, _: ops.store.users.get_by_id(
            **ops.tenant, user_id=ops.mine.token("access").token
        ),
    ),
    "a token in a text": (
        InvalidArgumentError,
        lambda ops, _: ops.store.tokens.revoke_by_id(
            **ops.tenant,
            token_id=uuid4(),
            reason=f"leaked: {ops.mine.token('access').token}",
        ),
    ),
    "a token in a payload": (
        InvalidArgumentError,
        lambda ops, client: ops.issue(
            client,
            "access_9",
            "access",
            payload=b"at=" + ops.mine.token("access").token.encode(),
        ),
    ),
    "a token for a tenant": (
        InvalidArgumentError,
        lambda ops, _: ops.store.users.get_by_id(
            tenant_id=ops.mine.token("access").token, user_id=uuid4()
        ),
    ),
}


def _presenting(raw: Any) -> dict[str, Call]:
    """Present the hash of a token or key that `raw` makes from the token."""

    def given(name: str) -> Callable[[Operations], dict[str, Any]]:
        hash_name = "key_hash" if name == "license_key" else "token_hash"
        return lambda ops: {**ops.tenant, hash_name: raw(ops.mine.token(name).token)}

    access, key = given("access"), given("license_key")
    reason = {"client_id": "app", "reason": "logout"}
    return {
        "get_by_hash": lambda ops, _: ops.store.tokens.get_by_hash(**access(ops)),
        "verify": lambda ops, _: ops.store.tokens.verify(**access(ops)),
        "revoke": lambda ops, _: ops.store.tokens.revoke(**access(ops), **reason),
        "create": lambda ops, client: ops.issue(
            client, "access_9", "access", token_hash=raw(ops.mine.token("access").token)
        ),
        "diagnose": lambda ops, _: ops.store.tokens.diagnose(**access(ops)),
        "issue_code": lambda ops, client: ops.issue_code(
            client,
            "authorization_code_9",
            user_id=uuid4(),
            token_hash=raw(ops.mine.token("authorization_code").token),
        ),
        "issue_to_client": lambda ops, client: ops.store.grants.issue_to_client(
            **access(ops), client_id=client.client_id, lifetime=HOUR
        ),
        "exchange": lambda ops, client: ops.store.exchanges.exchange(
            **access(ops),
            client_id=client.client_id,
            subject_token_hash=ops.mine.token("access").hash,
            lifetime=HOUR,
        ),
        "exchange_subject": lambda ops, client: ops.store.exchanges.exchange(
            **ops.tenant,
            token_hash=ops.mine.token("access_9").hash,
            client_id=client.client_id,
            subject_token_hash=raw(ops.mine.token("access").token),
            lifetime=HOUR,
        ),
        "get_by_key": lambda ops, _: ops.store.licenses.get_by_key(**key(ops)),
        "validate": lambda ops, _: ops.store.licenses.validate(**key(ops)),
        "create_license": lambda ops, _: ops.store.licenses.create(
            **key(ops), plan="team"
        ),
    }


def _redeeming(raw: Any) -> dict[str, Call]:
    """Present as `_presenting` does, where a transaction is refused."""
    return {
        "redeem_code": lambda ops, client: ops.redeem(
            client,
            "authorization_code",
            token_hash=raw(ops.mine.token("authorization_code").token),
        ),
        "refresh": lambda ops, client: ops.refresh(
            client,
            "refresh",
            "refresh_9",
            "access_9",
            token_hash=raw(ops.mine.token("refresh").token),
        ),
        "new_token": lambda ops, client: ops.refresh(
            client,
            "refresh",
            "refresh_9",
            "access_9",
            refresh_token=NewToken(
                hash=raw(ops.mine.token("refresh_9").token), lifetime=HOUR
            ),
        ),
    }


_MADE_OF_A_TOKEN: Final[dict[str, Callable[[str], object]]] = {
    "text": lambda token: token,
    "octets": lambda token: token.encode(),
    "hex": lambda token: token.encode().hex(),
    "32 letters": lambda token: token[-32:],
    "33 octets": lambda token: token[-33:].encode(),
    "nothing": lambda token: None,
}
RAW_FOR_HASH: Final = _RAW | {
    f"{name} of a token as {kind}": (InvalidArgumentError, call)
    for kind, make in _MADE_OF_A_TOKEN.items()
    for name, call in _presenting(make).items()
}

# These fail in a transaction of their own.
ALONE: Final[dict[str, Failure]] = {
    "a code_verifier as octets": (
        InvalidArgumentError,
        lambda ops, client: ops.redeem(
            client, "authorization_code", code_verifier=ops.mine.verifier.encode()
        ),
    ),
    "a token in a client_id": (
        InvalidArgumentError,
        lambda ops, client: ops.redeem(
            client, "authorization_code", client_id=ops.mine.token("access").token
        ),
    ),
    **{
        f"{name} of a token as {kind}": (InvalidArgumentError, call)
        for kind, make in _MADE_OF_A_TOKEN.items()
        for name, call in _redeeming(make).items()
    },
}

REFUSED: Final[dict[str, Failure]] = {
    "a second user of this name": (
        DuplicateError,
        lambda ops, _: ops.user(username="Ann"),
    ),
    "a token twice": (
        DuplicateError,
        lambda ops, client: ops.issue(client, "access", "access"),
    ),
    "a licence key twice": (
        DuplicateError,
        lambda ops, _: ops.store.licenses.create(
            **ops.tenant, key_hash=ops.mine.token("license_key").hash, plan="team"
        ),
    ),
    "a client that is not there": (
        MissingReferenceError,
        lambda ops, client: ops.issue(
            client, "access_9", "access", client_uuid=uuid4()
        ),
    ),
    "a refresh token without a family": (
        InvalidValueError,
        lambda ops, client: ops.issue(client, "refresh_9", "refresh"),
    ),
    "an e-mail address that is none": (
        InvalidArgumentError,
        lambda ops, _: ops.user(email=ops.mine.note),
    ),
    "an address that is none": (
        InvalidArgumentError,
        lambda ops, _: ops.store.login_attempts.record(
            **ops.tenant, username="ann", outcome="failed", address=ops.mine.note
        ),
    ),
    "half a character": (
        InvalidArgumentError,
        lambda ops, _: ops.user(display_name=f"{ops.mine.note}\ud800"),
    ),
    "NUL in JSON": (
        InvalidArgumentError,
        lambda ops, _: ops.user(attributes={"note": f"{ops.mine.note}\0"}),
    ),
    "half a character in JSON": (
        InvalidArgumentError,
        lambda ops, _: ops.user(attributes={ops.mine.note: "\ud800"}),
    ),
    "what JSON cannot say": (
        InvalidArgumentError,
        lambda ops, _: ops.user(attributes={ops.mine.note: object()}),
    ),
    "no duration": (
        InvalidArgumentError,
        lambda ops, client: ops.issue(
            client, "access_9", "access", lifetime=ops.mine.note
        ),
    ),
    "no time": (
        InvalidArgumentError,
        lambda ops, client: ops.issue(client, "access_9", "access", lifetime=-HOUR),
    ),
    "a redemption in a transaction": (
        OpenTransactionError,
        lambda ops, client: ops.redeem(client, "authorization_code"),
    ),
    "another tenant": (
        CrossTenantError,
        lambda ops, _: ops.store.users.get_by_username(
            tenant_id=uuid4(), username="ann"
        ),
    ),
}

# How a statement may end, as a trigger's body: the error, and the statement.
TRAPS: Final[dict[str, tuple[type[BaseException], str]]] = {
    "raised": (psycopg.DatabaseError, "raise exception 'no: %', new"),
    "unreadable": (InvalidValueError, "perform new::text::integer"),
    "canceled": (
        sqlstate.QueryCanceled,
        "perform pg_cancel_backend(pg_backend_pid()); perform pg_sleep(60)",
    ),
    "timed out": (sqlstate.QueryCanceled, "perform pg_sleep(60)"),
    "cut off": (
        psycopg.OperationalError,
        "perform pg_terminate_backend(pg_backend_pid()); perform pg_sleep(60)",
    ),
}
TRAPPED: Final = ("users", "client_secrets", "tokens", "licenses")

WRITES: Final[dict[str, Call]] = {
    "a user": lambda ops, _: ops.user(),
    "a secret": lambda ops, client: ops.store.client_secrets.add(
        **ops.tenant,
        client_uuid=client.id,
        secret_hash=ops.mine.hash_of("client_secret"),
    ),
    "a token": lambda ops, client: ops.issue(client, "access_9", "access"),
    "a licence": lambda ops, _: ops.store.licenses.create(
        **ops.tenant, key_hash=ops.mine.token("license_key_2").hash, plan="team"
    ),
}


def set_trap(dba: "psycopg.Connection[Any]", body: str) -> None:
    """Let each insert into the tables of secrets end in this way."""
    dba.execute(
        "create or replace function public.trap() returns trigger "
        "security definer language plpgsql as "
        f"$$ begin {body}; return new; end $$".encode()
    )
    for table in TRAPPED:
        dba.execute(
            f"create or replace trigger trap before insert on authority.{table} "
            "for each row execute function public.trap()".encode()
        )
