"""Steps of devices: users' approvals, and redemptions, repeated where needed."""

from datetime import timedelta
from typing import Final

from hypothesis import strategies as st

from tests.model.authority_model import SignIn
from tests.model.objects import Binding, Extent, wire
from tests.model.session_rules import SessionRules
from tests.model.strategies import (
    LEEWAY,
    MICROSECOND,
    NOTHING,
    Pick,
    extents,
    has,
    indexes,
    is_served,
    keys,
    lives,
    picks,
    step,
)

REQUEST: Final = timedelta(minutes=10)


class DeviceRules(SessionRules):
    @is_served
    @step(client=indexes, user=indexes, extent=extents, agrees=st.booleans(), key=keys)
    def approve_device(
        self, *, client: int, user: int, extent: Extent, agrees: bool, key: str | None
    ) -> None:
        who, whom = (
            self.any(self.model.users, user),
            self.any(self.model.clients, client),
        )
        if agrees:
            self.agree_to(who, whom, extent)
        new = self.new(REQUEST)
        asked = self.service.call(
            lambda s: s.device_authorizations.create(
                tenant_id=self.tenant_id,
                device_code_hash=new.hash,
                user_code_hash=new.hash,
                client_id=whom.name,
                **wire(extent),
                cnf_jkt=key,
                lifetime=REQUEST,
            )
        )
        assert asked.outcome == ("created" if whom.works else "client_inactive")
        if not whom.works:
            return
        given = self.service.call(
            lambda s: s.device_authorizations.approve(
                tenant_id=self.tenant_id,
                user_code_hash=new.hash,
                user_id=who.id,
                authenticated_at=None,
                acr="silver",
            )
        )
        sign_in = SignIn(claimed=self.model.now, requested=self.model.now, acr="silver")
        refusals = self.model.why_no_family(whom, who, extent, sign_in=sign_in)
        assert given.outcome in (refusals or {"approved"}), (given.outcome, refusals)
        self.journal.outcomes[given.outcome] += 1
        if refusals:
            return
        family = self.model.begin(whom, who, extent, None, acr="silver")
        family.id = given.authorization_id
        token = self.model.issue(
            new,
            "device_code",
            whom,
            who,
            extent,
            family=family,
            binding=Binding(jkt=key),
        )
        token.id = given.token_id
        assert given.expires_at == token.expires

    @is_served
    @has("device_code")
    @step(
        pick=picks,
        key=keys,
        leeway=st.sampled_from([NOTHING, LEEWAY, LEEWAY]),
        lives=st.tuples(lives, st.one_of(lives, st.none())),
        after=st.sampled_from([NOTHING, NOTHING, LEEWAY - MICROSECOND, LEEWAY]),
    )
    def redeem_device_code(
        self,
        *,
        pick: Pick,
        key: str | None,
        leeway: timedelta,
        lives: tuple[timedelta, timedelta | None],
        after: timedelta,
    ) -> None:
        """Redeem it, and once more, as a device does after a lost answer."""
        token = self.pick("device_code", pick)
        for once_more in (False, True):
            shown = self.presentation(
                token,
                mistake=None,
                again=False,
                key=key,
                certificate=None,
                leeway=leeway,
            )
            access, refresh = (self.new_or_none(life) for life in lives)
            self.redeem("device_code", shown, access, refresh)
            if not once_more:
                self.wait(after)
