from typing import Any, TypeAlias
from uuid import UUID, uuid4

import pytest

from authority_queries import Store
from authority_queries.errors import (
    InvalidArgumentError,
    InvalidValueError,
    MissingReferenceError,
    TenantInactiveError,
)
from authority_queries.records import Authorization, Client
from authority_queries.testing import Clock
from tests.factories import (
    HOUR,
    MINUTE,
    make_authorization,
    make_client,
    make_consent,
    make_service_account,
    make_tenant,
    make_token,
    make_user,
)
from tests.refusals import refusal_of
from tests.repositories.grant_helpers import (
    family_of,
    make_code,
    make_grant,
    make_party,
)
from tests.repositories.paging import pages_of

Fields: TypeAlias = dict[str, Any]


def get(store: Store, authorization: Authorization) -> Authorization | None:
    return store.authorizations.get_by_id(
        tenant_id=authorization.tenant_id, authorization_id=authorization.id
    )


def in_force(store: Store, client: Client, **subject: Any) -> Authorization:
    """Make a family with a token that lives an hour."""
    family = make_authorization(store, client, **subject)
    make_token(store, client, authorization_id=family.id, **subject)
    found = get(store, family)
    assert found is not None
    return found


def revoke(store: Store, authorization: Authorization, reason: str = "r") -> bool:
    return store.authorizations.revoke(
        tenant_id=authorization.tenant_id,
        authorization_id=authorization.id,
        reason=reason,
    )


def test_a_created_authorization_is_found_by_id(store: Store) -> None:
    client = make_client(store, make_tenant(store, status="trial").id)
    user = make_user(store, client.tenant_id)
    consent = make_consent(store, client, user)
    family = make_authorization(
        store,
        client,
        user_id=user.id,
        consent_id=consent.id,
        scopes=["openid", "email"],
        properties={"asked": {"at": "sign-up"}},
        lifetime=30 * HOUR,
    )
    assert (family.client_uuid, family.user_id) == (client.id, user.id)
    assert (family.service_account_id, family.consent_id) == (None, consent.id)
    assert (family.scopes, family.row_version) == (["openid", "email"], 1)
    assert family.properties == {"asked": {"at": "sign-up"}}
    assert family.expires_at is not None
    assert family.expires_at - family.created_at == 30 * HOUR
    assert family.tokens_expire_at == family.created_at
    assert (family.revoked_at, family.revocation_reason) == (None, None)
    assert get(store, family) == family
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
    assert (own.user_id, own.service_account_id) == (None, None)
    assert (own.consent_id, own.expires_at) == (None, None)


@pytest.mark.parametrize("end", ["suspend", "terminate"])
def test_an_inactive_tenant_cannot_create_an_authorization(
    store: Store, end: str
) -> None:
    client = make_client(store, make_tenant(store).id)
    getattr(store.tenants, end)(tenant_id=client.tenant_id)
    with pytest.raises(TenantInactiveError):
        make_authorization(store, client)


def test_an_authorization_names_only_what_exists_in_its_tenant(store: Store) -> None:
    here, there = (make_client(store, make_tenant(store).id) for _ in range(2))
    theirs: Fields = {
        "client_uuid": there.id,
        "user_id": make_user(store, there.tenant_id).id,
        "service_account_id": make_service_account(store, there.tenant_id).id,
    }
    for field, value in theirs.items():
        for id_ in (value, uuid4()):
            wrong: Fields = {"client_uuid": here.id, field: id_}
            with pytest.raises(MissingReferenceError) as caught:
                store.authorizations.create(tenant_id=here.tenant_id, **wrong)
            assert caught.value.constraint == f"authorizations_tenant_id_{field}_fk"


def test_its_consent_is_of_the_same_user_and_client(store: Store) -> None:
    client = make_client(store, make_tenant(store).id)
    user, other = (make_user(store, client.tenant_id) for _ in range(2))
    consent = make_consent(store, client, user)
    theirs = make_client(store, client.tenant_id)
    for who, whose in ((client, other), (theirs, user)):
        with pytest.raises(MissingReferenceError, match="consent_id_user_id_client"):
            make_authorization(store, who, user_id=whose.id, consent_id=consent.id)
    with pytest.raises(InvalidValueError, match="consent_id_user_id_check"):
        make_authorization(store, client, consent_id=consent.id)


def test_a_scope_must_not_be_empty(store: Store) -> None:
    client = make_client(store, make_tenant(store).id)
    with refusal_of("scopes"):
        make_authorization(store, client, scopes=["openid", None])


