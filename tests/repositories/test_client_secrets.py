from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from authority_queries import Store
from authority_queries.errors import (
    InvalidArgumentError,
    InvalidValueError,
    MissingReferenceError,
)
from authority_queries.records import (
    Client,
    ClientSecret,
)
from tests.factories import (
    HOUR,
    PHC,
    make_client,
    make_client_secret,
    make_tenant,
)

DAY = timedelta(days=1)


def list_secrets(store: Store, client: Client) -> Sequence[ClientSecret]:
    return store.client_secrets.list_by_client(
        tenant_id=client.tenant_id, client_uuid=client.id
    )


def live_secrets(store: Store, client: Client) -> Sequence[ClientSecret]:
    return store.client_secrets.list_live(
        tenant_id=client.tenant_id, client_id=client.client_id
    )


def age(dba: "psycopg.Connection[Any]", secret: ClientSecret, by: timedelta) -> None:
    """Move all times of the secret into the past."""
    dba.execute(
        "update authority.client_secrets set valid_from = valid_from - %(by)s, "
        "valid_until = valid_until - %(by)s, last_used_at = last_used_at - %(by)s "
        "where id = %(id)s",
        {"by": by, "id": secret.id},
    )


def test_several_live_secrets_are_listed_newest_first(store: Store) -> None:
    client = make_client(store, make_tenant(store).id)
    old = make_client_secret(store, client, description="web-1")
    new = make_client_secret(
        store, client, valid_until=datetime(2999, 1, 1, tzinfo=UTC)
    )
    assert old == ClientSecret(
        tenant_id=client.tenant_id,
        id=old.id,
        client_uuid=client.id,
        secret_hash=PHC,
        description="web-1",
        valid_from=old.created_at,
        valid_until=None,
        last_used_at=None,
        created_at=old.created_at,
    )
    assert new.valid_until == datetime(2999, 1, 1, tzinfo=UTC)
    assert list_secrets(store, client) == live_secrets(store, client) == [new, old]
    assert "description=" in repr(old)
    assert PHC not in repr(old)
    keys = {"tenant_id": client.tenant_id, "secret_id": old.id}
    assert store.client_secrets.delete(**keys)
    assert not store.client_secrets.delete(**keys)
    assert list_secrets(store, client) == [new]


def test_a_secret_is_rotated_with_an_overlap(
    store: Store, dba: "psycopg.Connection[Any]"
) -> None:
    client = make_client(store, make_tenant(store).id)
    old, new = make_client_secret(store, client), make_client_secret(store, client)
    keys = {"tenant_id": client.tenant_id, "secret_id": old.id}
    ending = store.client_secrets.expire(lifetime=HOUR, **keys)
    assert ending is not None
    assert ending.valid_until is not None
    assert old.created_at + HOUR < ending.valid_until < old.created_at + 2 * HOUR
    assert ending == replace(old, valid_until=ending.valid_until)
    assert live_secrets(store, client) == [new, ending]
    assert store.client_secrets.expire(lifetime=DAY, **keys) == ending
    age(dba, old, by=HOUR)
    assert live_secrets(store, client) == [new]
    store.client_secrets.expire(tenant_id=client.tenant_id, secret_id=new.id)
    assert live_secrets(store, client) == []
    assert len(list_secrets(store, client)) == 2
    unknown = store.client_secrets.expire(tenant_id=client.tenant_id, secret_id=uuid4())
    assert unknown is None


def test_a_secret_is_refused_before_its_valid_from(
    store: Store, dba: "psycopg.Connection[Any]"
) -> None:
    client = make_client(store, make_tenant(store).id)
    secret = make_client_secret(store, client, valid_from=datetime.now(UTC) + HOUR)
    assert list_secrets(store, client) == [secret]
    assert live_secrets(store, client) == []
    age(dba, secret, by=HOUR)
    assert [lives.id for lives in live_secrets(store, client)] == [secret.id]


