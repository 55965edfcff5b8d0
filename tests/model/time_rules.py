"""Steps of operators and of time: suspension, waiting, pruning."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import precondition

from authority_queries.errors import TenantInactiveError
from tests.model.authority_model import MEMORY
from tests.model.end_rules import EndRules
from tests.model.objects import Kind
from tests.model.strategies import (
    DAY,
    HOUR,
    LEEWAY,
    MICROSECOND,
    NOTHING,
    SECOND,
    Pick,
    has,
    is_served,
    kinds,
    picks,
    step,
)

ages = st.sampled_from([NOTHING, HOUR, DAY])
batches = st.sampled_from([1000, 1000, 1])


class TimeRules(EndRules):
    @is_served
    @has("refresh")
    @step()
    def suspend_tenant(self) -> None:
        self.service.operator.tenants.suspend(tenant_id=self.tenant_id)
        self.model.tenant.works = False

    @precondition(lambda self: not self.model.tenant.works)
    @step()
    def resume_tenant(self) -> None:
        self.service.operator.tenants.resume(tenant_id=self.tenant_id)
        self.model.tenant.works = True

    @precondition(lambda self: not self.model.tenant.works)
    @has("refresh")
    @step(pick=picks)
    def refresh_while_suspended(self, pick: Pick) -> None:
        token = self.pick("refresh", pick)
        shown = self.presentation(
            token, mistake=None, again=False, key=None, certificate=None
        )
        new = self.new(HOUR)
        with pytest.raises(TenantInactiveError):
            self.service.call(lambda s: self.send(s, "refresh", shown, None, new))

    @step(
        by=st.sampled_from(
            [MICROSECOND, SECOND, SECOND, LEEWAY, 30 * SECOND, HOUR, DAY, 31 * DAY]
        )
    )
    def time_passes(self, by: timedelta) -> None:
        self.wait(by)

    @step(
        kind=kinds,
        pick=picks,
        what=st.sampled_from(["expires", "family", "leeway", "prunable"]),
        age=ages,
        before=st.booleans(),
    )
    def wait_until(
        self, kind: Kind, pick: Pick, what: str, age: timedelta, *, before: bool
    ) -> None:
        """Go to the very moment at which something ends, or to just before it."""
        token = self.one(kind, pick)
        if token is None:
            return
        moments: dict[str, datetime | None] = {
            "expires": token.expires,
            "family": token.family.ends if token.family else None,
            "leeway": token.use.at + LEEWAY if token.use else None,
            "prunable": token.expires
            + age
            + (MEMORY if token.kind == "refresh" else NOTHING),
        }
        moment = moments[what]
        if moment is None or moment - MICROSECOND < self.model.now:
            return
        self.wait(moment - self.model.now - (MICROSECOND if before else NOTHING))

    @precondition(lambda self: self.model.prunable_tokens("access", NOTHING))
    @step(age=ages, batch=batches)
    def prune_access_tokens(self, age: timedelta, batch: int) -> None:
        self._prune("access", self.service.operator.tokens.prune_expired, age, batch)

    @precondition(lambda self: self.model.prunable_tokens("refresh", NOTHING))
    @step(age=ages, batch=batches)
    def prune_refresh_tokens(self, age: timedelta, batch: int) -> None:
        prune = self.service.operator.tokens.prune_refresh_tokens
        self._prune("refresh", prune, age, batch)

    def _prune(
        self, kind: Kind, prune: Callable[..., int], age: timedelta, batch: int
    ) -> None:
        before = self.service.look()
        count = prune(older_than=age, batch_size=batch)
        gone = before.keys() - self.service.look().keys()
        prunable = self.model.prunable_tokens(kind, age)
        assert gone <= prunable
        assert count == len(gone) == min(batch, len(prunable))
        self.journal.outcomes[f"{kind} token pruned"] += count
        self.model.forget_tokens(gone)

    @precondition(lambda self: self.model.prunable_families(NOTHING)[0])
    @step(age=ages, batch=batches)
    def prune_families(self, age: timedelta, batch: int) -> None:
        before = self.service.families()
        count = self.service.operator.authorizations.prune_expired(
            older_than=age, batch_size=batch
        )
        gone = before.keys() - self.service.families().keys()
        may, must = self.model.prunable_families(age)
        assert gone <= may
        assert count == len(gone) <= batch
        assert count == batch or must <= gone
        self.journal.outcomes["family pruned"] += count
        self.model.forget_families(gone)
