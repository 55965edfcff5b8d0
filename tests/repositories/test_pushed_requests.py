from datetime import timedelta
from typing import Any, TypeAlias
from uuid import UUID, uuid4

import psycopg
import pytest

from authority_queries import Store, mint_token
from authority_queries.errors import (
    DuplicateError,
    InvalidArgumentError,
    InvalidValueError,
    NotFoundError,
)
from authority_queries.records import Client, PushedRequest
from authority_queries.secrets import TokenString
from authority_queries.testing import Clock
from tests.factories import make_client, make_pushed_request, make_tenant
from tests.refusals import refusal_of
from tests.stores import Logins

Dba: TypeAlias = "psycopg.Connection[Any]"
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
SESSION = UUID(int=1)


def redeem(
    store: Store, client: Client, reference: TokenString, session: UUID = SESSION
) -> PushedRequest | None:
    return store.pushed_requests.redeem(
        tenant_id=client.tenant_id,
        request_uri_hash=reference.hash,
        client_id=client.client_id,
        redemption_id=session,
    )


def test_a_request_is_stored_as_pushed_and_returned_at_redemption(store: Store) -> None:
    client = make_client(store, make_tenant(store).id)
    asked = {"response_type": "code", "nested": [{"a": None}], "dpop_jkt": "x" * 43}
    reference, pushed = make_pushed_request(store, client, parameters=asked)
    assert pushed.parameters == asked
    assert (pushed.client_uuid, pushed.request_uri_hash) == (client.id, reference.hash)
    assert pushed.expires_at - pushed.created_at == MINUTE
    assert pushed.redeemed_at is None
    redeemed = redeem(store, client, reference)
    assert redeemed is not None
    assert (redeemed.id, redeemed.parameters) == (pushed.id, asked)
    assert redeemed.redeemed_at is not None


def test_only_the_same_session_redeems_a_request_again(
    store: Store, clock: Clock
) -> None:
    client = make_client(store, make_tenant(store).id)
    reference, _ = make_pushed_request(store, client)
    first = redeem(store, client, reference)
    clock.advance(10 * SECOND)
    assert redeem(store, client, reference) == first
    assert redeem(store, client, reference, uuid4()) is None
    assert redeem(store, client, reference) == first


def test_only_the_client_that_pushed_a_request_redeems_it(store: Store) -> None:
    client = make_client(store, make_tenant(store).id)
    other = make_client(store, client.tenant_id)
    namesake = make_client(store, make_tenant(store).id, client_id=client.client_id)
    reference, _ = make_pushed_request(store, client)
    assert redeem(store, other, reference) is None
    assert redeem(store, namesake, reference) is None
    assert redeem(store, client, mint_token("request_uri", client.tenant_id)) is None
    assert redeem(store, client, reference) is not None
    assert redeem(store, other, reference) is None


def test_a_redeemed_request_expires_too(store: Store, clock: Clock) -> None:
    client = make_client(store, make_tenant(store).id)
    used, _ = make_pushed_request(store, client, lifetime=5 * SECOND)
    unused, _ = make_pushed_request(store, client, lifetime=5 * SECOND)
    assert redeem(store, client, used) is not None
    clock.advance(5 * SECOND)
    assert redeem(store, client, used) is None
    assert redeem(store, client, unused) is None


def test_a_disabled_client_neither_pushes_nor_redeems(store: Store, dba: Dba) -> None:
    client = make_client(store, make_tenant(store).id)
    reference, _ = make_pushed_request(store, client)
    dba.execute("update authority.clients set enabled = false")
    assert redeem(store, client, reference) is None
    with pytest.raises(NotFoundError, match="no enabled client"):
        make_pushed_request(store, client)
    dba.execute("update authority.clients set enabled = true")
    assert redeem(store, client, reference) is not None


def test_a_suspended_tenant_neither_pushes_nor_redeems(store: Store) -> None:
    tenants = [make_tenant(store) for _ in range(3)]  # the others stay active
    client = make_client(store, tenants[1].id)
    reference, _ = make_pushed_request(store, client)
    change = {"tenant_id": client.tenant_id}
    store.tenants.suspend(**change)
    assert redeem(store, client, reference) is None
    with pytest.raises(NotFoundError, match="no enabled client"):
        make_pushed_request(store, client)
    store.tenants.resume(**change)
    assert redeem(store, client, reference) is not None


def test_a_client_of_another_tenant_cannot_push(store: Store) -> None:
    client = make_client(store, make_tenant(store).id)
    with pytest.raises(NotFoundError):
        store.pushed_requests.create(
            tenant_id=make_tenant(store).id,
            request_uri_hash=mint_token("request_uri", client.tenant_id).hash,
            client_id=client.client_id,
            parameters={},
        )