def test_a_lifetime_must_be_positive(store: Store) -> None:
    client = make_client(store, make_tenant(store).id)
    with pytest.raises(InvalidArgumentError, match="lifetime must be longer"):
        make_authorization(store, client, lifetime=0 * HOUR)


def test_an_authorization_has_one_subject_at_most(store: Store) -> None:
    client = make_client(store, make_tenant(store).id)
    with pytest.raises(InvalidValueError, match="user_id_service_account_id_check"):
        make_authorization(
            store,
            client,
            user_id=make_user(store, client.tenant_id).id,
            service_account_id=make_service_account(store, client.tenant_id).id,
        )


def test_families_of_a_user_are_listed_by_id(store: Store) -> None:
    client = make_client(store, make_tenant(store).id)
    user, other = (make_user(store, client.tenant_id) for _ in range(2))
    in_force(store, client, user_id=other.id)
    in_force(store, client)
    mine = [in_force(store, client, user_id=user.id) for _ in range(3)]
    in_order = sorted(mine, key=lambda one: one.id)
    key: Fields = {"tenant_id": client.tenant_id, "user_id": user.id}
    assert store.authorizations.list_by_user(**key).items == in_order
    revoke(store, in_order[1])
    assert store.authorizations.list_by_user(**key).items == [in_order[0], in_order[2]]


def test_families_of_a_client_are_listed_by_id(store: Store) -> None:
    client = make_client(store, make_tenant(store).id)
    in_force(store, make_client(store, client.tenant_id))
    of_client = [in_force(store, client) for _ in range(5)]
    in_order = sorted(of_client, key=lambda one: one.id)
    revoke(store, in_order.pop(1))
    key: Fields = {"tenant_id": client.tenant_id, "client_uuid": client.id}
    pages = pages_of(store.authorizations.list_by_client, **key, page_size=2)
    assert pages == [in_order[:2], in_order[2:]]
    with pytest.raises(InvalidArgumentError, match="page_size must be 1 to 1000"):
        store.authorizations.list_by_client(**key, page_size=0)


def test_ended_families_are_not_listed(store: Store, clock: Clock) -> None:
    party = make_party(store)
    of_user: Fields = {"tenant_id": party.tenant_id, "user_id": party.user.id}
    of_client: Fields = {"tenant_id": party.tenant_id, "client_uuid": party.client.id}

    def listed() -> list[UUID]:
        families = store.authorizations.list_by_user(**of_user).items
        assert families == store.authorizations.list_by_client(**of_client).items
        return [family.id for family in families]

    abandoned = family_of(store, make_code(store, party)).id
    assert listed() == [abandoned]
    clock.advance(MINUTE)
    assert listed() == []
    grant = make_grant(store, party, code={"family_lifetime": HOUR})
    assert listed() == [grant.family_id]
    # The family may be marked as alive for a day longer than its tokens are.
    clock.advance(HOUR)
    assert listed() == []
    # A revoked consent is never in force again, nor are its families.
    under_consent = make_grant(store, party).family_id
    assert listed() == [under_consent]
    store.consents.revoke(**party.of_consent, reason="withdrawn")
    assert listed() == []


def test_a_revocation_ends_every_token_of_the_family_and_succeeds_once(
    store: Store,
) -> None:
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


def test_another_tenant_cannot_reach_an_authorization(store: Store) -> None:
    client = make_client(store, make_tenant(store).id)
    user = make_user(store, client.tenant_id)
    consent = make_authorization(store, client, user_id=user.id)
    other: Fields = {"tenant_id": make_tenant(store).id}
    authorizations = store.authorizations
    by_id: Fields = {**other, "authorization_id": consent.id}
    assert authorizations.get_by_id(**by_id) is None
    assert not authorizations.revoke(**by_id, reason="r")
    assert authorizations.list_by_user(**other, user_id=user.id).items == []
    assert authorizations.list_by_client(**other, client_uuid=client.id).items == []
    assert get(store, consent) == consent


def test_a_family_without_tokens_is_pruned_when_it_is_old(
    store: Store, clock: Clock
) -> None:
    client = make_client(store, make_tenant(store).id)
    old, in_use = (make_authorization(store, client) for _ in range(2))
    make_token(store, client, authorization_id=in_use.id, lifetime=4 * HOUR)
    clock.advance(2 * HOUR)
    young = make_authorization(store, client)
    assert store.authorizations.prune_expired(older_than=3 * HOUR) == 0
    assert store.authorizations.prune_expired() == 1
    assert get(store, old) is None
    assert store.authorizations.prune_expired(older_than=0 * HOUR) == 1
    assert get(store, young) is None
    assert get(store, in_use) is not None
