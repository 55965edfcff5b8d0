from typing import Any, TypeAlias
from uuid import uuid4

import psycopg
import pytest

from authority_queries import Store
from authority_queries.errors import (
    InvalidArgumentError,
    InvalidValueError,
    MissingReferenceError,
    TenantInactiveError,
)
from authority_queries.records import (
    Authorization,
)
from tests.factories import (
    HOUR,
    make_authorization,
    make_client,
    make_service_account,
    make_tenant,
    make_token,
    make_user,
)

Dba: TypeAlias = "psycopg.Connection[Any]"
Fields: TypeAlias = dict[str, Any]


def get(store: Store, authorization: Authorization) -> Authorization | None:
    return store.authorizations.get_by_id(
        tenant_id=authorization.tenant_id, authorization_id=authorization.id
    )


def revoke(store: Store, authorization: Authorization, reason: str = "r") -> bool:
    return store.authorizations.revoke(
        tenant_id=authorization.tenant_id,
        authorization_id=authorization.id,
        reason=reason,
    )


def age(dba: Dba, authorization: Authorization, hours: int) -> None:
    dba.execute(
        "update authority.authorizations "
        "set created_at = created_at - make_interval(hours => %s) where id = %s",
        [hours, authorization.id],
    )


def test_a_created_authorization_is_found_by_id(store: Store) -> None:
    client = make_client(store, make_tenant(store, status="trial").id)
    user = make_user(store, client.tenant_id)
    consent = make_authorization(
        store,
        client,
        user_id=user.id,
        type="permanent",
        scopes=["openid", "email"],
        properties={"asked": {"at": "sign-up"}},
    )
    assert (consent.client_id, consent.user_id) == (client.id, user.id)
    assert consent.service_account_id is None
    assert (consent.type, consent.row_version) == ("permanent", 1)
    assert consent.scopes == ["openid", "email"]
    assert consent.properties == {"asked": {"at": "sign-up"}}
    assert (consent.revoked_at, consent.revocation_reason) == (None, None)
    assert get(store, consent) == consent
    key: Fields = {"tenant_id": client.tenant_id, "authorization_id": uuid4()}
    assert store.authorizations.get_by_id(**key) is None


def test_the_subject_may_be_a_service_account_or_the_client_itself(
    store: Store,
) -> None:
    client = make_client(store, make_tenant(store).id)
    account = make_service_account(store, client.tenant_id)
    acting = make_authorization(store, client, service_account_id=account.id)
    assert (acting.user_id, acting.service_account_id) == (None, account.id)
    own = make_authorization(store, client)
    assert (own.user_id, own.service_account_id, own.type) == (None, None, "ad_hoc")


@pytest.mark.parametrize("end", ["suspend", "terminate"])
def test_an_inactive_tenant_is_issued_no_authorization(store: Store, end: str) -> None:
    client = make_client(store, make_tenant(store).id)
    getattr(store.tenants, end)(tenant_id=client.tenant_id)
    with pytest.raises(TenantInactiveError):
        make_authorization(store, client)


def test_an_authorization_names_only_what_exists_in_its_tenant(store: Store) -> None:
    here, there = (make_client(store, make_tenant(store).id) for _ in range(2))
    theirs: Fields = {
        "client_id": there.id,
        "user_id": make_user(store, there.tenant_id).id,
        "service_account_id": make_service_account(store, there.tenant_id).id,
    }
    for field, value in theirs.items():
        for id_ in (value, uuid4()):
            wrong: Fields = {"client_id": here.id, field: id_}
            with pytest.raises(MissingReferenceError) as caught:
                store.authorizations.create(tenant_id=here.tenant_id, **wrong)
            assert caught.value.constraint == f"authorizations_tenant_id_{field}_fk"


@pytest.mark.parametrize(
    ("fields", "check"),
    [({"type": "eternal"}, "type"), ({"scopes": ["openid", None]}, "scopes")],
)
def test_a_value_outside_its_column_is_refused(
    store: Store, fields: Fields, check: str
) -> None:
    client = make_client(store, make_tenant(store).id)
    with pytest.raises(InvalidValueError) as caught:
        make_authorization(store, client, **fields)
    assert caught.value.constraint == f"authorizations_{check}_check"


def test_an_authorization_has_one_subject_at_most(store: Store) -> None:
    client = make_client(store, make_tenant(store).id)
    with pytest.raises(InvalidValueError, match="user_id_service_account_id_check"):
        make_authorization(
            store,
            client,
            user_id=make_user(store, client.tenant_id).id,
            service_account_id=make_service_account(store, client.tenant_id).id,
        )


