"""An exchanged token dies with each token that it was exchanged for."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias
from uuid import UUID

from psycopg.sql import SQL, Identifier

from authority_queries import Store
from authority_queries.records import Client, ServiceAccount, TokenExchangeOutcome
from authority_queries.secrets import TokenString
from authority_queries.testing import Clock
from tests.factories import (
    HOUR,
    MINUTE,
    make_client,
    make_service_account,
    make_tenant,
    make_token,
    make_user,
)
from tests.repositories.exchange_helpers import exchange, exchanged
from tests.repositories.grant_helpers import Grant, is_alive, make_grant, token_of
from tests.repositories.token_helpers import (
    THUMBPRINT,
    Dba,
    Fields,
    diagnose,
    revoke,
    verify,
)

KEY, OTHER_KEY = THUMBPRINT, "B" * 43


@dataclass(frozen=True, kw_only=True)
class Chain:
    """A user's token, with another user and then a service account as actors."""

    store: Store
    dba: Dba
    subject: Grant
    acting: Grant
    account: ServiceAccount
    machine: TokenString
    robot: Client
    first: TokenString
    second: TokenString
    bystander: TokenString

    def disable(self, table: str, id_: UUID) -> None:
        query = SQL("update {} set enabled = false where id = %s")
        self.dba.execute(query.format(Identifier("authority", table)), [id_])

    @property
    def tenant(self) -> Fields:
        return {"tenant_id": self.subject.tenant_id}


def make_chain(store: Store, dba: Dba) -> Chain:
    subject = make_grant(store)
    tenant_id = subject.tenant_id
    acting = make_grant(store, make_another_party(store, subject))
    account = make_service_account(store, tenant_id)
    robot, service, last = (make_client(store, tenant_id) for _ in range(3))
    machine, _ = make_token(store, robot, service_account_id=account.id)
    first = exchanged(
        store, service, subject.access, actor_token_hash=acting.access.hash
    )
    second = exchanged(store, last, first, actor_token_hash=machine.hash)
    return Chain(
        store=store,
        dba=dba,
        subject=subject,
        acting=acting,
        account=account,
        machine=machine,
        robot=robot,
        first=first,
        second=second,
        bystander=make_token(store, last, user_id=subject.user.id)[0],
    )


def make_another_party(store: Store, grant: Grant) -> Grant:
    """Make another client and user of the same tenant, without tokens."""
    client = make_client(
        store,
        grant.tenant_id,
        redirect_uris=grant.client.redirect_uris,
        consent_type="implicit",
    )
    user = make_user(store, grant.tenant_id)
    return Grant(**{**vars(grant), "client": client, "user": user})


End: TypeAlias = Callable[[Chain], object]
# Changes that end the first exchanged token, and so the second one.
BOTH: dict[str, End] = {
    "subject's client disabled": lambda at: at.disable("clients", at.subject.client.id),
    "subject's client signed out": lambda at: at.store.clients.revoke_tokens(
        **at.tenant, client_uuid=at.subject.client.id
    ),
    "subject's client deleted": lambda at: at.store.clients.delete(
        **at.tenant, client_uuid=at.subject.client.id
    ),
    "subject's token revoked": lambda at: revoke(
        at.store, token_of(at.store, at.subject.access)
    ),
    "subject's token revoked by its client": lambda at: at.store.tokens.revoke(
        **at.tenant,
        token_hash=at.subject.access.hash,
        client_id=at.subject.client.client_id,
        reason="signed out",
    ),
    "actor's token revoked": lambda at: revoke(
        at.store, token_of(at.store, at.acting.access)
    ),
    "actor's family revoked": lambda at: at.store.authorizations.revoke(
        **at.tenant, authorization_id=at.acting.family_id, reason="signed out"
    ),
    "actor signed out": lambda at: at.store.users.revoke_tokens(
        **at.tenant, user_id=at.acting.user.id
    ),
    "actor suspended": lambda at: at.dba.execute(
        "update authority.users set status = 'suspended' where id = %s",
        [at.acting.user.id],
    ),
    "actor deleted": lambda at: at.store.users.delete(
        **at.tenant, user_id=at.acting.user.id
    ),
    "actor's client disabled": lambda at: at.disable("clients", at.acting.client.id),
}
# Changes that end only the second one.
SECOND: dict[str, End] = {
    "account signed out": lambda at: at.store.service_accounts.revoke_tokens(
        **at.tenant, service_account_id=at.account.id
    ),
    "account disabled": lambda at: at.disable("service_accounts", at.account.id),
    "account deleted": lambda at: at.store.service_accounts.delete(
        **at.tenant, service_account_id=at.account.id
    ),
    "account's client deleted": lambda at: at.store.clients.delete(
        **at.tenant, client_uuid=at.robot.id
    ),
    "first exchanged token revoked": lambda at: revoke(
        at.store, token_of(at.store, at.first)
    ),
}


