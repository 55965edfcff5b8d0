"""Steps that end something: revocations, sign-outs, consents, suspensions."""

import inspect
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition

from authority_queries import Store
from tests.model.device_rules import DeviceRules
from tests.model.objects import Ended, Extent, Kind, Token, read, wire
from tests.model.strategies import (
    HOUR,
    Pick,
    extents,
    has,
    indexes,
    is_served,
    kinds,
    picks,
    step,
)

who = st.sampled_from(["tenant", "user", "client", "account"])


class EndRules(DeviceRules):
    def some(self, what: str, index: int) -> Ended:
        groups: dict[str, list[Any]] = {
            "tenant": [self.model.tenant],
            "user": self.model.users,
            "client": self.model.clients,
            "account": self.model.accounts,
        }
        found: Ended = self.any(groups[what], index)
        return found

    def one(self, kind: Kind, pick: Pick) -> Token | None:
        return self.pick(kind, pick) if self.of_kind(kind) else None

    @is_served
    @step(kind=kinds, pick=picks, stranger=st.sampled_from([False, False, True]))
    def revoke_token(self, kind: Kind, pick: Pick, *, stranger: bool) -> None:
        token = self.one(kind, pick)
        name = token.client.name if token else "web"
        if stranger:
            name = "own" if name == "web" else "web"
        done = self.service.call(
            lambda s: s.tokens.revoke(
                tenant_id=self.tenant_id,
                token_hash=token.hash if token else bytes(32),
                client_id=name,
                reason="by its client",
            )
        )
        assert done == self.model.revoke(token, name)

    @is_served
    @step(kind=kinds, pick=picks)
    def revoke_by_id(self, kind: Kind, pick: Pick) -> None:
        token = self.one(kind, pick)
        if token is None or token.id is None:
            return
        token_id = token.id
        done = self.service.call(
            lambda s: s.tokens.revoke_by_id(
                tenant_id=self.tenant_id, token_id=token_id, reason="by an operator"
            )
        )
        assert done == (not token.revoked)
        token.revoked = True

    @is_served
    @precondition(lambda self: bool(self.model.families))
    @step(back=indexes)
    def end_family(self, back: int) -> None:
        family = self.model.families[-1 - back % len(self.model.families)]
        assert family.id is not None
        family_id = family.id
        done = self.service.call(
            lambda s: s.authorizations.revoke(
                tenant_id=self.tenant_id, authorization_id=family_id, reason="ended"
            )
        )
        assert done == (not family.revoked)
        family.revoked = True

    @is_served
    @has("refresh")
    @step(index=indexes)
    def delete_user(self, index: int) -> None:
        """No ended or live row blocks a user's deletion; another one gets the name."""
        user = self.any(self.model.users, index)
        assert self.service.call(
            lambda s: s.users.delete(tenant_id=self.tenant_id, user_id=user.id)
        )
        self.model.forget_user(user)
        self.service.call(lambda s: self.add_user(s, user.name))
        self.journal.outcomes["user deleted"] += 1

    @is_served
    @step(user=indexes, client=indexes, extent=extents)
    def consent(self, user: int, client: int, extent: Extent) -> None:
        self.agree_to(
            self.any(self.model.users, user),
            self.any(self.model.clients, client),
            extent,
        )

    @is_served
    @step(user=indexes, client=indexes, kept=extents)
    def narrow_consent(self, user: int, client: int, kept: Extent) -> None:
        whose, whom = (
            self.any(self.model.users, user),
            self.any(self.model.clients, client),
        )
        narrowed = self.service.call(
            lambda s: s.consents.narrow(
                tenant_id=self.tenant_id,
                user_id=whose.id,
                client_id=whom.name,
                **wire(kept),
            )
        )
        consent = self.model.consent(whose, whom)
        assert (narrowed is None) == (consent is None)
        if narrowed and consent:
            consent.extent &= kept
            assert read(narrowed) == consent.extent

    @is_served
    @step(user=indexes, client=indexes)
    def withdraw_consent(self, user: int, client: int) -> None:
        whose, whom = (
            self.any(self.model.users, user),
            self.any(self.model.clients, client),
        )
        done = self.service.call(
            lambda s: s.consents.revoke(
                tenant_id=self.tenant_id,
                user_id=whose.id,
                client_id=whom.name,
                reason="withdrawn",
            )
        )
        consent = self.model.consent(whose, whom)
        assert done == (consent is not None)
        if consent:
            consent.revoked = True

    @is_served
    @step(what=who, index=indexes)
    def sign_out_everywhere(self, what: str, index: int) -> None:
        ended = self.some(what, index)
        tenant = {"tenant_id": self.tenant_id}
        calls: dict[str, Any] = {
            "tenant": lambda s: s.tenants.revoke_tokens(**tenant),
            "user": lambda s: s.users.revoke_tokens(**tenant, user_id=ended.id),
            "client": lambda s: s.clients.revoke_tokens(**tenant, client_uuid=ended.id),
            "account": lambda s: s.service_accounts.revoke_tokens(
                **tenant, service_account_id=ended.id
            ),
        }
        moved = self.service.call(calls[what])
        assert moved.tokens_valid_after == self.model.now
        ended.signed_out_at = self.model.now
        for session in self.model.sessions:
            session.ended = session.ended or session.user is ended

    @is_served
    @step(what=st.sampled_from(["user", "client", "account"]), index=indexes)
    def stop(self, what: str, index: int) -> None:
        """Disable it, so that nothing is issued to it."""
        self._set(what, self.some(what, index), works=False)
        if what == "account":
            self.client_credentials(
                client=0,
                for_account=True,
                extent=frozenset(),
                key=None,
                lifetime=HOUR,
            )
            return
        self.issue_code(
            client=index,
            user=index,
            extent=frozenset(),
            agrees=True,
            uri=None,
            verifier="a" * 43,
            key=None,
            family_lifetime=None,
            ago=None,
        )

    @is_served
    @precondition(lambda self: bool(self.stopped()))
    @step(index=indexes)
    def start(self, index: int) -> None:
        what, ended = self.any(self.stopped(), index)
        self._set(what, ended, works=True)

    def stopped(self) -> list[tuple[str, Ended]]:
        groups: list[tuple[str, list[Any]]] = [
            ("user", self.model.users),
            ("client", self.model.clients),
            ("account", self.model.accounts),
        ]
        return [(what, e) for what, group in groups for e in group if not e.works]

    def _set(self, what: str, ended: Ended, *, works: bool) -> None:
        def write(store: Store) -> None:
            tenant: dict[str, Any] = {"tenant_id": self.tenant_id}
            if what == "user":
                user = store.users.get_by_id(**tenant, user_id=ended.id)
                status = "active" if works else "suspended"
                change(store.users.update, user, user_id=ended.id, status=status)
            elif what == "client":
                client = store.clients.get_by_client_id(**tenant, client_id=ended.name)
                assert client is not None
                change(
                    store.clients.update, client, client_uuid=client.id, enabled=works
                )
            else:
                account = store.service_accounts.get_by_id(
                    **tenant, service_account_id=ended.id
                )
                change(
                    store.service_accounts.update,
                    account,
                    service_account_id=ended.id,
                    enabled=works,
                )

        self.service.call(write)
        ended.works = works


def change(update: Callable[..., object], record: object, **changes: object) -> None:
    """Update a record that was read, with these changes."""
    names = [n for n in inspect.signature(update).parameters if hasattr(record, n)]
    update(**{**{name: getattr(record, name) for name in names}, **changes})