def test_what_a_user_allows_is_listed_by_id(store: Store) -> None:
    client = make_client(store, make_tenant(store).id)
    user, other = (make_user(store, client.tenant_id) for _ in range(2))
    make_authorization(store, client, user_id=other.id)
    make_authorization(store, client)
    mine = [make_authorization(store, client, user_id=user.id) for _ in range(3)]
    in_order = sorted(mine, key=lambda one: one.id)
    key: Fields = {"tenant_id": client.tenant_id, "user_id": user.id}
    assert store.authorizations.list_by_user(**key) == in_order
    revoke(store, in_order[1])
    assert store.authorizations.list_by_user(**key) == [in_order[0], in_order[2]]


def test_what_a_client_is_allowed_is_listed_by_id(store: Store) -> None:
    client = make_client(store, make_tenant(store).id)
    make_authorization(store, make_client(store, client.tenant_id))
    of_client = [make_authorization(store, client) for _ in range(5)]
    in_order = sorted(of_client, key=lambda one: one.id)
    revoke(store, in_order.pop(1))
    key: Fields = {"tenant_id": client.tenant_id, "client_id": client.id}
    first = store.authorizations.list_by_client(**key, limit=2)
    assert first == in_order[:2]
    rest = store.authorizations.list_by_client(**key, after=first[-1].id)
    assert rest == in_order[2:]
    assert store.authorizations.list_by_client(**key, after=rest[-1].id) == []
    with pytest.raises(InvalidArgumentError, match="limit is 0"):
        store.authorizations.list_by_client(**key, limit=0)


def test_a_revocation_ends_every_token_under_it_and_is_made_once(store: Store) -> None:
    client = make_client(store, make_tenant(store).id)
    family, other = (make_authorization(store, client) for _ in range(2))
    minted = [
        make_token(store, client, authorization_id=one.id)[0]
        for one in (family, family, other)
    ]
    assert revoke(store, family, "sign-out")
    assert not revoke(store, family, "again")
    revoked = get(store, family)
    assert revoked is not None
    assert revoked.revoked_at is not None
    assert (revoked.revocation_reason, revoked.row_version) == ("sign-out", 2)
    alive = [
        store.tokens.verify(tenant_id=one.tenant_id, token_hash=one.hash) is not None
        for one in minted
    ]
    assert alive == [False, False, True]


def test_another_tenant_reaches_no_authorization(store: Store) -> None:
    client = make_client(store, make_tenant(store).id)
    user = make_user(store, client.tenant_id)
    consent = make_authorization(store, client, user_id=user.id)
    other: Fields = {"tenant_id": make_tenant(store).id}
    authorizations = store.authorizations
    by_id: Fields = {**other, "authorization_id": consent.id}
    assert authorizations.get_by_id(**by_id) is None
    assert not authorizations.revoke(**by_id, reason="r")
    assert authorizations.list_by_user(**other, user_id=user.id) == []
    assert authorizations.list_by_client(**other, client_id=client.id) == []
    assert get(store, consent) == consent


def test_only_old_ad_hoc_authorizations_without_tokens_are_pruned(
    store: Store, dba: Dba
) -> None:
    client = make_client(store, make_tenant(store).id)
    old, consent, in_use, young = (
        make_authorization(store, client, type=type_)
        for type_ in ("ad_hoc", "permanent", "ad_hoc", "ad_hoc")
    )
    for authorization in (old, consent, in_use):
        age(dba, authorization, 2)
    make_token(store, client, authorization_id=in_use.id)
    assert store.authorizations.prune(older_than=3 * HOUR) == 0
    with dba.transaction():
        dba.execute("select from authority.authorizations for update")
        assert store.authorizations.prune() == 0
    assert store.authorizations.prune() == 1
    assert get(store, old) is None
    assert store.authorizations.prune() == 0
    assert store.authorizations.prune(older_than=0 * HOUR) == 1
    assert get(store, young) is None
    assert get(store, consent) is not None
    assert get(store, in_use) is not None


def test_authorizations_are_pruned_in_batches_oldest_first(
    store: Store, dba: Dba
) -> None:
    client = make_client(store, make_tenant(store).id)
    made = [make_authorization(store, client) for _ in range(3)]
    for hours, authorization in enumerate(made, start=2):
        age(dba, authorization, hours)
    assert store.authorizations.prune(batch_size=2) == 2
    assert [get(store, one) is None for one in made] == [False, True, True]
    assert store.authorizations.prune(batch_size=2) == 1
