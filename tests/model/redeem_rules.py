"""Steps that present a code or a refresh token: rightly, wrongly, and again."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import strategies as st

from authority_queries import NewToken, Store
from authority_queries.errors import AuthorityError
from authority_queries.records import Redemption
from authority_queries.secrets import TokenString
from tests.model.authority_model import MEMORY, Answer, Presented
from tests.model.machine import Machine
from tests.model.objects import Binding, Extent, Kind, Token, read, wire
from tests.model.strategies import (
    HOUR,
    LEEWAY,
    MICROSECOND,
    NOTHING,
    TOO_LONG,
    Pick,
    certificates,
    extents,
    has,
    is_served,
    keys,
    lives,
    picks,
    step,
)
from tests.repositories.grant_helpers import redeem_uncommitted

mistakes = st.sampled_from(
    [None] * 8 + ["client", "redirect_uri", "verifier", "key", "no key", "no cert"]
)
leeways = st.sampled_from([NOTHING, LEEWAY, LEEWAY])


class RedeemRules(Machine):
    def presentation(
        self,
        token: Token,
        *,
        mistake: str | None,
        again: bool,
        key: str | None,
        certificate: str | None,
        extent: Extent | None = None,
        leeway: timedelta = NOTHING,
    ) -> Presented:
        """A client's values beside its token: right, with a mistake, or repeated."""
        repeated = again and token.use is not None
        right = Presented(
            hash=token.hash,
            client=token.client.name,
            request=token.use.request
            if repeated and token.use
            else UUID(int=self.number()),
            redirect_uri=token.redirect_uri,
            verifier=token.verifier,
            proved=Binding(
                jkt=token.binding.jkt or key, x5t=token.binding.x5t or certificate
            ),
            extent=extent,
            leeway=leeway,
        )
        others = [c.name for c in self.model.clients if c is not token.client]
        proved = right.proved
        wrong: dict[str | None, dict[str, Any]] = {
            "client": {"client": self.any([*others, "nobody"], self.number())},
            "redirect_uri": {"redirect_uri": None if right.redirect_uri else "x:/"},
            "verifier": {"verifier": None if right.verifier else "b" * 43},
            "key": {"proved": replace(proved, jkt="K" * 43)},
            "no key": {"proved": replace(proved, jkt=None)},
            "no cert": {"proved": replace(proved, x5t=None)},
        }
        is_code = token.kind == "authorization_code"
        if not is_code and mistake in ("redirect_uri", "verifier"):
            return right  # The token has neither.
        return replace(right, **wrong.get(mistake, {}))

    def send(
        self,
        store: Store,
        kind: Kind,
        shown: Presented,
        access: NewToken | None,
        refresh: NewToken | None,
    ) -> Redemption:
        same: dict[str, Any] = {
            "tenant_id": self.tenant_id,
            "token_hash": shown.hash,
            "client_id": shown.client,
            "redemption_id": shown.request,
            "cnf_jkt": shown.proved.jkt,
            "cnf_x5t_s256": shown.proved.x5t,
            "access_token": access,
            "refresh_token": refresh,
        }
        if shown.extent is not None:
            same |= wire(shown.extent)
        if kind == "authorization_code":
            return store.redemptions.redeem_code(
                **same, redirect_uri=shown.redirect_uri, code_verifier=shown.verifier
            )
        if kind == "device_code":
            return store.redemptions.redeem_device_code(**same, leeway=shown.leeway)
        return store.redemptions.refresh(**same, leeway=shown.leeway)

    def redeem(
        self,
        kind: Kind,
        shown: Presented,
        access: NewToken | None,
        refresh: NewToken | None,
    ) -> Answer:
        given = self.service.call(lambda s: self.send(s, kind, shown, access, refresh))
        token = self.model.tokens.get(shown.hash)
        if token and token.use and self.model.is_forgotten(token):
            self.journal.outcomes["forgotten"] += 1
        answer = self.model.redeem(kind, shown, access, refresh)
        self.compare_redemption(given, answer)
        return answer

    def compare_redemption(self, given: Redemption, answer: Answer) -> None:
        assert given.outcome == answer.outcome, (given.outcome, answer.outcome)
        self.journal.outcomes[given.outcome] += 1
        kept = {t.kind: t for t in answer.issued if t.hash in self.model.tokens}
        ids = {"access": given.access_token_id, "refresh": given.refresh_token_id}
        ends = {"access": given.access_expires_at, "refresh": given.refresh_expires_at}
        for kind, token_id in ids.items():
            token = kept.get("access" if kind == "access" else "refresh")
            assert (token_id is None) == (token is None), (kind, token_id)
            if token:
                token.id = token.id or token_id
                assert (token_id, ends[kind]) == (token.id, token.expires)
        if answer.token is None or answer.token.family is None:
            assert given.authorization_id is None
            assert given.scopes is None
            return
        assert given.authorization_id == answer.token.family.id
        assert given.authenticated_at == answer.token.signed_in
        carried = kept.get("access", answer.token).extent
        assert read(given) == carried
        assert given.acr == answer.token.family.acr

    @is_served
    @has("authorization_code")
    @step(
        pick=picks,
        mistake=mistakes,
        again=st.booleans(),
        key=keys,
        certificate=certificates,
        access=st.one_of(lives, st.none()),
        refresh=st.one_of(lives, st.none()),
    )
    def redeem_code(
        self,
        *,
        pick: Pick,
        mistake: str | None,
        again: bool,
        key: str | None,
        certificate: str | None,
        access: timedelta | None,
        refresh: timedelta | None,
    ) -> None:
        token = self.pick("authorization_code", pick)
        shown = self.presentation(
            token, mistake=mistake, again=again, key=key, certificate=certificate
        )
        self.redeem(
            "authorization_code",
            shown,
            self.new_or_none(access),
            self.new_or_none(refresh),
        )

    @is_served
    @has("refresh")
    @step(
        pick=picks,
        mistake=mistakes,
        again=st.booleans(),
        key=keys,
        certificate=certificates,
        asked=st.one_of(st.none(), extents),
        leeway=leeways,
        access=st.one_of(lives, st.none()),
        refresh=st.one_of(lives, lives, st.none()),
    )
    def refresh(
        self,
        *,
        pick: Pick,
        mistake: str | None,
        again: bool,
        key: str | None,
        certificate: str | None,
        asked: Extent | None,
        leeway: timedelta,
        access: timedelta | None,
        refresh: timedelta | None,
    ) -> None:
        if refresh is None:
            access = access or HOUR
        shown = self.presentation(
            self.pick("refresh", pick),
            mistake=mistake,
            again=again,
            key=key,
            certificate=certificate,
            extent=asked,
            leeway=leeway,
        )
        self.redeem(
            "refresh", shown, self.new_or_none(access), self.new_or_none(refresh)
        )

    @is_served
    @has("refresh")
    @step(pick=picks, with_access=st.booleans())
    def redeem_for_too_long(self, pick: Pick, *, with_access: bool) -> None:
        """An unstorable lifetime is an error, and the token is not used up."""
        token = self.pick("refresh", pick)
        family = token.family
        if self.model.why_dead(token) or family is None or family.ends:
            return  # The request is refused, or the token ends with its family.
        shown = self.presentation(
            token, mistake=None, again=False, key=None, certificate=None
        )
        minted = TokenString(
            kind="refresh", tenant_id=self.tenant_id, token="", hash=shown.hash
        )
        fields = {
            "client_id": shown.client,
            "cnf_jkt": shown.proved.jkt,
            "cnf_x5t_s256": shown.proved.x5t,
            "access_token_hash": self.new(HOUR).hash if with_access else None,
            "refresh_token_hash": self.new(HOUR).hash,
            "refresh_lifetime": TOO_LONG,
        }
        with pytest.raises(AuthorityError):
            self.service.call(
                lambda s: redeem_uncommitted(
                    s.connection, minted, type="refresh", **fields
                )
            )
        self.journal.outcomes["too long"] += 1

    @is_served
    @has("refresh")
    @step(
        pick=picks,
        again=st.booleans(),
        leeway=leeways,
        refreshing=st.booleans(),
        after=st.sampled_from([None, NOTHING, NOTHING, LEEWAY - MICROSECOND, LEEWAY]),
    )
    def present_used(
        self,
        *,
        pick: Pick,
        again: bool,
        leeway: timedelta,
        refreshing: bool,
        after: timedelta | None,
    ) -> None:
        """Use up the rest of a refresh token, and present it once more.

        With None for `after` that is when it is forgotten, or just before.
        """
        token = self.pick("refresh", pick)
        for once_more in (False, True):
            shown = self.presentation(
                token,
                mistake=None,
                again=once_more and again,
                key=None,
                certificate=None,
                leeway=leeway,
            )
            answer = self.redeem("refresh", shown, None, self.new(HOUR))
            if refreshing and answer.outcome == "redeemed":
                next_one = self.presentation(
                    answer.issued[0],
                    mistake=None,
                    again=False,
                    key=None,
                    certificate=None,
                )
                self.redeem("refresh", next_one, None, self.new(HOUR))
            if once_more:
                return
            forgotten = token.expires + MEMORY - self.model.now
            just_before = forgotten - MICROSECOND if leeway else forgotten
            self.wait(max(just_before, NOTHING) if after is None else after)
