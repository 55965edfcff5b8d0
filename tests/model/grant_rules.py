"""Steps that ask for tokens: codes, client credentials, exchanges."""

from base64 import urlsafe_b64encode
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from typing import Final

from hypothesis import strategies as st

from authority_queries import NewToken
from tests.model.authority_model import SignIn
from tests.model.objects import Binding, Client, Extent, Token, User, read, wire
from tests.model.redeem_rules import RedeemRules
from tests.model.strategies import (
    BEGINNING,
    CALLBACK,
    HOUR,
    LOOPBACK,
    NOTHING,
    SECOND,
    Pick,
    certificates,
    extents,
    has,
    indexes,
    is_served,
    keys,
    lives,
    picks,
    step,
)

URIS: list[str | None] = [
    None,
    CALLBACK,
    LOOPBACK,
    "http://127.0.0.1:8400/cb",
    "app:/cb",
    "x:/",
]


# `requested` is drawn as its distance from this moment.
NO_REQUIREMENT: Final = SignIn(claimed=BEGINNING, requested=BEGINNING)
requirements = st.builds(
    SignIn,
    claimed=st.just(BEGINNING),
    requested=st.sampled_from([BEGINNING, BEGINNING + SECOND]),
    acr=st.sampled_from([None, "gold", "gold", "silver"]),
    max_age=st.sampled_from([None, None, None, NOTHING, SECOND, HOUR]),
    acr_values=st.sampled_from([None, None, None, ("gold",), ("silver", "gold")]),
)


