"""An authority in plain Python: the promises of RFCs and of this repository.

One caller at a time, no SQL, no clock but the one that the test moves. It is written
from the promises (docs/decisions, the comments in queries/*.sql), so that it can
disagree with what keeps them.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

from authority_queries import NewToken
from tests.model.objects import (
    DETAILS,
    RESOURCES,
    UNBOUND,
    Account,
    Actor,
    Binding,
    Client,
    Consent,
    Ended,
    Extent,
    Family,
    Kind,
    Session,
    Token,
    Use,
    User,
    reasons,
    why_not_within,
)

# How much later than its last token's end a family's stored end may be.
SLACK: Final = timedelta(days=1)
# How far ahead a caller's clock may be.
TOLERANCE: Final = timedelta(minutes=1)
MAX_BEHIND: Final = 16
# How long a refresh token is remembered after it expired.
MEMORY: Final = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Presented:
    """A code or refresh token as presented at the token endpoint."""

    hash: bytes
    client: str
    request: UUID
    redirect_uri: str | None = None
    verifier: str | None = None
    proved: Binding = UNBOUND
    extent: Extent | None = None
    leeway: timedelta = timedelta(0)


@dataclass(frozen=True, kw_only=True)
class SignIn:
    """A user's sign-in as the server claims it, and what the request requires of it."""

    claimed: datetime
    requested: datetime
    acr: str | None = None
    max_age: timedelta | None = None
    acr_values: tuple[str, ...] | None = None

    @property
    def is_stale(self) -> bool:
        """OpenID Connect Core section 3.1.2.1: the age when the request came."""
        return self.max_age is not None and self.requested - self.claimed > self.max_age

    @property
    def is_weak(self) -> bool:
        """RFC 9470 section 5: none of the classes that were required."""
        return self.acr_values is not None and self.acr not in self.acr_values


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The answer: an outcome, and the tokens issued, now or the first time."""

    outcome: str
    token: Token | None = None
    issued: tuple[Token, ...] = ()


@dataclass(kw_only=True)
class AuthorityModel:
    """One tenant's users, clients, consents, families and tokens, at a moment."""

    tenant: Ended
    now: datetime
    clients: list[Client] = field(default_factory=list)
    users: list[User] = field(default_factory=list)
    accounts: list[Account] = field(default_factory=list)
    consents: list[Consent] = field(default_factory=list)
    sessions: list[Session] = field(default_factory=list)
    families: list[Family] = field(default_factory=list)
    tokens: dict[bytes, Token] = field(default_factory=dict)

    def why_dead(self, token: Token) -> list[str]:
        """Return why a token is dead: its reasons, and those of all behind it."""
        found = reasons(token, self.tenant, self.now)
        if any(
            other.hash not in self.tokens or reasons(other, self.tenant, self.now)
            for other in token.behind
        ):
            found.append("exchanged_from_dead")
        return found

    def sign_in_time(self, claimed: datetime) -> datetime:
        """Return the oldest time that a claim ahead of the clock may mean."""
        return claimed if claimed <= self.now else self.now - TOLERANCE

    def is_live(self, token: Token | None, kind: Kind) -> bool:
        return token is not None and token.kind == kind and not self.why_dead(token)

    def is_forgotten(self, token: Token) -> bool:
        return token.kind == "refresh" and token.expires + MEMORY <= self.now

    def consent(self, user: User, client: Client) -> Consent | None:
        for consent in self.consents:
            if (consent.user, consent.client) == (user, client) and not consent.revoked:
                return consent
        return None

    def grant(self, user: User, client: Client, extent: Extent) -> Consent:
        consent = self.consent(user, client)
        if consent is None:
            consent = Consent(user=user, client=client, extent=frozenset())
            self.consents.append(consent)
        consent.extent |= extent
        return consent

    def why_no_code(
        self,
        client: Client,
        user: User,
        extent: Extent,
        redirect_uri: str | None,
        verifier: str | None,
        *,
        sign_in: SignIn,
    ) -> set[str]:
        """Return every reason to refuse a code: RFC 6749 4.1.1, RFC 9700 2.1."""
        found = {
            "redirect_uri_not_registered": not _is_registered(redirect_uri, client),
            "pkce_required": client.public and verifier is None,
        }
        refused = {reason for reason, holds in found.items() if holds}
        return refused | self.why_no_family(client, user, extent, sign_in=sign_in)

    def why_no_family(
        self, client: Client, user: User, extent: Extent, *, sign_in: SignIn
    ) -> set[str]:
        """Return every reason to refuse what a user approves."""
        signed_in = self.sign_in_time(sign_in.claimed)
        found = {
            "client_inactive": not client.works,
            "user_inactive": not user.works,
            "login_required": self.tenant.signed_out(signed_in)
            or user.signed_out(signed_in)
            or sign_in.is_stale,
            "unmet_authentication_requirements": sign_in.is_weak,
            "consent_required": client.asks_consent
            and self.agreed(user, client, extent) is None,
        }
        return {reason for reason, holds in found.items() if holds}

    def agreed(self, user: User, client: Client, extent: Extent) -> Consent | None:
        """Return the consent in force, if it covers the extent."""
        consent = self.consent(user, client)
        return consent if consent and extent <= consent.extent else None

    def begin(
        self,
        client: Client,
        user: User,
        extent: Extent,
        lifetime: timedelta | None,
        *,
        acr: str | None = None,
        session: Session | None = None,
    ) -> Family:
        """Begin a family under the consent that covers it, if any.

        It ends with its session, unless it has offline_access (OpenID Connect Core
        section 11).
        """
        ends = None if lifetime is None else self.now + lifetime
        if "offline_access" in extent:
            session = None
        if session is not None:
            ends = session.ends if ends is None else min(ends, session.ends)
        family = Family(
            client=client,
            user=user,
            consent=self.agreed(user, client, extent),
            born=self.now,
            ends=ends,
            last_expiry=self.now,
            acr=acr,
            session=session,
        )
        self.families.append(family)
        return family

    def issue(
        self,
        new: NewToken,
        kind: Kind,
        client: Client,
        subject: User | Account | None,
        extent: Extent,
        *,
        family: Family | None = None,
        signed_in: datetime | None = None,
        binding: Binding = UNBOUND,
        redirect_uri: str | None = None,
        verifier: str | None = None,
    ) -> Token:
        """Add a token, which ends with its family (docs: absolute and idle)."""
        expires = self.now + new.lifetime
        if family and family.ends:
            expires = min(expires, family.ends)
        token = Token(
            hash=new.hash,
            kind=kind,
            client=client,
            subject=subject,
            family=family,
            extent=extent,
            expires=expires,
            signed_in=signed_in or self.now,
            born=self.now,
            binding=binding,
            redirect_uri=redirect_uri,
            verifier=verifier,
        )
        if family:
            family.last_expiry = max(family.last_expiry, expires)
        self.tokens[new.hash] = token
        return token

    def why_no_client_token(
        self, client: Client, account: Account | None, extent: Extent
    ) -> set[str]:
        """Return every reason to refuse the client credentials grant: RFC 6749 4.4."""
        found = {"client_inactive": not client.works, "client_public": client.public}
        if account:
            found |= {
                "service_account_inactive": not account.works,
                "client_not_authorized": client not in account.clients,
            }
        refused = {reason for reason, holds in found.items() if holds}
        if account:
            # A detail is the caller's decision, and so is a token for anyone.
            limit = account.extent | DETAILS.keys()
            if not extent & RESOURCES:
                limit -= RESOURCES
            refused |= {*why_not_within(extent, limit)}
        return refused

    def why_no_exchange(
        self,
        client: Client,
        subject: Token | None,
        actor: Token | None,
        extent: Extent | None,
        *,
        has_actor: bool,
        proved: Binding,
    ) -> set[str]:
        """Return every reason to refuse a token exchange: RFC 8693 section 2.2.2."""
        live = self.is_live(subject, "access")
        presented = [token for token in (subject, actor) if token is not None]
        found = {
            "client_inactive": not client.works,
            "client_public": client.public,
            "binding_required": proved == UNBOUND
            and any(token.binding != UNBOUND for token in presented),
            "too_many_exchanges": len(_behind(presented)) > MAX_BEHIND,
            "invalid_subject_token": not live
            or (subject is not None and subject.subject is None),
            "invalid_actor_token": has_actor and not self.is_live(actor, "access"),
        }
        refused = {reason for reason, holds in found.items() if holds}
        if subject is not None and live and extent is not None:
            refused |= {*why_not_within(extent, subject.extent)}
        return refused

    def exchange(
        self,
        new: NewToken,
        client: Client,
        subject: Token,
        *,
        actor: Token | None,
        extent: Extent | None,
        proved: Binding,
    ) -> Token:
        """Exchange tokens: no more extent, and the fate of both."""
        presented = [subject] if actor is None else [subject, actor]
        token = replace(
            subject,
            hash=new.hash,
            client=client,
            extent=subject.extent if extent is None else extent,
            expires=min(
                self.now + new.lifetime, *(token.expires for token in presented)
            ),
            born=self.now,
            binding=proved,
            actor=subject.actor if actor is None else _act(actor, subject.actor),
            behind=_behind(presented),
            id=None,
        )
        self.tokens[new.hash] = token
        return token

    def redeem(
        self,
        kind: Kind,
        presented: Presented,
        access: NewToken | None,
        refresh: NewToken | None,
    ) -> Answer:
        """Redeem a code or refresh token: RFC 6749 4.1.3 and 6, RFC 9700 4.14.2."""
        token = self.tokens.get(presented.hash)
        if (
            token is None
            or token.kind != kind
            or self.is_forgotten(token)
            or not _is_entitled(presented, token)
        ):
            return Answer(outcome="invalid")
        if token.use:
            return self._present_again(token, token.use, presented)
        if self.why_dead(token):
            return Answer(outcome="invalid")
        asked = token.extent if presented.extent is None else presented.extent
        for refusal in why_not_within(asked, token.extent):
            return Answer(outcome=refusal, token=token)
        if kind == "refresh" and refresh is None:
            return self._refresh_only(token, access, presented)
        issued = tuple(
            self._succeed(token, new, successor, presented)
            for new, successor in ((access, "access"), (refresh, "refresh"))
            if new is not None
        )
        token.use = Use(request=presented.request, at=self.now, successors=issued)
        return Answer(outcome="redeemed", token=token, issued=issued)

    def _refresh_only(
        self, token: Token, access: NewToken | None, presented: Presented
    ) -> Answer:
        """Issue an access token, and keep the refresh token: RFC 9700 4.14.2."""
        if token.client.public and token.binding == UNBOUND:
            return Answer(outcome="rotation_required", token=token)
        assert access is not None
        issued = self._succeed(token, access, "access", presented)
        return Answer(outcome="refreshed", token=token, issued=(issued,))

    def _present_again(self, token: Token, use: Use, presented: Presented) -> Answer:
        assert token.family is not None
        if presented.request == use.request:
            if token.family.revoked:
                return Answer(outcome="invalid")
            return Answer(
                outcome="already_redeemed", token=token, issued=use.successors
            )
        fresh = not any(successor.use for successor in use.successors)
        forgiven = self.now < use.at + presented.leeway and not token.family.revoked
        if forgiven and fresh:
            return Answer(
                outcome="recently_redeemed", token=token, issued=use.successors
            )
        token.family.revoked = True
        return Answer(outcome="reused", token=token)

    def _succeed(
        self, token: Token, new: NewToken, kind: str, presented: Presented
    ) -> Token:
        extent, binding = token.extent, presented.proved
        if kind == "refresh" and not token.client.public:
            # The client authenticates; a binding of its own comes from an import.
            binding = token.binding if token.kind == "refresh" else UNBOUND
        if kind == "access" and presented.extent is not None:
            extent = presented.extent
        return self.issue(
            new,
            "access" if kind == "access" else "refresh",
            token.client,
            token.subject,
            extent,
            family=token.family,
            signed_in=token.signed_in,
            binding=binding,
        )

    def revoke(self, token: Token | None, client: str) -> bool:
        """Revoke a client's token: RFC 7009 section 2.1. Return whether it was."""
        if token is None or token.client.name != client or self.is_forgotten(token):
            return False
        family = token.family if token.kind != "access" else None
        changed = not token.revoked
        token.revoked = True
        if family:
            family.revoked = True
        return changed

    def prunable_tokens(self, kind: Kind, older_than: timedelta) -> set[bytes]:
        """Return the tokens that may be pruned: refresh tokens once forgotten."""
        memory = {"access": timedelta(0), "refresh": MEMORY}[kind]
        return {
            token.hash
            for token in self.tokens.values()
            if token.kind == kind and token.expires < self.now - memory - older_than
        }

    def prunable_families(self, older_than: timedelta) -> tuple[set[UUID], set[UUID]]:
        """Return the families that may be pruned, and those that must be."""
        line = self.now - older_than
        may = {f.id for f in self.families if f.id and f.last_expiry < line}
        must = {f.id for f in self.families if f.id and f.last_expiry + SLACK < line}
        return may, must

    def forget_tokens(self, hashes: Iterable[bytes]) -> None:
        for digest in [*hashes]:
            del self.tokens[digest]

    def forget_families(self, ids: set[UUID]) -> None:
        """Forget families and all their tokens, exchanged ones included."""
        self.families = [f for f in self.families if f.id not in ids]
        self.forget_tokens(
            token.hash
            for token in self.tokens.values()
            if token.family and token.family.id in ids
        )

    def forget_user(self, user: User) -> None:
        """Forget a user and everything that depends on her."""
        self.users.remove(user)
        self.sessions = [s for s in self.sessions if s.user is not user]
        self.consents = [c for c in self.consents if c.user is not user]
        self.forget_families({f.id for f in self.families if f.id and f.user is user})
        self.forget_tokens(t.hash for t in self.tokens.values() if t.subject is user)


