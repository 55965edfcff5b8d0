"""The objects of the model, and when a token is dead."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Literal, Protocol, TypeAlias
from uuid import UUID

Kind: TypeAlias = Literal["access", "refresh", "authorization_code", "device_code"]
# What is granted: scopes, resources and authorization details, by their names here.
Extent: TypeAlias = frozenset[str]
RESOURCES: Final = frozenset({"https://a.example", "urn:b"})
# The second detail restricts more than the first one, and is another one.
DETAILS: Final[dict[str, dict[str, object]]] = {
    "payment": {"type": "payment"},
    "payment of 1": {"type": "payment", "amount": {"value": 1}},
}
Actor: TypeAlias = dict[str, object]


class Granting(Protocol):
    """A record with what is granted."""

    @property
    def scopes(self) -> Sequence[str] | None: ...
    @property
    def resources(self) -> Sequence[str] | None: ...
    @property
    def authorization_details(self) -> Sequence[object] | None: ...


def wire(extent: Extent) -> dict[str, Any]:
    """Return the arguments of a call that ask for it."""
    return {
        "scopes": [*(extent - RESOURCES - DETAILS.keys())],
        "resources": [*(extent & RESOURCES)],
        "authorization_details": [DETAILS[name] for name in extent & DETAILS.keys()],
    }


def read(record: Granting) -> Extent:
    """Return what a record grants."""
    names = [
        name
        for found in record.authorization_details or ()
        for name, detail in DETAILS.items()
        if detail == found
    ]
    assert len(names) == len(record.authorization_details or ())
    return frozenset([*(record.scopes or ()), *(record.resources or ()), *names])


def why_not_within(asked: Extent, granted: Extent) -> list[str]:
    """Return the reasons to refuse: RFC 6749 3.3, RFC 8707 2.2, RFC 9396 6.1.

    Without a resource the token would be for anyone.
    """
    more = asked - granted
    facts = {
        "invalid_scope": bool(more - RESOURCES - DETAILS.keys()),
        "invalid_target": bool(more & RESOURCES)
        or bool(granted & RESOURCES and not asked & RESOURCES),
        "invalid_authorization_details": bool(more & DETAILS.keys()),
    }
    return [reason for reason, holds in facts.items() if holds]


@dataclass(eq=False, kw_only=True)
class Ended:
    """A user, client or tenant that can be signed out everywhere, and disabled."""

    name: str
    id: UUID
    works: bool = True
    signed_out_at: datetime | None = None

    def signed_out(self, since: datetime) -> bool:
        """Return whether an epoch ended what began then, also at the same moment."""
        return self.signed_out_at is not None and since <= self.signed_out_at


@dataclass(eq=False, kw_only=True)
class Client(Ended):
    public: bool
    native: bool
    asks_consent: bool
    redirect_uris: tuple[str, ...]


@dataclass(eq=False, kw_only=True)
class User(Ended):
    sub: str


@dataclass(eq=False, kw_only=True)
class Account(Ended):
    extent: Extent
    clients: tuple[Client, ...]


@dataclass(eq=False, kw_only=True)
class Consent:
    user: User
    client: Client
    extent: Extent
    revoked: bool = False


@dataclass(eq=False, kw_only=True)
class Session:
    """A browser in which a user has signed in to the provider."""

    user: User
    id: UUID
    sid: UUID
    cookie: bytes
    signed_in: datetime
    acr: str | None
    idle: timedelta
    used: datetime
    ends: datetime
    ended: bool = False

    def is_in_use(self, now: datetime) -> bool:
        """Return whether it was not ended, and has not ended by itself."""
        return not self.ended and now < min(self.ends, self.used + self.idle)

    def is_live(self, tenant: Ended, now: datetime) -> bool:
        """Return whether the user is signed in."""
        return (
            self.is_in_use(now)
            and tenant.works
            and self.user.works
            and not tenant.signed_out(self.signed_in)
            and not self.user.signed_out(self.signed_in)
        )

    def use(self, now: datetime) -> None:
        """Note a use, at most once a minute, or in a tenth of a shorter idle time."""
        if now - self.used >= min(timedelta(minutes=1), self.idle / 10):
            self.used = now


@dataclass(eq=False, kw_only=True)
class Family:
    client: Client
    user: User
    consent: Consent | None
    born: datetime
    ends: datetime | None
    last_expiry: datetime
    acr: str | None = None
    session: Session | None = None
    id: UUID | None = None
    revoked: bool = False


@dataclass(frozen=True, kw_only=True)
class Use:
    """The redemption of a token, and its successors."""

    request: UUID
    at: datetime
    successors: tuple["Token", ...]


@dataclass(frozen=True, kw_only=True)
class Binding:
    """Key and certificate, by their thumbprints: proved by a caller, or bound."""

    jkt: str | None = None
    x5t: str | None = None

    def is_proved_by(self, proved: "Binding") -> bool:
        """Return whether every binding is proved. More may be proved."""
        return self.jkt in (None, proved.jkt) and self.x5t in (None, proved.x5t)


UNBOUND: Final = Binding()


@dataclass(eq=False, kw_only=True)
class Token:
    hash: bytes
    kind: Kind
    client: Client
    subject: User | Account | None
    family: Family | None
    extent: Extent
    expires: datetime
    signed_in: datetime
    born: datetime
    binding: Binding = UNBOUND
    redirect_uri: str | None = None
    verifier: str | None = None
    actor: Actor | None = None
    behind: frozenset["Token"] = frozenset()
    revoked: bool = False
    use: Use | None = None
    id: UUID | None = field(default=None)

    @property
    def granted_at(self) -> datetime:
        """When the client got its grant: an exchange is a grant."""
        if self.family is None or self.behind:
            return self.born
        return self.family.born


def reasons(token: Token, tenant: Ended, now: datetime) -> list[str]:
    """Return why a token is dead, from the token itself outwards to its subject."""
    family, subject = token.family, token.subject
    consent = family.consent if family else None
    kind = "user" if isinstance(subject, User) else "service_account"
    stopped = "user_inactive" if kind == "user" else "service_account_disabled"
    facts: list[tuple[str, bool]] = [
        ("revoked", token.revoked),
        ("redeemed", token.use is not None),
        ("expired", token.expires <= now),
        ("authorization_revoked", family is not None and family.revoked),
        ("authorization_expired", _is_over(family, now)),
        ("session_ended", _has_lost_its_session(family)),
        ("consent_revoked", consent is not None and consent.revoked),
        (
            "consent_narrowed",
            consent is not None and not token.extent <= consent.extent,
        ),
        ("tenant_inactive", not tenant.works),
        ("tenant_signed_out", tenant.signed_out(token.signed_in)),
        ("client_disabled", not token.client.works),
        ("client_signed_out", token.client.signed_out(token.granted_at)),
        (stopped, subject is not None and not subject.works),
        (
            f"{kind}_signed_out",
            subject is not None and subject.signed_out(token.signed_in),
        ),
    ]
    return [reason for reason, holds in facts if holds]


def _has_lost_its_session(family: Family | None) -> bool:
    return family is not None and family.session is not None and family.session.ended


def _is_over(family: Family | None, now: datetime) -> bool:
    return family is not None and family.ends is not None and family.ends <= now
