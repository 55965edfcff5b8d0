"""Calls with many rows: verification, issuance, the log of sign-ins, imports."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv6Address
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from authority_queries import (
    ClientTokenRequest,
    ImportedToken,
    ImportedUser,
    PastLoginAttempt,
    Store,
    mint_token,
)
from authority_queries.engine.runtime import JsonObject
from authority_queries.errors import (
    DuplicateError,
    InvalidArgumentError,
    InvalidValueError,
    MissingReferenceError,
    TenantInactiveError,
)
from authority_queries.records import Client
from tests.factories import (
    HOUR,
    make_authorization,
    make_client,
    make_service_account,
    make_tenant,
    make_token,
    make_user,
)
from tests.refusals import refusal_of

Dba = psycopg.Connection[Any]

NOW = datetime.now(UTC)
PHC = "$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA"
HOSTILE: JsonObject = {"quote": '"\\ \t\n\u2028', "snowman": "☃", "deep": [{"a": None}]}


def request(client: Client, **fields: Any) -> ClientTokenRequest:
    defaults = {
        "token_hash": mint_token("access", client.tenant_id).hash,
        "client_id": client.client_id,
        "lifetime": HOUR,
    }
    return ClientTokenRequest(**{**defaults, **fields})


def row(client: Client, **fields: Any) -> ImportedToken:
    defaults = {
        "type": "access",
        "token_hash": mint_token("access", client.tenant_id).hash,
        "client_uuid": client.id,
        "expires_at": NOW + HOUR,
    }
    return ImportedToken(**{**defaults, **fields})


def test_verified_tokens_are_in_the_callers_order(store: Store) -> None:
    client = make_client(store, make_tenant(store).id)
    other = make_client(store, make_tenant(store).id)
    user = make_user(store, client.tenant_id)
    first, _ = make_token(store, client, user_id=user.id, resources=["https://a.b"])
    second, _ = make_token(store, client)
    revoked, token = make_token(store, client)
    foreign, _ = make_token(store, other)
    store.tokens.revoke_by_id(
        tenant_id=client.tenant_id, token_id=token.id, reason="test"
    )
    asked = [
        second.hash,
        bytes(32),
        first.hash,
        revoked.hash,
        foreign.hash,
        second.hash,
    ]

    def one(token_hash: bytes, **fields: Any) -> object:
        return store.tokens.verify(
            tenant_id=client.tenant_id, token_hash=token_hash, **fields
        )

    def many(**fields: Any) -> list[Any]:
        return store.tokens.verify_many(
            tenant_id=client.tenant_id, token_hashes=asked, **fields
        )

    assert many() == [one(each) for each in asked]
    assert [each is not None for each in many()] == [
        True,
        False,
        True,
        *[False] * 2,
        True,
    ]
    named = many(resource="https://a.b")
    assert named == [one(each, resource="https://a.b") for each in asked]
    assert many(type="refresh") == [None] * len(asked)
    assert store.tokens.verify_many(tenant_id=client.tenant_id, token_hashes=[]) == []


@pytest.mark.one_version
def test_a_call_takes_at_most_1000_elements(sync_store: Store) -> None:
    client = make_client(sync_store, make_tenant(sync_store).id)
    calls: dict[str, Callable[[int], object]] = {
        "token_hashes": lambda n: sync_store.tokens.verify_many(
            tenant_id=client.tenant_id, token_hashes=[bytes(32)] * n
        ),
        "requests": lambda n: sync_store.grants.issue_many(
            tenant_id=client.tenant_id, requests=[request(client)] * n
        ),
        "attempts": lambda n: sync_store.login_attempts.record_many(
            tenant_id=client.tenant_id,
            attempts=[PastLoginAttempt(username="a", outcome="failed")] * n,
        ),
    }
    for argument, call in calls.items():
        with pytest.raises(InvalidArgumentError, match="at most 1000") as caught:
            call(1001)
        assert caught.value.argument == argument
    assert calls["token_hashes"](1000) == [None] * 1000
    assert calls["attempts"](1000) == 1000
    with pytest.raises(InvalidArgumentError, match="token_hashes must be a sequence"):
        sync_store.tokens.verify_many(
            tenant_id=client.tenant_id,
            token_hashes=bytes(32),  # type: ignore[arg-type]
        )
    with pytest.raises(InvalidArgumentError, match=r"^token_hashes\[1\] must have 32"):
        sync_store.tokens.verify_many(
            tenant_id=client.tenant_id, token_hashes=[bytes(32), b"short"]
        )
    with pytest.raises(InvalidArgumentError, match=r"^rows must be an iterable"):
        sync_store.imports.import_tokens(
            tenant_id=client.tenant_id,
            rows=None,  # type: ignore[arg-type]
        )


def test_each_request_has_the_outcome_of_its_own_call(store: Store) -> None:
    client = make_client(store, make_tenant(store).id)
    public = make_client(store, client.tenant_id, client_type="public")
    account = make_service_account(
        store,
        client.tenant_id,
        authorized_client_uuids=[client.id],
        allowed_scopes=["read"],
        allowed_resources=["https://a.b"],
    )
    of_account = {"service_account_id": account.id}
    full = request(
        client,
        scopes=["read", "write"],
        resources=["https://c.d"],
        authorization_details=[{"type": "payment", **HOSTILE}],
        cnf_jkt="k" * 43,
        cnf_x5t_s256="x" * 43,
        payload=b"\0\xff\\",
        properties=HOSTILE,
        lifetime=timedelta(days=40),
    )
    requests = [
        full,
        request(client, client_id="unknown"),
        request(public),
        request(client, scopes=["read"], resources=["https://a.b"], **of_account),
        request(client, scopes=["write"], **of_account),
        request(client, resources=["https://c.d"], **of_account),
        request(client, service_account_id=uuid4()),
        request(public, client_id=client.client_id),
    ]
    issued = store.grants.issue_many(tenant_id=client.tenant_id, requests=requests)
    assert [each.outcome for each in issued] == [
        "issued",
        "client_inactive",
        "client_public",
        "issued",
        "invalid_scope",
        "invalid_target",
        "service_account_inactive",
        "issued",
    ]
    token = store.tokens.get_by_hash(
        tenant_id=client.tenant_id, token_hash=full.token_hash
    )
    assert token is not None
    assert (token.id, token.scopes, token.expires_at) == (
        issued[0].token_id,
        issued[0].scopes,
        issued[0].expires_at,
    )
    assert token.expires_at - token.created_at == full.lifetime
    for name in (
        "scopes",
        "resources",
        "cnf_jkt",
        "cnf_x5t_s256",
        "payload",
        "properties",
    ):
        given = getattr(full, name)
        kept = getattr(token, name)
        assert (list(kept) if isinstance(given, list) else kept) == given, name
    assert list(token.authorization_details) == list(full.authorization_details)


def test_an_error_of_one_request_issues_nothing(store: Store) -> None:
    client = make_client(store, make_tenant(store).id)
    good = request(client)

    def issue(*requests: ClientTokenRequest) -> object:
        return store.grants.issue_many(tenant_id=client.tenant_id, requests=requests)

    with refusal_of("requests[1].scopes"):
        issue(good, request(client, scopes=["a b"]))
    with refusal_of("requests[1].lifetime"):
        issue(good, request(client, lifetime=timedelta(0)))
    with refusal_of("requests[1]"):
        issue(good, "no request")  # type: ignore[arg-type]
    with pytest.raises(DuplicateError, match="token_hash"):
        issue(good, request(client), good)
    assert not store.tokens.list_active_by_client(
        tenant_id=client.tenant_id, client_uuid=client.id
    ).items


def test_attempts_are_logged_at_their_time(store: Store, dba: Dba) -> None:
    tenant_id, user_id = make_tenant(store).id, uuid4()
    long_ago = NOW - timedelta(days=900)
    attempts = [
        PastLoginAttempt(
            username="Ann",
            outcome="failed",
            user_id=user_id,
            client_id="app",
            address=IPv6Address("::ffff:192.0.2.1"),
            reason='wrong "password"',
            correlation_id="c\\1",
            created_at=NOW - HOUR,
        ),
        PastLoginAttempt(username="ann", outcome="succeeded", created_at=NOW + HOUR),
        PastLoginAttempt(username="ann", outcome="succeeded", created_at=long_ago),
    ]
    logged = store.login_attempts.record_many(tenant_id=tenant_id, attempts=attempts)
    listed = store.login_attempts.list_recent_by_username(
        tenant_id=tenant_id, username="ann", within=timedelta(days=1)
    )
    newest, older = listed.items
    assert (logged, newest.created_at < NOW + HOUR) == (3, True)
    assert (older.created_at, older.user_id, older.client_id) == (
        NOW - HOUR,
        user_id,
        "app",
    )
    assert (older.address, older.reason, older.correlation_id) == (
        IPv4Address("192.0.2.1"),
        'wrong "password"',
        "c\\1",
    )
    places = dba.execute(
        "select tableoid::regclass::text from authority.login_attempts "
        "where tenant_id = %s and created_at = %s",
        (tenant_id, long_ago),
    ).fetchall()
    assert places == [("authority.login_attempts_default",)]


def test_a_refused_attempt_logs_none(store: Store) -> None:
    tenant_id = make_tenant(store).id
    good = PastLoginAttempt(username="ann", outcome="failed")
    bad: dict[str, PastLoginAttempt] = {
        "outcome": PastLoginAttempt(username="a", outcome="throttled"),  # type: ignore[arg-type]
        "created_at": PastLoginAttempt(
            username="a",
            outcome="failed",
            created_at=datetime(2026, 1, 1),
        ),
        "reason": PastLoginAttempt(username="a", outcome="failed", reason="r" * 2001),
    }
    for field, attempt in bad.items():
        with refusal_of(f"attempts[1].{field}"):
            store.login_attempts.record_many(
                tenant_id=tenant_id, attempts=[good, attempt]
            )
    assert not store.login_attempts.list_recent_by_username(
        tenant_id=tenant_id, username="ann"
    ).items


def test_imported_tokens_keep_their_times_and_are_skipped_when_repeated(
    store: Store, dba: Dba
) -> None:
    client = make_client(store, make_tenant(store).id)
    user = make_user(store, client.tenant_id)
    family = make_authorization(store, client, user_id=user.id, lifetime=2 * HOUR)
    issued = NOW - 3 * HOUR
    of_user = {"user_id": user.id, "authorization_id": family.id}
    rows = [
        row(
            client,
            scopes=["a", "b"],
            resources=["https://a.b"],
            payload=b"\0\\",
            properties=HOSTILE,
            created_at=issued,
            authenticated_at=issued - HOUR,
            **of_user,
        ),
        row(client, type="refresh", expires_at=NOW + 9 * HOUR, **of_user),
        row(client, created_at=issued),
        row(client, created_at=NOW + HOUR / 2),
    ]

    def load(**fields: Any) -> tuple[int, int]:
        report = store.imports.import_tokens(
            tenant_id=client.tenant_id, rows=iter(rows), **fields
        )
        return report.created, report.existing

    assert load(batch_size=3) == (4, 0)
    rows.insert(1, row(client))
    assert load(batch_size=2) == (1, 4)
    first, _, refresh, third, fourth = (
        store.tokens.get_by_hash(tenant_id=client.tenant_id, token_hash=each.token_hash)
        for each in rows
    )
    assert first is not None
    assert refresh is not None
    assert third is not None
    assert fourth is not None
    assert (first.created_at, first.authenticated_at, first.expires_at) == (
        issued,
        issued - HOUR,
        NOW + HOUR,
    )
    assert (first.payload, first.properties) == (b"\0\\", HOSTILE)
    assert (list(first.scopes), list(first.resources)) == (["a", "b"], ["https://a.b"])
    assert (third.created_at, third.authenticated_at) == (issued, issued)
    assert fourth.created_at < NOW + HOUR / 2
    # It expires with its family, and keeps the family from being pruned.
    assert refresh.expires_at == family.expires_at
    until = dba.execute(
        "select tokens_expire_at from authority.authorizations where id = %s",
        (family.id,),
    ).fetchone()
    assert until == (family.expires_at,)


def test_a_refused_token_is_named_and_its_batch_is_not_stored(store: Store) -> None:
    client = make_client(store, make_tenant(store).id)
    good = [row(client) for _ in range(4)]
    hour_ago = NOW - HOUR
    bad: list[tuple[type[Exception], str, ImportedToken]] = [
        (MissingReferenceError, "", row(client, client_uuid=uuid4())),
        (InvalidValueError, "", row(client, type="refresh")),
        (InvalidValueError, "", row(client, expires_at=hour_ago)),
        (
            InvalidValueError,
            "",
            row(client, created_at=hour_ago, authenticated_at=NOW),
        ),
        (InvalidArgumentError, ".scopes", row(client, scopes=["a b"])),
        (InvalidArgumentError, ".token_hash", row(client, token_hash=b"short")),
    ]
    for kind, field, refused in bad:
        rows = [*good, refused, row(client, client_uuid=uuid4())]
        with pytest.raises(kind, match=r"^rows\[4\]") as caught:
            store.imports.import_tokens(
                tenant_id=client.tenant_id, rows=rows, batch_size=3
            )
        argument = getattr(caught.value, "argument")  # noqa: B009 -- of both classes
        assert argument.startswith(f"rows[4]{field}")
    listed = store.tokens.list_active_by_client(
        tenant_id=client.tenant_id, client_uuid=client.id
    )
    assert {each.token_hash for each in listed.items} == {
        each.token_hash for each in good[:3]
    }


def test_nothing_is_imported_into_a_suspended_tenant(store: Store) -> None:
    client = make_client(store, make_tenant(store).id)
    store.tenants.suspend(tenant_id=client.tenant_id)
    with pytest.raises(TenantInactiveError):
        store.imports.import_tokens(tenant_id=client.tenant_id, rows=[row(client)])


def test_imported_users_keep_their_sub_and_sign_in(store: Store) -> None:
    tenant_id = make_tenant(store).id
    rows = [
        ImportedUser(
            subject_id="kc|1",
            username="Änn",
            email="Ann@example.com",
            email_verified=True,
            display_name='Ann "☃"',
            password_hash=PHC,
            status="suspended",
            attributes=HOSTILE,
            created_at=NOW - 9000 * HOUR,
        ),
        ImportedUser(subject_id="kc|2", username="bob"),
    ]
    for expected in ((2, 0), (0, 2)):
        report = store.imports.import_users(tenant_id=tenant_id, rows=rows)
        assert (report.created, report.existing) == expected
    ann = store.users.get_by_username(tenant_id=tenant_id, username="änn")
    assert ann is not None
    assert (ann.subject_id, ann.email, ann.email_verified) == (
        "kc|1",
        "Ann@example.com",
        True,
    )
    assert (ann.display_name, ann.password_hash, ann.status) == (
        'Ann "☃"',
        PHC,
        "suspended",
    )
    assert (ann.attributes, ann.created_at) == (HOSTILE, NOW - 9000 * HOUR)


def test_a_refused_user_is_named(store: Store) -> None:
    tenant_id = make_tenant(store).id
    client = make_client(store, tenant_id)
    make_user(store, tenant_id, username="taken")
    good = ImportedUser(subject_id="1", username="good")
    bad = [
        ImportedUser(subject_id="2", username="TAKEN"),
        ImportedUser(subject_id=client.client_id, username="free"),
        ImportedUser(subject_id="3", username="good"),
    ]
    for refused in bad:
        with pytest.raises(DuplicateError, match=r"^rows\[1\]"):
            store.imports.import_users(tenant_id=tenant_id, rows=[good, refused])
    with refusal_of("rows[1].email"):
        store.imports.import_users(
            tenant_id=tenant_id,
            rows=[good, ImportedUser(subject_id="4", username="x", email="no")],
        )
    assert store.users.get_by_username(tenant_id=tenant_id, username="good") is None


@pytest.mark.one_version
def test_an_import_in_a_unit_is_stored_whole_or_not_at_all(
    sync_store: Store, logins: Any
) -> None:
    client = make_client(sync_store, make_tenant(sync_store).id)
    rows = [row(client) for _ in range(5)]
    bad = row(client, client_uuid=uuid4())

    def load(*, autocommit: bool) -> int:
        with psycopg.connect(logins.app, autocommit=True) as connection:
            unit = Store.unit(connection, client.tenant_id, autocommit=autocommit)
            with pytest.raises(MissingReferenceError, match=r"^rows\[5\]"), unit as it:
                it.imports.import_tokens(
                    tenant_id=client.tenant_id, rows=[*rows, bad], batch_size=2
                )
        return len(
            sync_store.tokens.list_active_by_client(
                tenant_id=client.tenant_id, client_uuid=client.id
            ).items
        )

    assert load(autocommit=False) == 0
    assert load(autocommit=True) == 4
