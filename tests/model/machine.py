"""What every step needs: a tenant in store and model, and their comparison."""

import hashlib
from collections import Counter
from datetime import timedelta
from typing import Any, Final, TypeVar
from uuid import UUID

from hypothesis.stateful import RuleBasedStateMachine, invariant

from authority_queries import NewToken, Store
from authority_queries.queries import tokens as token_queries
from authority_queries.records import VerifiedToken
from authority_queries.testing import Clock
from tests.factories import make_client, make_service_account, make_tenant, make_user
from tests.flows.cached_verifier import CachedVerifier
from tests.model.authority_model import AuthorityModel
from tests.model.journal import Journal
from tests.model.objects import Account, Client, Ended, Kind, Token, User, read
from tests.model.service import Seen, Service
from tests.model.strategies import BEGINNING, CALLBACK, LOOPBACK, Pick

Value = TypeVar("Value")
# Only the tokens that a step changes; the view is read for all, in one statement.
MAX_VERIFIED: Final = 3


class Machine(RuleBasedStateMachine):
    """One life of a tenant, in the store and in the model."""

    def __init__(self, service: Service, clock: Clock, journal: Journal) -> None:
        super().__init__()
        self.service, self.clock, self.journal = service, clock, journal
        journal.lives += 1
        self._numbers = 0
        self._reported: dict[bytes, str | None] = {}
        self._revoked: set[UUID] = set()
        service.clear()
        clock.freeze(BEGINNING)
        tenant_id = make_tenant(service.operator).id
        service.tenant_id = self.tenant_id = tenant_id
        self.verifier = CachedVerifier(service.dba, tenant_id)
        self.model = AuthorityModel(
            tenant=Ended(name="tenant", id=tenant_id), now=BEGINNING
        )
        with service.transaction() as store:
            self._populate(store)

    def _populate(self, store: Store) -> None:
        web = {"type": "confidential", "application": "web"}
        self.model.clients = [
            self._client(
                store, "web", **web, consent="explicit", redirect_uris=(CALLBACK,)
            ),
            self._client(
                store,
                "app",
                type="public",
                application="native",
                consent="explicit",
                redirect_uris=(LOOPBACK, "app:/cb"),
            ),
            self._client(
                store, "own", **web, consent="implicit", redirect_uris=(CALLBACK,)
            ),
        ]
        for name in ("ann", "bob"):
            self.add_user(store, name)
        client = self.model.clients[0]
        account = make_service_account(
            store,
            self.tenant_id,
            account_id="robot",
            allowed_scopes=["mail", "read"],
            allowed_resources=["urn:b"],
            authorized_client_uuids=[client.id],
        )
        self.model.accounts.append(
            Account(
                name="robot",
                id=account.id,
                extent=frozenset({"mail", "read", "urn:b"}),
                clients=(client,),
            )
        )

    def add_user(self, store: Store, name: str) -> None:
        user = make_user(store, self.tenant_id, username=name)
        self.model.users.append(User(name=name, id=user.id, sub=user.subject_id))

    def _client(
        self,
        store: Store,
        name: str,
        *,
        type: str,
        application: str,
        consent: str,
        redirect_uris: tuple[str, ...],
    ) -> Client:
        client = make_client(
            store,
            self.tenant_id,
            client_id=name,
            client_type=type,
            application_type=application,
            consent_type=consent,
            redirect_uris=redirect_uris,
        )
        return Client(
            name=name,
            id=client.id,
            public=type == "public",
            native=application == "native",
            asks_consent=consent != "implicit",
            redirect_uris=redirect_uris,
        )

    def number(self) -> int:
        self._numbers += 1
        return self._numbers

    def new(self, lifetime: timedelta) -> NewToken:
        """Return a token of this run, identified by its number."""
        digest = hashlib.sha256(f"token {self.number()}".encode()).digest()
        return NewToken(hash=digest, lifetime=lifetime)

    def new_or_none(self, lifetime: timedelta | None) -> NewToken | None:
        return None if lifetime is None else self.new(lifetime)

    def of_kind(self, kind: Kind) -> list[Token]:
        return [token for token in self.model.tokens.values() if token.kind == kind]

    def pick(self, kind: Kind, pick: Pick) -> Token:
        """Return one of the tokens of a kind, the newest first."""
        every = self.of_kind(kind)
        live = [token for token in every if not self.model.why_dead(token)]
        tokens = live if pick.live and live else every
        return tokens[-1 - pick.back % len(tokens)]

    def any(self, values: list[Value], index: int) -> Value:
        return values[index % len(values)]

    def wait(self, by: timedelta) -> None:
        self.clock.advance(by)
        self.model.now += by

    def decide(self, outcome: str, refusals: set[str]) -> bool:
        """Compare an outcome with the reasons to refuse; return whether it issued.

        The store may return any of several reasons.
        """
        assert outcome in (refusals or {"issued"}), (outcome, refusals)
        self.journal.outcomes[outcome] += 1
        return not refusals

    @invariant()
    def agree(self) -> None:
        """Assert that store and model agree on every token and family."""
        seen = self.service.look()
        states = {digest: token.dead_because for digest, token in seen.items()}
        expected = {
            digest: next(iter(self.model.why_dead(token)), None)
            for digest, token in self.model.tokens.items()
        }
        differ = {
            self._named(digest): (
                states.get(digest, "none"),
                expected.get(digest, "none"),
            )
            for digest in {*states, *expected}
            if states.get(digest, "none") != expected.get(digest, "none")
        }
        assert not differ, f"store, model: {differ}"
        self.journal.checked += len(states)
        self._check_families(seen)
        changed = [h for h in expected if self._reported.get(h, "new") != expected[h]]
        for digest in changed:
            self.journal.deaths[expected[digest] or "alive"] += 1
        unchanged = [*expected][self._numbers % (len(expected) or 1) :][:1]
        for digest in changed[:MAX_VERIFIED] or unchanged:
            self._verify(self.model.tokens[digest], expected[digest])
        self._reported = expected

    @invariant()
    def hear(self) -> None:
        """Assert that the feed has ended each cached token that is dead, and no other.

        A cache knows itself when a token expires.
        """
        before = len(self.verifier.cache)
        entries, dropped = self.verifier.follow()
        live = self.verifier.live()
        kept = {
            id_
            for id_, token in self.verifier.cache.items()
            if token.expires_at > self.model.now
        }
        assert kept <= live.keys(), "ended in silence"
        is_narrow = any(entry.scopes is not None for entry in entries)
        alive = {
            id_
            for id_, token in dropped.items()
            if id_ in live
            # The feed does not know which scopes the tokens behind it had.
            and not (is_narrow and token.depends_on is not None)
        }
        assert not alive, "ended by mistake"
        self.journal.heard.update(entry.reason for entry in entries)
        self.journal.dropped += before - len(self.verifier.cache)
        self.verifier.cache = {**live, **self.verifier.cache}

    def _named(self, digest: bytes) -> str:
        token = self.model.tokens.get(digest)
        return f"{token.kind} {digest.hex()[:6]}" if token else digest.hex()[:6]

    def _check_families(self, seen: dict[bytes, Seen]) -> None:
        families = self.service.families()
        assert families == {f.id: f.revoked for f in self.model.families}
        self._revoked |= {f for f, revoked in families.items() if revoked}
        live = [token for token in seen.values() if token.dead_because is None]
        # RFC 9700 section 4.14.2: the holder of one of two live branches goes
        # unnoticed.
        branches = Counter(t.family for t in live if t.type == "refresh")
        assert all(count == 1 for count in branches.values()), branches
        for token in live:
            assert token.family not in self._revoked
            assert token.subject_family not in self._revoked

    def _verify(self, token: Token, reason: str | None) -> None:
        """Verify as a resource server, as a service and as an operator."""
        key: dict[str, Any] = {"tenant_id": self.tenant_id, "token_hash": token.hash}
        outside = token_queries.verify_by_token(
            self.service.outside, **key, type=token.kind, resource=None
        )
        self._compare(token, outside, reason)
        if not self.model.tenant.works:
            return
        inside = self.service.call(lambda s: s.tokens.verify(**key, type=token.kind))
        assert inside == outside
        told = self.service.call(lambda s: s.tokens.diagnose(**key))
        assert told is not None
        assert told.dead_because == reason
        assert token.id in (None, told.id)

    def _compare(
        self, token: Token, found: VerifiedToken | None, reason: str | None
    ) -> None:
        assert (found is None) == (reason is not None)
        if found is None:
            return
        user = token.subject.id if isinstance(token.subject, User) else None
        account = token.subject.id if isinstance(token.subject, Account) else None
        assert found.client_id == token.client.name
        assert (found.user_id, found.service_account_id) == (user, account)
        assert read(found) == token.extent
        assert found.acr == (token.family.acr if token.family else None)
        assert (found.cnf_jkt, found.cnf_x5t_s256) == (
            token.binding.jkt,
            token.binding.x5t,
        )
        assert found.actor == token.actor
        assert (found.created_at, found.expires_at) == (token.born, token.expires)
        assert found.authenticated_at == token.signed_in
