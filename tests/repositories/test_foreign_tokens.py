"""Tokens of another store under their old strings, and attacks on them."""

import base64
from datetime import timedelta
from hashlib import sha256
from secrets import token_urlsafe
from typing import Any, Literal
from uuid import uuid4

import psycopg
import pytest

from authority_queries import (
    NewToken,
    Store,
    mint_token,
    parse_foreign_token,
    tag_foreign_hash,
)
from authority_queries.errors import (
    InvalidArgumentError,
    NotFoundError,
    PermissionDeniedError,
)
from authority_queries.records import Token, VerifiedToken
from authority_queries.secrets import TokenString
from authority_queries.testing import Clock
from tests.factories import (
    HOUR,
    make_authorization,
    make_client,
    make_tenant,
    make_token,
    new_token,
)
from tests.repositories.exchange_helpers import exchange, exchanged
from tests.repositories.grant_helpers import (
    DAY,
    NOTHING,
    Party,
    make_party,
    redeem_code,
    refresh,
    token_of,
)
from tests.repositories.token_helpers import (
    Dba,
    active_ids,
    diagnose,
    verify,
)
from tests.stores import Logins

Kind = Literal["access", "refresh"]


def import_token(
    store: Store, party: Party, kind: Kind = "access", **fields: Any
) -> TokenString:
    """Import a reference token of the party's user, and return its string."""
    string: str = fields.pop("string", "") or token_urlsafe()
    presented = parse_foreign_token(string, kind=kind, tenant_id=party.tenant_id)
    family = make_authorization(
        store, party.client, user_id=party.user.id, scopes=["openid", "email"]
    )
    make_token(
        store,
        party.client,
        kind,
        **{
            "token_hash": tag_foreign_hash(sha256(string.encode()).digest()),
            "authorization_id": family.id,
            "user_id": party.user.id,
            "scopes": ["openid", "email"],
            **fields,
        },
    )
    return presented


def accept(store: Store, party: Party, lifetime: timedelta | None = DAY) -> None:
    store.tenants.accept_foreign_tokens(tenant_id=party.tenant_id, lifetime=lifetime)


def make_open_party(store: Store) -> Party:
    party = make_party(store)
    accept(store, party)
    return party


def is_valid(store: Store, presented: TokenString) -> bool:
    kind: Any = presented.kind
    found = verify(store, presented, kind)
    (listed,) = store.tokens.verify_many(
        tenant_id=presented.tenant_id, token_hashes=[presented.hash], type=kind
    )
    assert listed == found
    return found is not None


def test_a_token_is_alive_while_its_tenant_accepts_it(
    store: Store, clock: Clock
) -> None:
    party = make_party(store)
    foreign = import_token(store, party)
    assert not is_valid(store, foreign)
    accept(store, party, HOUR / 2)
    found = verify(store, foreign)
    assert isinstance(found, VerifiedToken)
    assert found.is_foreign
    assert (found.user_id, found.client_id) == (party.user.id, party.client.client_id)
    assert found.created_at + HOUR / 2 <= found.expires_at < found.created_at + HOUR
    clock.advance(HOUR / 2)
    assert not is_valid(store, foreign)
    assert diagnose(store, foreign).dead_because == "foreign_refused"
    accept(store, party)
    assert is_valid(store, foreign)
    accept(store, party, None)
    assert not is_valid(store, foreign)


def test_own_tokens_do_not_depend_on_it(store: Store) -> None:
    party = make_party(store)
    own, _ = make_token(store, party.client)
    for lifetime in (DAY, None):
        accept(store, party, lifetime)
        found = verify(store, own)
        assert found is not None
        assert not found.is_foreign


def test_a_refused_token_is_neither_listed_nor_exchanged(store: Store) -> None:
    party = make_open_party(store)
    foreign = import_token(store, party)
    traded = exchanged(store, party.client, foreign)
    assert not token_of(store, traded).is_foreign
    assert len(active_ids(store, party.client)) == 2
    accept(store, party, None)
    assert active_ids(store, party.client) == []
    assert not is_valid(store, traded)
    assert diagnose(store, traded).dead_because == "exchanged_from_dead"
    assert exchange(store, party.client, foreign)[1].outcome == "invalid_subject_token"


def test_an_exchanged_token_ends_with_the_time(store: Store) -> None:
    party = make_party(store)
    accept(store, party, HOUR / 2)
    found = verify(store, exchanged(store, party.client, import_token(store, party)))
    assert found is not None
    assert found.expires_at < found.created_at + HOUR
    assert f"foreign_tokens:{party.tenant_id}" in (found.depends_on or ())


