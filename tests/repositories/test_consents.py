from uuid import uuid4

import pytest

from authority_queries import Store
from authority_queries.errors import (
    InvalidArgumentError,
    MissingReferenceError,
)
from authority_queries.testing import Clock
from tests.factories import HOUR, make_client, make_consent, make_tenant, make_user
from tests.refusals import refusal_of
from tests.repositories.grant_helpers import (
    NOTHING,
    Party,
    count,
    family_of,
    is_alive,
    issue_code,
    make_code,
    make_grant,
    make_party,
    redeem_code,
    refresh,
)
from tests.repositories.paging import pages_of
from tests.repositories.token_helpers import Dba, Fields, diagnose


def make_pair(store: Store) -> Party:
    """A client and a user without any consent."""
    client = make_client(store, make_tenant(store).id)
    return Party(client=client, user=make_user(store, client.tenant_id))


def test_a_granted_consent_is_found(store: Store) -> None:
    pair = make_pair(store)
    assert store.consents.get(**pair.of_consent) is None
    consent = store.consents.grant(
        **pair.of_consent,
        scopes=["openid", "email"],
        properties={"text": {"version": 3}},
    )
    assert (consent.user_id, consent.client_uuid) == (pair.user.id, pair.client.id)
    assert consent.scopes == ["openid", "email"]
    assert consent.properties == {"text": {"version": 3}}
    assert (consent.revoked_at, consent.revocation_reason) == (None, None)
    assert consent.row_version == 1
    assert store.consents.get(**pair.of_consent) == consent


def test_a_second_grant_widens_the_first(store: Store) -> None:
    pair = make_pair(store)
    first = store.consents.grant(**pair.of_consent, scopes=["openid", "email"])
    wider = store.consents.grant(
        **pair.of_consent, scopes=["email", "phone"], properties={"n": 2}
    )
    assert (wider.id, wider.row_version) == (first.id, 2)
    assert wider.scopes == ["email", "openid", "phone"]
    assert wider.properties == {"n": 2}
    assert wider.created_at == first.created_at
    assert wider.updated_at > first.updated_at
    assert store.consents.get(**pair.of_consent) == wider


def test_widening_lets_the_next_code_carry_more_and_changes_no_token(
    store: Store,
) -> None:
    grant = make_grant(store)
    more: Fields = {"scopes": ["openid", "email", "phone"]}
    assert issue_code(store, grant, **more)[1].outcome == "consent_required"
    store.consents.grant(**grant.of_consent, scopes=["phone"])
    assert issue_code(store, grant, **more)[1].outcome == "issued"
    assert is_alive(store, grant.access)


def test_narrowing_keeps_at_most_these_scopes(store: Store) -> None:
    pair = make_pair(store)
    consent = store.consents.grant(**pair.of_consent, scopes=["c", "b", "a"])
    narrower = store.consents.narrow(**pair.of_consent, scopes=["z", "c", "a"])
    assert narrower is not None
    assert (narrower.id, narrower.row_version) == (consent.id, 2)
    assert narrower.scopes == ["a", "c"]
    empty = store.consents.narrow(**pair.of_consent, scopes=[])
    assert empty is not None
    assert empty.scopes == []
    assert empty.revoked_at is None


def test_narrowing_ends_only_the_tokens_that_carry_more(store: Store) -> None:
    wide = make_grant(store)
    slim = make_grant(store, wide, code={"scopes": ["openid"]})
    store.consents.narrow(**wide.of_consent, scopes=["openid"])
    for minted in (wide.access, wide.refresh):
        assert diagnose(store, minted).dead_because == "consent_narrowed"
    for minted in (slim.access, slim.refresh):
        assert is_alive(store, minted)
    assert refresh(store, wide, wide.refresh) == NOTHING
    # Not even for scopes still allowed: the token itself has more.
    assert refresh(store, wide, wide.refresh, scopes=["openid"]) == NOTHING
    assert refresh(store, slim, slim.refresh).outcome == "redeemed"
    assert family_of(store, wide.refresh).revoked_at is None


def test_a_revocation_ends_every_token_under_the_consent(store: Store) -> None:
    grants = [make_grant(store)]
    grants.append(make_grant(store, grants[0]))
    other = Party(client=grants[0].client, user=make_user(store, grants[0].tenant_id))
    make_consent(store, other.client, other.user)
    bystander = make_grant(store, other)
    assert store.consents.revoke(**grants[0].of_consent, reason="changed my mind")
    assert store.consents.get(**grants[0].of_consent) is None
    for grant in grants:
        for minted in (grant.access, grant.refresh):
            assert diagnose(store, minted).dead_because == "consent_revoked"
        assert refresh(store, grant, grant.refresh) == NOTHING
    assert is_alive(store, bystander.access)
    assert not store.consents.revoke(**grants[0].of_consent, reason="again")


def test_a_revoked_consent_stays_revoked_after_a_new_grant(store: Store) -> None:
    grant = make_grant(store)
    store.consents.revoke(**grant.of_consent, reason="changed my mind")
    fresh = make_consent(store, grant.client, grant.user)
    for minted in (grant.access, grant.refresh):
        assert diagnose(store, minted).dead_because == "consent_revoked"
    again = make_grant(store, grant)
    assert family_of(store, again.refresh).consent_id == fresh.id
    assert is_alive(store, again.access)
    mine = store.consents.list_by_user(
        tenant_id=grant.tenant_id, user_id=grant.user.id
    ).items
    assert len(mine) == 2
    (revoked,) = (consent for consent in mine if consent.id != fresh.id)
    assert revoked.revoked_at is not None
    assert revoked.revocation_reason == "changed my mind"