def test_requests_are_deleted_with_their_client(store: Store, dba: Dba) -> None:
    client = make_client(store, make_tenant(store).id)
    make_pushed_request(store, client)
    store.clients.delete(tenant_id=client.tenant_id, client_uuid=client.id)
    assert dba.execute("select from authority.pushed_requests").fetchall() == []


@pytest.mark.parametrize("name", ["request_uri", "client_secret", "client_assertion"])
def test_forbidden_parameters_of_a_request_are_refused(store: Store, name: str) -> None:
    client = make_client(store, make_tenant(store).id)
    with pytest.raises(InvalidValueError, match="pushed_requests_parameters_check"):
        make_pushed_request(store, client, parameters={"scope": "a", name: "b"})


@pytest.mark.parametrize(
    ("resource", "is_valid"),
    [
        ("https://api.example/v1", True),
        (["https://api.example", "urn:example:%2F"], True),
        ([], True),
        ("https://api.example/#part", False),
        (["https://api.example", "/v1"], False),
        ("x:a\n", False),
        ([1], False),
        ({"uri": "urn:a"}, False),
        (None, False),
    ],
)
def test_a_resource_of_a_request_is_an_absolute_uri(
    sync_store: Store, resource: object, *, is_valid: bool
) -> None:
    client = make_client(sync_store, make_tenant(sync_store).id)
    parameters = {"resource": resource}
    if is_valid:
        _, request = make_pushed_request(sync_store, client, parameters=parameters)
        assert request.parameters == parameters
        return
    with refusal_of("parameters"):
        make_pushed_request(sync_store, client, parameters=parameters)


def test_a_reference_is_unique_in_its_tenant(store: Store) -> None:
    client = make_client(store, make_tenant(store).id)
    reference, _ = make_pushed_request(store, client)
    with pytest.raises(DuplicateError, match="request_uri_hash"):
        make_pushed_request(store, client, request_uri_hash=reference.hash)
    # Another tenant may: a key begins with the tenant.
    other = make_client(store, make_tenant(store).id)
    make_pushed_request(store, other, request_uri_hash=reference.hash)


@pytest.mark.parametrize(
    ("seconds", "error", "match"),
    [
        (-1, InvalidArgumentError, "lifetime must be longer"),
        (0, InvalidArgumentError, "lifetime must be longer"),
        (601, InvalidValueError, "at most 10 minutes"),
    ],
)
def test_a_lifetime_is_at_most_10_minutes(
    store: Store, dba: Dba, seconds: int, error: type[Exception], match: str
) -> None:
    client = make_client(store, make_tenant(store).id)
    with pytest.raises(error, match=match):
        make_pushed_request(store, client, lifetime=seconds * SECOND)
    make_pushed_request(store, client, lifetime=10 * MINUTE)
    with pytest.raises(psycopg.errors.CheckViolation, match="expires_at_check"):
        dba.execute(
            "update authority.pushed_requests "
            "set expires_at = created_at + make_interval(secs => %s)",
            [seconds],
        )


def test_a_raw_reference_is_refused_before_it_is_sent(store: Store) -> None:
    client = make_client(store, make_tenant(store).id)
    raw = mint_token("request_uri", client.tenant_id).token.encode()
    with pytest.raises(
        InvalidArgumentError, match="request_uri_hash must have 32 octets"
    ):
        make_pushed_request(store, client, request_uri_hash=raw)
    with pytest.raises(
        InvalidArgumentError, match="request_uri_hash must have 32 octets"
    ):
        store.pushed_requests.redeem(
            tenant_id=client.tenant_id,
            request_uri_hash=raw,
            client_id=client.client_id,
            redemption_id=SESSION,
        )


def test_a_rollback_undoes_a_redemption(store: Store, logins: Logins) -> None:
    client = make_client(store, make_tenant(store).id)
    reference, _ = make_pushed_request(store, client)
    with psycopg.connect(logins.app_for(client.tenant_id)) as connection:
        assert redeem(Store(connection), client, reference, uuid4()) is not None
        connection.rollback()
    assert redeem(store, client, reference) is not None


def test_only_expired_requests_are_pruned(store: Store, dba: Dba, clock: Clock) -> None:
    client = make_client(store, make_tenant(store).id)
    used, _ = make_pushed_request(store, client)
    redeem(store, client, used)
    for _ in range(2):
        make_pushed_request(store, client)
    assert store.pushed_requests.prune_expired() == 0
    clock.advance(2 * MINUTE)
    live, _ = make_pushed_request(store, client)
    assert store.pushed_requests.prune_expired(older_than=5 * MINUTE) == 0
    with dba.transaction():
        dba.execute("select from authority.pushed_requests for update")
        assert store.pushed_requests.prune_expired() == 0
    assert store.pushed_requests.prune_expired(batch_size=2) == 2
    assert store.pushed_requests.prune_expired(batch_size=2) == 1
    assert redeem(store, client, live) is not None