def test_a_refresh_issues_own_tokens_that_outlive_the_time(store: Store) -> None:
    party = make_open_party(store)
    foreign = import_token(store, party, "refresh")
    access, successor = party.mint("access"), party.mint("refresh")
    issued = refresh(
        store,
        party,
        foreign,
        access_token=new_token(access),
        refresh_token=new_token(successor, DAY),
    )
    assert issued.outcome == "redeemed"
    assert not token_of(store, access).is_foreign
    assert not token_of(store, successor).is_foreign
    accept(store, party, None)
    assert is_valid(store, access)
    assert refresh(store, party, successor).outcome == "redeemed"


def test_a_refused_refresh_token_issues_nothing(store: Store) -> None:
    party = make_party(store)
    foreign = import_token(store, party, "refresh")
    assert refresh(store, party, foreign) == NOTHING
    accept(store, party, DAY)
    assert refresh(store, party, foreign).outcome == "redeemed"


def test_reuse_of_a_refresh_token_ends_its_family(store: Store) -> None:
    party = make_open_party(store)
    foreign = import_token(store, party, "refresh")
    successor = party.mint("refresh")
    new = new_token(successor, DAY)
    assert refresh(store, party, foreign, refresh_token=new).outcome == "redeemed"
    # A thief may come late.
    accept(store, party, None)
    assert refresh(store, party, foreign).outcome == "reused"
    assert not is_valid(store, successor)


def test_a_client_revokes_its_token_also_when_it_is_refused(store: Store) -> None:
    party = make_open_party(store)
    other = make_client(store, party.tenant_id)
    for kind in ("access", "refresh"):
        foreign = import_token(store, party, kind)
        accept(store, party, None)
        key: Any = {"tenant_id": party.tenant_id, "token_hash": foreign.hash}
        assert not store.tokens.revoke(**key, client_id=other.client_id, reason="x")
        assert store.tokens.revoke(
            **key, client_id=party.client.client_id, reason="logout"
        )
        accept(store, party)
        assert not is_valid(store, foreign)


# Attacks.


def test_a_string_is_of_the_tenant_that_imported_it(store: Store) -> None:
    """Two tenants with the same string, as one service that was copied has."""
    ours, theirs = make_open_party(store), make_open_party(store)
    shared = token_urlsafe()
    foreign = import_token(store, ours, string=shared)
    presented = parse_foreign_token(
        foreign.token, kind="access", tenant_id=theirs.tenant_id
    )
    assert not is_valid(store, presented)
    import_token(store, theirs, string=shared)
    for party in (ours, theirs):
        found = verify(
            store,
            parse_foreign_token(shared, kind="access", tenant_id=party.tenant_id),
        )
        assert found is not None
        assert found.user_id == party.user.id


def test_the_other_tenant_does_not_decide(store: Store) -> None:
    ours, theirs = make_party(store), make_open_party(store)
    assert not is_valid(store, import_token(store, ours))
    assert is_valid(store, import_token(store, theirs))


def test_an_untagged_hash_is_found_by_no_string(store: Store) -> None:
    """A source that forgot `tag_foreign_hash`, or a DBA with a hash of the dump."""
    party = make_open_party(store)
    string = token_urlsafe()
    digest = sha256(string.encode()).digest()
    import_token(store, party, string=string, token_hash=digest)
    presented = parse_foreign_token(string, kind="access", tenant_id=party.tenant_id)
    assert presented.hash != digest
    assert not is_valid(store, presented)


def test_an_own_string_with_a_tagged_hash_is_found_by_no_string(store: Store) -> None:
    """An export that somebody has edited, to make an own string outlive its token."""
    party = make_open_party(store)
    own = mint_token("access", party.tenant_id)
    import_token(store, party, token_hash=tag_foreign_hash(own.hash))
    assert not is_valid(store, own)
    with pytest.raises(ValueError, match="must not begin with aq_"):
        parse_foreign_token(own.token, kind="access", tenant_id=party.tenant_id)


def test_the_stored_hash_is_no_string(store: Store) -> None:
    """Whoever reads a dump of the other store presents what it has: the hash."""
    party = make_open_party(store)
    foreign = import_token(store, party)
    digest = foreign.hash[1:]
    for stolen in (
        base64.b64encode(digest).decode(),
        base64.urlsafe_b64encode(digest).decode().rstrip("="),
        digest.hex(),
    ):
        presented = parse_foreign_token(
            stolen, kind="access", tenant_id=party.tenant_id
        )
        assert not is_valid(store, presented)