def test_a_code_issued_while_the_consent_ends_is_dead(store: Store) -> None:
    party = make_party(store)
    code = make_code(store, party)
    store.consents.revoke(**party.of_consent, reason="changed my mind")
    assert redeem_code(store, party, code) == NOTHING
    make_consent(store, party.client, party.user)
    assert redeem_code(store, party, code) == NOTHING
    assert diagnose(store, code).dead_because == "consent_revoked"
    assert diagnose(store, code).redeemed_at is None


def test_a_code_issued_while_the_consent_narrows_is_dead(
    store: Store,
) -> None:
    party = make_party(store)
    wide, slim = make_code(store, party), make_code(store, party, scopes=["openid"])
    store.consents.narrow(**party.of_consent, scopes=["openid"])
    assert redeem_code(store, party, wide) == NOTHING
    assert redeem_code(store, party, slim).outcome == "redeemed"


def test_without_a_consent_there_is_nothing_to_narrow_or_revoke(store: Store) -> None:
    pair = make_pair(store)
    assert store.consents.narrow(**pair.of_consent, scopes=["openid"]) is None
    assert not store.consents.revoke(**pair.of_consent, reason="r")
    make_consent(store, pair.client, pair.user)
    assert store.consents.revoke(**pair.of_consent, reason="r")
    assert store.consents.narrow(**pair.of_consent, scopes=["openid"]) is None


def test_the_consents_of_a_user_are_listed_by_id(store: Store) -> None:
    tenant_id = make_tenant(store).id
    user, other = (make_user(store, tenant_id) for _ in range(2))
    clients = [make_client(store, tenant_id) for _ in range(4)]
    make_consent(store, clients[0], other)
    ids = sorted(make_consent(store, client, user).id for client in clients)
    store.consents.revoke(
        tenant_id=tenant_id, user_id=user.id, client_id=clients[0].client_id, reason="r"
    )
    key: Fields = {"tenant_id": tenant_id, "user_id": user.id}
    pages = pages_of(store.consents.list_by_user, **key, page_size=3)
    assert [[one.id for one in page] for page in pages] == [ids[:3], ids[3:]]
    with pytest.raises(InvalidArgumentError, match="page_size must be 1 to 1000"):
        store.consents.list_by_user(**key, page_size=0)


def test_a_consent_names_only_what_exists_in_its_tenant(store: Store) -> None:
    here, there = make_pair(store), make_pair(store)
    wrong = {"user_id": uuid4(), "client_id": "nobody"}
    for field, value in wrong.items():
        for unknown in (there.of_consent[field], value):
            mixed: Fields = {**here.of_consent, field: unknown}
            with pytest.raises(MissingReferenceError) as caught:
                store.consents.grant(**mixed, scopes=["openid"])
            assert caught.value.argument == field
            assert caught.value.query == "consents.grant"


def test_a_scope_must_not_be_empty(store: Store) -> None:
    wrong: Fields = {"scopes": ["openid", None]}
    with refusal_of("scopes"):
        store.consents.grant(**make_pair(store).of_consent, **wrong)


def test_another_tenant_cannot_reach_a_consent(store: Store) -> None:
    grant = make_grant(store)
    elsewhere: Fields = {**grant.of_consent, "tenant_id": make_tenant(store).id}
    consents = store.consents
    assert consents.get(**elsewhere) is None
    assert consents.narrow(**elsewhere, scopes=[]) is None
    assert not consents.revoke(**elsewhere, reason="r")
    of_user = {name: elsewhere[name] for name in ("tenant_id", "user_id")}
    assert consents.list_by_user(**of_user).items == []
    assert is_alive(store, grant.access)


def test_a_consent_is_deleted_with_its_user(store: Store, dba: Dba) -> None:
    grant = make_grant(store)
    store.users.delete(tenant_id=grant.tenant_id, user_id=grant.user.id)
    for table in ("consents", "authorizations", "tokens"):
        assert count(dba, table) == 0


def test_a_revoked_consent_is_pruned_with_its_families_and_one_in_force_is_not(
    store: Store, dba: Dba, clock: Clock
) -> None:
    grant, kept = make_grant(store), make_grant(store)
    store.consents.revoke(**grant.of_consent, reason="changed my mind")
    fresh = make_consent(store, grant.client, grant.user)
    assert store.consents.prune_revoked() == 0
    clock.advance(HOUR)
    assert store.consents.prune_revoked(older_than=2 * HOUR) == 0
    with dba.transaction():
        dba.execute("select from authority.consents for update")
        assert store.consents.prune_revoked(older_than=HOUR) == 0
    assert store.consents.prune_revoked(older_than=HOUR) == 1
    assert store.consents.prune_revoked(older_than=HOUR) == 0
    assert count(dba, "authorizations") == 1
    assert refresh(store, grant, grant.refresh) == NOTHING
    assert store.consents.get(**grant.of_consent) == fresh
    assert is_alive(store, kept.refresh)