def _behind(presented: list[Token]) -> frozenset[Token]:
    return frozenset(presented).union(*(token.behind for token in presented))


def _is_entitled(presented: Presented, token: Token) -> bool:
    """Return whether the presenter is the token's client, and proves every binding."""
    return (
        presented.client == token.client.name
        and _is_where_it_was_sent(presented.redirect_uri, token)
        and presented.verifier == token.verifier
        and token.binding.is_proved_by(presented.proved)
    )


def _is_where_it_was_sent(uri: str | None, token: Token) -> bool:
    """RFC 6749 section 4.1.3; OAuth 2.1 where there is nothing to confuse."""
    if uri is None and len(token.client.redirect_uris) == 1:
        return True
    return uri == token.redirect_uri


def _is_registered(uri: str | None, client: Client) -> bool:
    """RFC 9700 section 2.1: exact match; RFC 8252 section 7.3: any loopback port."""
    if uri is None:
        return len(client.redirect_uris) == 1
    if uri in client.redirect_uris:
        return True
    return client.native and any(
        _without_port(uri) == _without_port(registered)
        for registered in client.redirect_uris
    )


def _without_port(uri: str) -> str:
    parts = urlsplit(uri)
    if parts.scheme == "http" and parts.hostname == "127.0.0.1":
        return parts._replace(netloc="127.0.0.1").geturl()
    return uri


def _act(actor: Token, before: Actor | None) -> Actor:
    """RFC 8693 section 4.1: the actor, and within it the earlier actors."""
    match actor.subject:
        case User(sub=sub):
            who = sub
        case Account(name=name):
            who = name
        case _:
            who = actor.client.name
    act: Actor = {"sub": who, "client_id": actor.client.name}
    return act if before is None else {**act, "act": before}
