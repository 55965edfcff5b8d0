"""Steps in which the caller dies before, during or after its answer."""

from datetime import timedelta

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import precondition

from authority_queries.errors import OpenTransactionError
from tests.model.authority_model import Presented
from tests.model.objects import Binding, Extent, wire
from tests.model.strategies import (
    DAY,
    HOUR,
    SECOND,
    Pick,
    extents,
    has,
    indexes,
    is_served,
    keys,
    picks,
    step,
)
from tests.model.time_rules import TimeRules


class CrashError(Exception):
    """The caller's own end."""


class CrashRules(TimeRules):
    def asked_for(self, pick: Pick) -> Presented:
        return self.presentation(
            self.pick("refresh", pick),
            mistake=None,
            again=False,
            key=None,
            certificate=None,
        )

    @is_served
    @has("refresh")
    @step(pick=picks, with_access=st.booleans())
    def lose_the_answer(self, pick: Pick, *, with_access: bool) -> None:
        """The commit is done; the retry returns it and the tokens issued."""
        shown = self.asked_for(pick)
        access = self.new(HOUR) if with_access else None
        refresh = self.new(DAY)
        self.service.lose(lambda s: self.send(s, "refresh", shown, access, refresh))
        lost = self.model.redeem("refresh", shown, access, refresh)
        retry = self.redeem("refresh", shown, self.new(HOUR), self.new(DAY))
        if lost.outcome == "redeemed":
            assert retry.outcome == "already_redeemed"
            self.journal.outcomes["answer lost"] += 1

    @is_served
    @has("refresh")
    @precondition(lambda self: len(self.model.tokens) % 4 == 0)  # The step takes long.
    @step(pick=picks)
    def kill_the_server_process(self, pick: Pick) -> None:
        """A killed statement has done nothing; the retry does everything."""
        shown = self.asked_for(pick)
        token = self.model.tokens[shown.hash]
        if self.model.is_forgotten(token):
            return  # The statement waits for nothing.
        family, refresh = token.family, self.new(DAY)
        killed = self.service.interrupt(
            lambda s: self.send(s, "refresh", shown, None, refresh),
            family.id if family else None,
        )
        assert killed
        self.journal.outcomes["killed"] += 1
        self.agree()
        self.redeem("refresh", shown, None, refresh)

    @is_served
    @has("refresh")
    @step(pick=picks)
    def refresh_in_a_transaction(self, pick: Pick) -> None:
        """A rollback could undo it, so it is refused before anything is sent."""
        shown = self.asked_for(pick)
        with (
            pytest.raises(OpenTransactionError),
            self.service.transaction() as store,
        ):
            self.send(store, "refresh", shown, None, self.new(DAY))

    @is_served
    @step(
        client=indexes,
        user=indexes,
        extent=extents,
        key=keys,
        crashes=st.sampled_from(["no", "no", "before anything is sent", "at the end"]),
        family_lifetime=st.sampled_from([None, 60 * SECOND, 2 * HOUR]),
        lifetime=st.sampled_from([HOUR, 3 * DAY]),
    )
    def import_tokens(
        self,
        *,
        client: int,
        user: int,
        extent: Extent,
        key: str | None,
        crashes: str,
        family_lifetime: timedelta | None,
        lifetime: timedelta,
    ) -> None:
        """A caller's transaction is kept as a whole or not at all."""
        whose, whom = (
            self.any(self.model.users, user),
            self.any(self.model.clients, client),
        )
        access, refresh = self.new(HOUR), self.new(lifetime)
        try:
            with self.service.transaction() as store:
                if crashes == "before anything is sent":
                    raise CrashError
                store.consents.grant(
                    tenant_id=self.tenant_id,
                    user_id=whose.id,
                    client_id=whom.name,
                    **wire(extent),
                )
                consent = store.consents.get(
                    tenant_id=self.tenant_id, user_id=whose.id, client_id=whom.name
                )
                made = store.authorizations.create(
                    tenant_id=self.tenant_id,
                    client_uuid=whom.id,
                    user_id=whose.id,
                    consent_id=consent.id if consent else None,
                    **wire(extent),
                    lifetime=family_lifetime,
                )
                for kind, new in (("access", access), ("refresh", refresh)):
                    store.tokens.create(
                        tenant_id=self.tenant_id,
                        type="access" if kind == "access" else "refresh",
                        token_hash=new.hash,
                        client_uuid=whom.id,
                        user_id=whose.id,
                        authorization_id=made.id,
                        **wire(extent),
                        cnf_jkt=key,
                        lifetime=new.lifetime,
                    )
                if crashes == "at the end":
                    raise CrashError
        except CrashError:
            self.journal.outcomes["rolled back"] += 1
            return
        self.model.grant(whose, whom, extent)
        family = self.model.begin(whom, whose, extent, family_lifetime)
        family.id = made.id
        for kind, new in (("access", access), ("refresh", refresh)):
            self.model.issue(
                new,
                "access" if kind == "access" else "refresh",
                whom,
                whose,
                extent,
                family=family,
                binding=Binding(jkt=key),
            )
