"""A source in memory, and documents of every kind."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import Final
from uuid import UUID

from pydantic import JsonValue

from authority_queries import hash_password
from authority_queries.importing.documents import Collection, Document, Dropped
from authority_queries.importing.entries import (
    AnyEntry,
    AuthorizationEntry,
    ClientEntry,
    ClientRegistrationEntry,
    ClientSecretEntry,
    ConsentEntry,
    LicenseEntry,
    LicenseSeatEntry,
    LicenseUsageEntry,
    LicenseUsageTotalEntry,
    LoginAttemptEntry,
    OneTimeTokenEntry,
    RecoveryCodesEntry,
    RevocationEntry,
    RevocationSequenceEntry,
    RoleEntry,
    RolePermissionEntry,
    ScopeEntry,
    ServiceAccountEntry,
    SessionClientEntry,
    SessionEntry,
    SigningKeyEntry,
    TenantEntry,
    TokenEntry,
    TotpCredentialEntry,
    UserEntry,
    UserIdentityEntry,
    UserRoleEntry,
    WebauthnCredentialEntry,
)

THEN: Final = datetime(2024, 5, 6, 7, 8, 9, 123000, tzinfo=UTC)
LATER: Final = datetime(2031, 1, 2, tzinfo=UTC)
PASSWORD_HASH: Final = hash_password("correct horse")
SECRET_HASH: Final = "$sha256$" + "A" * 43


@dataclass
class MemorySource:
    """A source of documents that a test made. Positions are numbers from 1."""

    held: Mapping[str, Sequence[Document]]
    name: str = "memory"
    reads: list[JsonValue] = field(default_factory=list)

    def collections(self) -> Sequence[Collection]:
        return [
            Collection(name=name, estimated=len(held))
            for name, held in self.held.items()
        ]

    def read(self, collection: str, *, after: JsonValue = None) -> Iterator[Document]:
        self.reads.append(after)
        for document in self.held[collection]:
            assert isinstance(document.position, int)
            if not isinstance(after, int) or document.position > after:
                yield document

    def close(self) -> None:
        pass


def documents(
    *groups: Sequence[AnyEntry], tenant: str | None = "acme", name: str = "doc"
) -> list[Document]:
    """Make a document of each group of entries."""
    return [
        Document(
            id=f"{name}-{number}", position=number, tenant=tenant, entries=tuple(group)
        )
        for number, group in enumerate(groups, 1)
    ]


def digest(text: str) -> bytes:
    """A SHA-256."""
    return sha256(text.encode()).digest()


def tenant(code: str = "acme") -> TenantEntry:
    return TenantEntry(
        code=code,
        display_name="Acme",
        settings={"theme": {"dark": True}},
        created_at=THEN,
    )


def user(name: str = "ann", **fields: object) -> UserEntry:
    given: dict[str, object] = {
        "subject_id": name,
        "username": name.title(),
        "created_at": THEN,
        **fields,
    }
    return UserEntry.model_validate(given)


def client(name: str = "web", **fields: object) -> ClientEntry:
    given: dict[str, object] = {
        "client_id": name,
        "client_type": "confidential",
        **fields,
    }
    return ClientEntry.model_validate(given)


def token(text: str, **fields: object) -> TokenEntry:
    given: dict[str, object] = {
        "type": "access",
        "token_hash": digest(text),
        "client": "web",
        "created_at": THEN,
        "expires_at": LATER,
        **fields,
    }
    return TokenEntry.model_validate(given)


SESSION: Final = UUID(int=70)
FAMILY: Final = UUID(int=71)
CONSENT: Final = UUID(int=72)
LICENSE: Final = UUID(int=73)

# One entry of each kind, or more, each after those that it refers to.
EVERY_KIND: Final[Sequence[AnyEntry]] = (
    tenant(),
    SigningKeyEntry(
        kid="k",
        alg="EdDSA",
        public_jwk={"kid": "k", "alg": "EdDSA", "use": "sig", "kty": "OKP"},
        private_key=b"\x01" + bytes(40),
        encryption_key_id="k1",
        signs_from=THEN,
        created_at=THEN,
    ),
    RoleEntry(name="admin", description="As there", is_system=True),
    RoleEntry(id=UUID(int=11), name="reader", created_at=THEN),
    RolePermissionEntry(role="reader", permission="users:read"),
    ScopeEntry(name="openid", is_system=True),
    ScopeEntry(
        name="orders",
        display_names={"de": "Bestellungen"},
        resources=("https://api.example/",),
    ),
    client(
        redirect_uris=("https://app.example/cb",),
        json_web_key_set={"keys": []},
        permissions=("ept:token",),
        settings={"tkn_lft:act": "01:00:00"},
        created_at=THEN,
    ),
    ClientRegistrationEntry(
        client="web", source="manual", contacts=("ops@example.com",)
    ),
    ClientSecretEntry(id=UUID(int=12), client="web", secret_hash=SECRET_HASH),
    ServiceAccountEntry(account_id="batch", authorized_clients=("web",)),
    user(
        id=UUID(int=13),
        email="Ann@example.com",
        email_verified=True,
        password_hash=PASSWORD_HASH,
        attributes={"locale": "de", "ages": [1, 2.5, None], "ü": "\u2028"},
    ),
    UserRoleEntry(user="ann", role="reader", expires_at=LATER),
    UserRoleEntry(user="ann", role="admin"),
    UserIdentityEntry(
        issuer="https://idp.example", subject="a-1", user="ann", profile={"hd": "x"}
    ),
    WebauthnCredentialEntry(
        user="ann",
        credential_id=bytes(16),
        user_handle=b"\x00\xff",
        public_key=b"\xa1",
        transports=("usb",),
        created_at=THEN,
    ),
    TotpCredentialEntry(
        id=UUID(int=14),
        user="ann",
        secret_ciphertext=b"\x01" + bytes(40),
        encryption_key_id="k1",
        confirmed_at=THEN,
        created_at=THEN,
    ),
    RecoveryCodesEntry(user="ann", code_hashes=(digest("one"), digest("two"))),
    SessionEntry(
        id=SESSION,
        sid=UUID(int=1),
        cookie_hash=digest("cookie"),
        user="ann",
        authenticated_at=THEN,
        idle_timeout=timedelta(minutes=20),
        last_used_at=THEN,
        expires_at=LATER,
        created_at=THEN,
    ),
    SessionClientEntry(session=SESSION, client="web"),
    OneTimeTokenEntry(
        id=UUID(int=16),
        purpose="password_reset",
        user="ann",
        email="ann@example.com",
        token_hash=digest("link"),
        expires_at=THEN + timedelta(hours=1),
        created_at=THEN,
    ),
    ConsentEntry(id=CONSENT, user="ann", client="web", scopes=("openid",)),
    AuthorizationEntry(
        id=FAMILY,
        client="web",
        user="ann",
        consent=CONSENT,
        session=SESSION,
        scopes=("openid",),
        amr=("pwd",),
        created_at=THEN,
    ),
    token("a", user="ann", authorization=FAMILY, scopes=("openid",)),
    token(
        "r",
        type="refresh",
        user="ann",
        authorization=FAMILY,
        redeemed_at=THEN + timedelta(hours=1),
        payload=b"\x00secret",
    ),
    token("m", service_account="batch"),
    RevocationSequenceEntry(last_sequence=9),
    RevocationEntry(
        sequence=7, category="subject", target="bob", reason="left", effective_at=THEN
    ),
    LoginAttemptEntry(
        id=UUID(int=15),
        username="ann",
        user="ann",
        outcome="failed",
        address="192.0.2.1",
        created_at=THEN,
    ),
    LicenseEntry(
        id=LICENSE,
        key_hash=digest("key"),
        plan="pro",
        seats=2,
        limits={"calls": 100},
        valid_from=THEN,
        grace=timedelta(days=3, seconds=1.5),
    ),
    LicenseSeatEntry(
        license=LICENSE, seat_number=1, holder="laptop", leased_until=LATER
    ),
    LicenseUsageTotalEntry(
        license=LICENSE,
        metric="reports",
        period_start=date(2024, 5, 1),
        period_end=date(2024, 6, 1),
        used=3,
        overage_policy="allow",
    ),
    LicenseUsageEntry(
        license=LICENSE,
        metric="calls",
        idempotency_key="u-1",
        period_start=date(2024, 5, 1),
        period_end=date(2024, 6, 1),
        quantity=40,
    ),
)


def every_kind() -> MemorySource:
    """A source with a document for each entry, in one collection."""
    return MemorySource({"all": documents(*([entry] for entry in EVERY_KIND))})


def dropping(document: Document, *fields: str) -> Document:
    """The document with dropped fields."""
    dropped = tuple(Dropped(field=each, reason="unknown field") for each in fields)
    return Document(
        id=document.id,
        position=document.position,
        tenant=document.tenant,
        entries=document.entries,
        dropped=dropped,
    )