@pytest.mark.parametrize("lifetime", [timedelta(0), HOUR])
def test_a_future_secret_that_was_expired_is_never_live(
    store: Store, lifetime: timedelta
) -> None:
    client = make_client(store, make_tenant(store).id)
    secret = make_client_secret(store, client, valid_from=datetime.now(UTC) + DAY)
    expired = store.client_secrets.expire(
        tenant_id=client.tenant_id, secret_id=secret.id, lifetime=lifetime
    )
    assert expired is not None
    assert expired.valid_until is not None
    assert live_secrets(store, client) == []


def test_a_secret_out_of_range_is_refused(store: Store) -> None:
    client = make_client(store, make_tenant(store).id)
    naive = datetime(2999, 1, 1)
    for field in ("valid_from", "valid_until"):
        with pytest.raises(
            InvalidArgumentError, match=f"{field} must have a time zone"
        ):
            make_client_secret(store, client, **{field: naive})
    with pytest.raises(InvalidArgumentError, match="PHC string") as refused:
        make_client_secret(store, client, secret_hash="hunter2")
    assert "hunter2" not in str(refused.value)
    with pytest.raises(InvalidValueError) as caught:
        make_client_secret(store, client, valid_until=datetime(2000, 1, 1, tzinfo=UTC))
    assert caught.value.constraint == "client_secrets_valid_until_check"
    assert list_secrets(store, client) == []


def test_only_a_confidential_client_of_the_tenant_can_have_a_secret(
    store: Store,
) -> None:
    tenant_id = make_tenant(store).id
    public = make_client(store, tenant_id, client_type="public")
    client = make_client(store, tenant_id)
    foreign = replace(client, tenant_id=make_tenant(store).id)
    for refused in (public, foreign, replace(client, id=uuid4())):
        with pytest.raises(MissingReferenceError, match="no such confidential client"):
            make_client_secret(store, refused)
        assert list_secrets(store, refused) == []


def test_a_disabled_client_has_no_live_secrets(
    store: Store, dba: "psycopg.Connection[Any]"
) -> None:
    client = make_client(store, make_tenant(store).id)
    secret = make_client_secret(store, client)
    dba.execute("update authority.clients set enabled = false")
    assert live_secrets(store, client) == []
    assert list_secrets(store, client) == [secret]
    assert live_secrets(store, replace(client, client_id="unknown")) == []


def test_only_an_active_tenant_has_live_secrets(store: Store) -> None:
    tenant_id = make_tenant(store, status="trial").id
    client = make_client(store, tenant_id)
    secret = make_client_secret(store, client)
    assert live_secrets(store, client) == [secret]
    store.tenants.suspend(tenant_id=tenant_id)
    assert live_secrets(store, client) == []
    store.tenants.resume(tenant_id=tenant_id)
    assert live_secrets(store, client) == [secret]
    store.tenants.terminate(tenant_id=tenant_id)
    assert live_secrets(store, client) == []


def test_the_use_of_a_secret_is_recorded_at_most_once_a_minute(
    store: Store, dba: "psycopg.Connection[Any]"
) -> None:
    client = make_client(store, make_tenant(store).id)
    secret, other = make_client_secret(store, client), make_client_secret(store, client)
    keys = {"tenant_id": client.tenant_id, "secret_id": secret.id}
    assert store.client_secrets.record_use(**keys)
    noted = list_secrets(store, client)
    assert noted[0] == other
    assert noted[1].last_used_at is not None
    assert noted[1].last_used_at > secret.created_at
    assert not store.client_secrets.record_use(**keys)
    assert list_secrets(store, client) == noted
    age(dba, secret, by=timedelta(seconds=61))
    assert store.client_secrets.record_use(**keys)
    assert not store.client_secrets.record_use(
        tenant_id=client.tenant_id, secret_id=uuid4()
    )


def test_a_client_that_became_public_has_no_live_secrets(
    store: Store, dba: "psycopg.Connection[Any]"
) -> None:
    client = make_client(store, make_tenant(store).id)
    make_client_secret(store, client)
    dba.execute("update authority.clients set client_type = 'public'")
    assert live_secrets(store, client) == []