class GrantRules(RedeemRules):
    @is_served
    @step(
        client=indexes,
        user=indexes,
        extent=extents,
        agrees=st.sampled_from([True, True, False]),
        uri=st.one_of(st.none(), st.none(), indexes),
        verifier=st.sampled_from(["a" * 43, "a" * 43, "b" * 43, None]),
        key=keys,
        family_lifetime=st.sampled_from([None, None, 5 * SECOND, HOUR]),
        ago=st.sampled_from(
            [None, None, NOTHING, SECOND, HOUR, -45 * SECOND, -60 * SECOND]
        ),
        required=requirements,
    )
    def issue_code(
        self,
        *,
        client: int,
        user: int,
        extent: Extent,
        agrees: bool,
        uri: int | None,
        verifier: str | None,
        key: str | None,
        family_lifetime: timedelta | None,
        ago: timedelta | None,
        required: SignIn = NO_REQUIREMENT,
    ) -> None:
        who, whom = (
            self.any(self.model.users, user),
            self.any(self.model.clients, client),
        )
        if agrees and whom.asks_consent:
            self.agree_to(who, whom, extent)
        usual = whom.redirect_uris[0]
        redirect_uri = usual if uri is None else self.any(URIS, uri)
        claimed = self.model.now - (ago or NOTHING)
        signed_in = self.model.sign_in_time(claimed)
        sign_in = replace(
            required,
            claimed=claimed,
            requested=self.model.now - (required.requested - BEGINNING),
        )
        new = self.new(60 * SECOND)
        given = self.service.call(
            lambda s: s.grants.issue_code(
                tenant_id=self.tenant_id,
                token_hash=new.hash,
                client_id=whom.name,
                user_id=who.id,
                **wire(extent),
                redirect_uri=redirect_uri,
                code_challenge=challenge_of(verifier),
                cnf_jkt=key,
                authenticated_at=None if ago is None else claimed,
                acr=sign_in.acr,
                max_age=sign_in.max_age,
                acr_values=sign_in.acr_values,
                requested_at=sign_in.requested,
                lifetime=new.lifetime,
                family_lifetime=family_lifetime,
            )
        )
        refusals = self.model.why_no_code(
            whom, who, extent, redirect_uri, verifier, sign_in=sign_in
        )
        if not self.decide(given.outcome, refusals):
            return
        family = self.model.begin(whom, who, extent, family_lifetime, acr=sign_in.acr)
        family.id = given.authorization_id
        token = self.model.issue(
            new,
            "authorization_code",
            whom,
            who,
            extent,
            family=family,
            signed_in=signed_in,
            binding=Binding(jkt=key),
            redirect_uri=redirect_uri,
            verifier=verifier,
        )
        token.id = given.token_id
        assert given.expires_at == token.expires

    def agree_to(self, user: User, client: Client, extent: Extent) -> None:
        granted = self.service.call(
            lambda s: s.consents.grant(
                tenant_id=self.tenant_id,
                user_id=user.id,
                client_id=client.name,
                **wire(extent),
            )
        )
        consent = self.model.grant(user, client, extent)
        assert read(granted) == consent.extent

    @is_served
    @step(
        client=indexes,
        for_account=st.booleans(),
        extent=extents,
        key=keys,
        lifetime=lives,
    )
    def client_credentials(
        self,
        *,
        client: int,
        for_account: bool,
        extent: Extent,
        key: str | None,
        lifetime: timedelta,
    ) -> None:
        whom = self.any(self.model.clients, client)
        account = self.model.accounts[0] if for_account else None
        new = self.new(lifetime)
        given = self.service.call(
            lambda s: s.grants.issue_to_client(
                tenant_id=self.tenant_id,
                token_hash=new.hash,
                client_id=whom.name,
                service_account_id=account.id if account else None,
                **wire(extent),
                cnf_jkt=key,
                lifetime=lifetime,
            )
        )
        refusals = self.model.why_no_client_token(whom, account, extent)
        if self.decide(given.outcome, refusals):
            token = self.model.issue(
                new, "access", whom, account, extent, binding=Binding(jkt=key)
            )
            token.id = given.token_id
            assert given.expires_at == token.expires

    @is_served
    @has("access")
    @step(
        client=indexes,
        subject=picks,
        actor=st.one_of(st.none(), picks),
        asked=st.one_of(st.none(), st.none(), extents),
        key=keys,
        certificate=certificates,
        lifetime=lives,
    )
    def exchange(
        self,
        *,
        client: int,
        subject: Pick,
        actor: Pick | None,
        asked: Extent | None,
        key: str | None,
        certificate: str | None,
        lifetime: timedelta,
    ) -> None:
        whom = self.any(self.model.clients, client)
        about = self.pick("access", subject)
        acting = self.pick("access", actor) if actor else None
        new = self.new(lifetime)
        proved = Binding(jkt=key, x5t=certificate)
        every = self.of_kind("access")
        if dead := [token for token in every if self.model.why_dead(token)]:
            # A dead actor is refused, whatever the rest of the request would get.
            self._exchange(
                new, whom, about, acting=dead[-1], asked=asked, proved=proved
            )
        self._exchange(new, whom, about, acting=acting, asked=asked, proved=proved)

    def _exchange(
        self,
        new: NewToken,
        whom: Client,
        about: Token,
        *,
        acting: Token | None,
        asked: Extent | None,
        proved: Binding,
    ) -> None:
        given = self.service.call(
            lambda s: s.exchanges.exchange(
                tenant_id=self.tenant_id,
                token_hash=new.hash,
                client_id=whom.name,
                subject_token_hash=about.hash,
                actor_token_hash=acting.hash if acting else None,
                **({} if asked is None else wire(asked)),
                cnf_jkt=proved.jkt,
                cnf_x5t_s256=proved.x5t,
                lifetime=new.lifetime,
            )
        )
        refusals = self.model.why_no_exchange(
            whom, about, acting, asked, has_actor=acting is not None, proved=proved
        )
        if self.decide(given.outcome, refusals):
            token = self.model.exchange(
                new,
                whom,
                about,
                actor=acting,
                extent=asked,
                proved=proved,
            )
            token.id = given.token_id
            assert given.expires_at == token.expires


def challenge_of(verifier: str | None) -> str | None:
    """RFC 7636 section 4.2, method S256."""
    if verifier is None:
        return None
    digest = sha256(verifier.encode()).digest()
    return urlsafe_b64encode(digest).decode().rstrip("=")
