"""Steps of browsers: sessions, codes in them, step-ups, and their end."""

import hashlib
from datetime import datetime, timedelta
from typing import Final

from hypothesis import strategies as st
from hypothesis.stateful import precondition

from authority_queries.queries import sessions as session_queries
from tests.model.authority_model import SignIn
from tests.model.grant_rules import GrantRules, challenge_of
from tests.model.objects import Extent, Session, wire
from tests.model.strategies import (
    CALLBACK,
    DAY,
    HOUR,
    LOOPBACK,
    MICROSECOND,
    NOTHING,
    SECOND,
    Pick,
    extents,
    indexes,
    is_served,
    lifetimes,
    picks,
    step,
)

OFFLINE: Final = frozenset({"offline_access"})
VERIFIER: Final = "a" * 43
has_session = precondition(lambda self: bool(self.model.sessions))
classes = st.sampled_from([None, "gold", "silver"])


class SessionRules(GrantRules):
    def cookie(self) -> bytes:
        return hashlib.sha256(f"cookie {self.number()}".encode()).digest()

    def session(self, pick: Pick) -> Session:
        """Return a session, the newest first. A live choice is in use, if any is."""
        sessions = self.model.sessions
        in_use = [each for each in sessions if each.is_in_use(self.model.now)]
        choice = (pick.live and in_use) or sessions
        return choice[-1 - pick.back % len(choice)]

    @is_served
    @step(
        user=indexes,
        ago=st.sampled_from([NOTHING, NOTHING, SECOND, HOUR]),
        acr=classes,
        idle=lifetimes(60 * SECOND, HOUR),
        lifetime=lifetimes(HOUR, DAY),
    )
    def start_session(
        self,
        *,
        user: int,
        ago: timedelta,
        acr: str | None,
        idle: timedelta,
        lifetime: timedelta,
    ) -> None:
        whose, cookie = self.any(self.model.users, user), self.cookie()
        signed_in = self.model.now - ago
        given = self.service.call(
            lambda s: s.sessions.start(
                tenant_id=self.tenant_id,
                cookie_hash=cookie,
                user_id=whose.id,
                authenticated_at=signed_in,
                acr=acr,
                idle_timeout=idle,
                lifetime=lifetime,
            )
        )
        refused = not whose.works or any(
            each.signed_out(signed_in) for each in (self.model.tenant, whose)
        )
        assert (given is None) == refused
        self.journal.outcomes["session refused" if refused else "session"] += 1
        if given is None:
            return
        begun = Session(
            user=whose,
            id=given.id,
            sid=given.sid,
            cookie=cookie,
            signed_in=signed_in,
            acr=acr,
            idle=idle,
            used=self.model.now,
            ends=self.model.now + lifetime,
        )
        self.model.sessions.append(begun)
        assert given.expires_at == begun.ends

    @has_session
    @step(pick=picks)
    def verify_session(self, pick: Pick) -> None:
        """Verify as a server that knows only the cookie."""
        session = self.session(pick)
        found = session_queries.verify(
            self.service.outside, tenant_id=self.tenant_id, cookie_hash=session.cookie
        )
        live = session.is_live(self.model.tenant, self.model.now)
        assert (found is not None) == live
        self.journal.outcomes["session live" if live else "session over"] += 1
        if found is None:
            return
        assert (found.id, found.sid) == (session.id, session.sid)
        assert (found.authenticated_at, found.acr) == (session.signed_in, session.acr)
        assert (found.last_used_at, found.expires_at) == (session.used, session.ends)
        session.use(self.model.now)

    @is_served
    @has_session
    @step(
        pick=picks,
        client=indexes,
        extent=extents,
        offline=st.booleans(),
        family_lifetime=st.sampled_from([None, None, HOUR]),
        max_age=st.sampled_from([None, None, None, NOTHING, HOUR]),
        acr_values=st.sampled_from([None, None, None, ("gold",)]),
    )
    def issue_code_in_session(
        self,
        *,
        pick: Pick,
        client: int,
        extent: Extent,
        offline: bool,
        family_lifetime: timedelta | None,
        max_age: timedelta | None,
        acr_values: tuple[str, ...] | None,
    ) -> None:
        session, whom = self.session(pick), self.any(self.model.clients, client)
        who, asked = session.user, extent | (OFFLINE if offline else frozenset())
        if whom.asks_consent:
            self.agree_to(who, whom, asked)
        uri = LOOPBACK if whom.native else CALLBACK
        new = self.new(60 * SECOND)
        given = self.service.call(
            lambda s: s.grants.issue_code(
                tenant_id=self.tenant_id,
                token_hash=new.hash,
                client_id=whom.name,
                user_id=who.id,
                session_id=session.id,
                authenticated_at=None,
                **wire(asked),
                redirect_uri=uri,
                code_challenge=challenge_of(VERIFIER),
                max_age=max_age,
                acr_values=acr_values,
                lifetime=new.lifetime,
                family_lifetime=family_lifetime,
            )
        )
        sign_in = SignIn(
            claimed=session.signed_in,
            requested=self.model.now,
            acr=session.acr,
            max_age=max_age,
            acr_values=acr_values,
        )
        refusals = self.model.why_no_code(
            whom, who, asked, uri, VERIFIER, sign_in=sign_in
        )
        if not session.is_in_use(self.model.now):
            refusals |= {"login_required"}
        if not self.decide(given.outcome, refusals):
            return
        family = self.model.begin(
            whom, who, asked, family_lifetime, acr=session.acr, session=session
        )
        family.id = given.authorization_id
        token = self.model.issue(
            new,
            "authorization_code",
            whom,
            who,
            asked,
            family=family,
            signed_in=session.signed_in,
            redirect_uri=uri,
            verifier=VERIFIER,
        )
        token.id = given.token_id
        assert given.expires_at == token.expires

    @is_served
    @has_session
    @step(pick=picks, acr=classes)
    def step_up(self, pick: Pick, acr: str | None) -> None:
        session, cookie = self.session(pick), self.cookie()
        given = self.service.call(
            lambda s: s.sessions.step_up(
                tenant_id=self.tenant_id,
                cookie_hash=session.cookie,
                new_cookie_hash=cookie,
                acr=acr,
                authenticated_at=None,
            )
        )
        live = session.is_live(self.model.tenant, self.model.now)
        assert (given is not None) == live
        if live:
            old, session.cookie = session.cookie, cookie
            session.acr, session.signed_in = acr, self.model.now
            session.used = self.model.now
            assert not self.service.call(
                lambda s: s.sessions.verify(tenant_id=self.tenant_id, cookie_hash=old)
            )

    @is_served
    @has_session
    @step(pick=picks)
    def end_session(self, pick: Pick) -> None:
        session = self.session(pick)
        ended = self.service.call(
            lambda s: s.sessions.end(
                tenant_id=self.tenant_id, session_id=session.id, reason="signed_out"
            )
        )
        assert (ended is not None) == (not session.ended)
        session.ended = True

    @is_served
    @has_session
    @step(pick=picks, keeps=st.booleans())
    def end_all_sessions(self, pick: Pick, *, keeps: bool) -> None:
        session = self.session(pick)
        ended = self.service.call(
            lambda s: s.sessions.end_all(
                tenant_id=self.tenant_id,
                user_id=session.user.id,
                kept_session_id=session.id if keeps else None,
                reason="password_changed",
            )
        )
        expected = [
            each
            for each in self.model.sessions
            if each.user is session.user
            and not each.ended
            and not (keeps and each is session)
        ]
        assert {one.id for one in ended} == {each.id for each in expected}
        for each in expected:
            each.ended = True

    @has_session
    @step(pick=picks, idles=st.booleans(), before=st.booleans())
    def wait_for_session(self, pick: Pick, *, idles: bool, before: bool) -> None:
        """Go to the very moment at which a session is over, or to just before it."""
        session = self.session(pick)
        moment: datetime = session.used + session.idle if idles else session.ends
        if moment - MICROSECOND >= self.model.now:
            self.wait(moment - self.model.now - (MICROSECOND if before else NOTHING))

    @has_session
    @step(batch=st.sampled_from([1, 100]))
    def prune_sessions(self, batch: int) -> None:
        prunable = [s for s in self.model.sessions if s.ends < self.model.now]
        count = self.service.operator.sessions.prune_expired(batch_size=batch)
        assert count == min(batch, len(prunable))
        self.journal.outcomes["session pruned"] += count
        left = self.service.sessions()
        for session in prunable:
            # Nothing of a session comes back to life without its row.
            session.ended = session.ended or session.id not in left
        self.model.sessions = [s for s in self.model.sessions if s.id in left]