def test_an_exchanged_token_dies_with_each_token_behind_it(
    sync_store: Store, dba: Dba
) -> None:
    for name, end in {**BOTH, **SECOND}.items():
        at = make_chain(sync_store, dba)
        key: Fields = {**at.tenant, "user_id": at.subject.user.id}
        dead = [at.first, at.second] if name in BOTH else [at.second]
        ids = {token_of(sync_store, minted).id for minted in dead}
        before = sync_store.tokens.list_active_by_subject(**key).items
        assert ids <= {token.id for token in before}
        end(at)
        after = sync_store.tokens.list_active_by_subject(**key).items
        assert not ids & {token.id for token in after}, name
        for minted in dead:
            assert verify(sync_store, minted) is None, name
            told = sync_store.tokens.diagnose(**at.tenant, token_hash=minted.hash)
            # Tokens of a family end with it.
            assert (told is None) == (name == "subject's client deleted"), name
            assert told is None or told.dead_because == "exchanged_from_dead", name
        assert is_alive(sync_store, at.bystander)
        if name in SECOND and name != "first exchanged token revoked":
            assert is_alive(sync_store, at.first), name


def test_a_token_without_a_family_ends_the_token_that_it_was_exchanged_for(
    sync_store: Store,
) -> None:
    client = make_client(sync_store, make_tenant(sync_store).id)
    account = make_service_account(sync_store, client.tenant_id)
    machine, _ = make_token(sync_store, client, service_account_id=account.id)
    service = make_client(sync_store, client.tenant_id)
    minted = exchanged(sync_store, service, exchanged(sync_store, service, machine))
    assert sync_store.clients.delete(tenant_id=client.tenant_id, client_uuid=client.id)
    assert diagnose(sync_store, minted).dead_because == "exchanged_from_dead"


def test_an_exchanged_token_expires_with_the_first_token_behind_it(
    sync_store: Store, clock: Clock
) -> None:
    grant = make_grant(sync_store)
    service = make_client(sync_store, grant.tenant_id)
    acting, actor = make_token(sync_store, service, lifetime=MINUTE)
    given: Fields = {"actor_token_hash": acting.hash, "lifetime": 24 * HOUR}
    minted = exchanged(sync_store, service, grant.access, **given)
    again = exchanged(sync_store, service, minted, lifetime=24 * HOUR)
    assert token_of(sync_store, minted).expires_at == actor.expires_at
    assert token_of(sync_store, again).expires_at == actor.expires_at
    clock.advance(MINUTE)
    assert is_alive(sync_store, grant.access)
    assert diagnose(sync_store, again).dead_because == "expired"


def test_a_bound_token_cannot_be_exchanged_for_an_unbound_one(
    sync_store: Store,
) -> None:
    """RFC 9700 section 2.2.1: otherwise a thief could remove the key."""
    bound: dict[str, Fields] = {
        "key": {"cnf_jkt": KEY},
        "certificate": {"cnf_x5t_s256": KEY},
    }
    for fields in bound.values():
        grant = make_grant(sync_store, redemption=fields)
        service = make_client(sync_store, grant.tenant_id)
        plain, _ = make_token(sync_store, service, user_id=grant.user.id)
        as_actor: Fields = {"actor_token_hash": grant.access.hash}
        for subject, given in ((grant.access, {}), (plain, as_actor)):
            _, refused = exchange(sync_store, service, subject, **given)
            assert (refused.outcome, refused.token_id) == ("binding_required", None)
            for proved in ({"cnf_jkt": KEY}, {"cnf_x5t_s256": OTHER_KEY}):
                minted = exchanged(sync_store, service, subject, **given, **proved)
                token = token_of(sync_store, minted)
                assert {"cnf_jkt": token.cnf_jkt, "cnf_x5t_s256": token.cnf_x5t_s256}[
                    next(iter(proved))
                ] == next(iter(proved.values()))
                # The token that it is exchanged for dies too.
                _, refused = exchange(sync_store, service, minted)
                assert refused.outcome == "binding_required"


def test_a_public_client_cannot_exchange(sync_store: Store) -> None:
    grant = make_grant(sync_store)
    public = make_client(sync_store, grant.tenant_id, client_type="public")
    _, refused = exchange(sync_store, public, grant.access)
    assert (refused.outcome, refused.token_id) == ("client_public", None)


def test_at_most_16_tokens_are_behind_one(sync_store: Store, dba: Dba) -> None:
    grant = make_grant(sync_store)
    service = make_client(sync_store, grant.tenant_id)
    acting, _ = make_token(sync_store, service)
    minted, outcomes = grant.access, Counter[TokenExchangeOutcome]()
    for _ in range(16):
        # The actor's token counts once, however often it acts.
        given: Fields = {"actor_token_hash": acting.hash}
        last, issued = exchange(sync_store, service, minted, **given)
        minted = last if issued.outcome == "issued" else minted
        outcomes[issued.outcome] += 1
    assert outcomes == {"issued": 15, "too_many_exchanges": 1}
    assert verify(sync_store, minted) is not None
    query = "select max(cardinality(exchanged_from)) from authority.tokens"
    assert dba.execute(query).fetchone() == (16,)
    revoke(sync_store, token_of(sync_store, grant.access))
    assert diagnose(sync_store, minted).dead_because == "exchanged_from_dead"