def test_a_token_is_of_its_kind_only(store: Store) -> None:
    party = make_open_party(store)
    pairs: list[tuple[Kind, Kind]] = [("access", "refresh"), ("refresh", "access")]
    for kind, other in pairs:
        foreign = import_token(store, party, kind)
        assert is_valid(store, foreign)
        presented = parse_foreign_token(
            foreign.token, kind=other, tenant_id=party.tenant_id
        )
        assert not is_valid(store, presented)
    access = import_token(store, party)
    assert refresh(store, party, access) == NOTHING


def test_no_call_issues_a_token_under_a_foreign_string(store: Store) -> None:
    party = make_open_party(store)
    foreign = import_token(store, party, "refresh")
    chosen = tag_foreign_hash(bytes(32))
    with pytest.raises(InvalidArgumentError, match="hash must have 32 octets"):
        NewToken(hash=chosen, lifetime=HOUR)
    key: Any = {
        "tenant_id": party.tenant_id,
        "client_id": party.client.client_id,
        "token_hash": chosen,
    }
    with pytest.raises(InvalidArgumentError, match="token_hash must have 32"):
        store.grants.issue_to_client(**key, lifetime=HOUR)
    with pytest.raises(InvalidArgumentError, match="token_hash must have 32"):
        store.grants.issue_code(**key, user_id=party.user.id, authenticated_at=None)
    with pytest.raises(InvalidArgumentError, match="token_hash must have 32"):
        exchange(store, party.client, foreign, token_hash=chosen)
    with pytest.raises(InvalidArgumentError, match="token_hash must have 32"):
        redeem_code(store, party, foreign)


def test_a_service_cannot_accept_tokens_for_its_tenant(
    store: Store, logins: Logins
) -> None:
    party = make_party(store)
    with psycopg.connect(logins.app_for(party.tenant_id)) as service:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            service.execute(
                "update authority.tenants set foreign_tokens_until = now() + '1 day'"
            )
        service.rollback()
        with pytest.raises(PermissionDeniedError):
            Store(service).tenants.accept_foreign_tokens(
                tenant_id=party.tenant_id, lifetime=DAY
            )


@pytest.mark.parametrize(
    "token_hash", [bytes(31), b"\x01" + bytes(32), bytes(34), b"\0" + bytes(30)]
)
def test_the_table_has_hashes_of_two_forms(
    store: Store, dba: Dba, token_hash: bytes
) -> None:
    foreign = import_token(store, make_open_party(store))
    with pytest.raises(psycopg.errors.CheckViolation, match="tokens_token_hash_check"):
        dba.execute(
            "update authority.tokens set token_hash = %s where token_hash = %s",
            [token_hash, foreign.hash],
        )


def test_nobody_writes_the_mark_itself(store: Store, dba: Dba) -> None:
    import_token(store, make_open_party(store))
    with pytest.raises(psycopg.errors.GeneratedAlways):
        dba.execute("update authority.tokens set is_foreign = false")


def test_the_time_is_limited(store: Store) -> None:
    tenant_id = make_tenant(store).id
    call = store.tenants.accept_foreign_tokens
    for lifetime in (timedelta(days=401), timedelta(0), -HOUR):
        with pytest.raises(InvalidArgumentError, match="lifetime must be"):
            call(tenant_id=tenant_id, lifetime=lifetime)
    with pytest.raises(NotFoundError, match="no such tenant"):
        call(tenant_id=uuid4(), lifetime=HOUR)
    before = store.tenants.get_by_id(tenant_id=tenant_id)
    assert before is not None
    assert before.foreign_tokens_until is None
    after = call(tenant_id=tenant_id, lifetime=HOUR)
    assert after.foreign_tokens_until == after.updated_at + HOUR
    assert after.row_version == before.row_version + 1


def test_a_redeemed_token_is_imported_as_such(store: Store, dba: Dba) -> None:
    """The other store has seen its redemption. A thief who kept it ends the family."""
    party = make_open_party(store)
    foreign = import_token(store, party, "refresh")
    dba.execute(
        "update authority.tokens set redeemed_at = created_at, redemption_hash = %s "
        "where token_hash = %s",
        [bytes(32), foreign.hash],
    )
    assert not is_valid(store, foreign)
    assert refresh(store, party, foreign).outcome == "reused"
    found: Token = token_of(store, foreign)
    family = store.authorizations.get_by_id(
        tenant_id=party.tenant_id, authorization_id=found.authorization_id or uuid4()
    )
    assert family is not None
    assert family.revocation_reason == "token_reuse"
