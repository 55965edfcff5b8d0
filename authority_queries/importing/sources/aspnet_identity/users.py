"""Users of ASP.NET Core Identity."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from pydantic import JsonValue

from authority_queries.importing.conversions import (
    ConversionError,
    password_hash,
    text,
    text_list,
    utc_moment,
)
from authority_queries.importing.entries import (
    AnyEntry,
    UserEntry,
    UserIdentityEntry,
    UserRoleEntry,
)
from authority_queries.importing.sources.aspnet_identity.credentials import (
    Seal,
    convert_passkey,
    convert_tokens,
)
from authority_queries.importing.sources.fields import Fields, uuid_of
from authority_queries.importing.sources.issuers import known_issuer
from authority_queries.importing.sources.role_names import role_name
from authority_queries.importing.sources.verified_emails import VerifiedEmails

# Identity locks a user out for minutes after failed sign-ins. An administrator who
# blocks a user sets a time far away, often the last one that .NET has.
_BLOCKED: Final = timedelta(days=1)
_FOR_EVER: Final = datetime(8999, 12, 31, tzinfo=UTC)
_CREATED: Final = ("createdon", "createdat", "creationtime")
_CALLED: Final = ("displayname", "fullname")
_NAME_CLAIMS: Final = (
    "name",
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name",
)


def convert_user(
    fields: Fields,
    *,
    now: datetime,
    emails: VerifiedEmails | None = None,
    seal: Seal | None = None,
) -> Iterator[AnyEntry]:
    """Convert a user with roles, accounts at other providers, and passkeys.

    - `roles` is a list of names; `claims`, `logins`, `tokens` and `passkeys` are lists
      of documents.
    - A user who is locked out for more than a day from `now` is suspended.
    - `emails`: the addresses of earlier users. Identity allows one address twice.
    - `seal`: without one, TOTP secrets are dropped.
    - Claims, the phone number, and fields that the application added are attributes.
    """
    key = fields.need("id", text)
    _drop_internal(fields)
    claims, logins = _claims(fields), fields.parts("logins")
    passkeys = fields.parts("passkeys")
    roles = fields.take("roles", text_list, ())
    two_factors = fields.flag("twofactorenabled")
    second = convert_tokens(
        fields.parts("tokens"), user=key, is_enabled=two_factors, seal=seal
    )
    totp = list(second)
    address = (emails or VerifiedEmails()).take(fields, "EmailConfirmed")
    yield UserEntry(
        id=uuid_of(key),
        subject_id=key,
        username=fields.need("username", text),
        **address,
        display_name=_display_name(fields, claims),
        password_hash=fields.attempt("passwordhash", password_hash, None),
        status="suspended" if _is_blocked(fields, now) else "active",
        created_at=_created(fields),
        attributes=_attributes(fields, claims, two_factors=two_factors),
    )
    for name in dict.fromkeys(map(role_name, roles)):
        yield UserRoleEntry(user=key, role=name)
    for login in logins:
        yield _identity(login, key)
    for passkey in passkeys:
        yield convert_passkey(passkey, user=key)
    yield from totp


def _drop_internal(fields: Fields) -> None:
    fields.drop("each store has its own lock", "concurrencystamp")
    fields.drop("the key is computed from the name", "normalizedusername")
    fields.drop("the key is computed from the address", "normalizedemail")
    fields.drop("it ends sessions of the other application", "securitystamp")
    fields.drop("failed sign-ins are counted anew", "accessfailedcount")


def _claims(fields: Fields) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for claim in fields.parts("claims"):
        kind = claim.take("claimtype", text, None) or claim.take("type", text, "")
        value = claim.take("claimvalue", text, None) or claim.take("value", text, "")
        claim.take("userid", text, None)
        claim.drop("it is a key inside the other store", "id")
        claim.drop_rest()
        found.setdefault(kind, []).append(value)
    return found


def _display_name(fields: Fields, claims: dict[str, list[str]]) -> str:
    for name in _CALLED:
        if fields.has(name):
            return fields.need(name, text)
    called = [value for kind in _NAME_CLAIMS for value in claims.get(kind, ())]
    return called[0] if called else ""


def _created(fields: Fields) -> datetime | None:
    for name in _CREATED:
        if fields.has(name):
            return fields.attempt(name, utc_moment, None)
    return None


def _is_blocked(fields: Fields, now: datetime) -> bool:
    def blocked_until(value: object) -> datetime:
        end = _lockout_end(value)
        if end - now > _BLOCKED:
            return end
        message = (
            "is the end of a lockout after failed sign-ins, which are counted anew"
        )
        raise ConversionError(message)

    if not fields.flag("lockoutenabled", otherwise=True):
        fields.drop(
            "a user with LockoutEnabled false is never locked out", "lockoutend"
        )
    return fields.attempt("lockoutend", blocked_until, None) is not None


def _lockout_end(value: object) -> datetime:
    try:
        return utc_moment(value)
    except ConversionError:  # such as the last moment of .NET
        return _FOR_EVER


def _attributes(
    fields: Fields, claims: dict[str, list[str]], *, two_factors: bool
) -> dict[str, JsonValue]:
    found: dict[str, JsonValue] = {}
    number = fields.take("phonenumber", text, None)
    confirmed = fields.flag("phonenumberconfirmed")
    if number:
        found |= {"phone_number": number, "phone_number_verified": confirmed}
    if two_factors:
        found["two_factor_enabled"] = True
    if claims:
        found["claims"] = {kind: list[JsonValue](of) for kind, of in claims.items()}
    return fields.kept_in(found)


def _identity(login: Fields, user: str) -> UserIdentityEntry:
    login.take("userid", text, None)
    provider = login.need("loginprovider", text)
    profile: dict[str, JsonValue] = {"login_provider": provider}
    called = login.take("providerdisplayname", text, None)
    if called and called != provider:
        profile["provider_display_name"] = called
    return UserIdentityEntry(
        issuer=known_issuer(provider.lower()) or provider,
        subject=login.need("providerkey", text),
        user=user,
        profile=login.kept_in(profile),
    )
