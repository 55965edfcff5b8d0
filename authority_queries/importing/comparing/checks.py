"""Tries known passwords and tokens of the source on the rows here."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Literal

from authority_queries.credentials.passwords import verify_password
from authority_queries.engine.errors import InvalidArgumentError
from authority_queries.engine.json_types import JsonValue
from authority_queries.errors import ConfigurationError
from authority_queries.importing.comparing.lookups import Rows
from authority_queries.importing.comparing.results import CheckFailure, CheckReport
from authority_queries.names import username_key
from authority_queries.secrets import tag_foreign_hash


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownPassword:
    """A password that signs in at the source. `line` names it in reports."""

    line: int
    tenant: str
    username: str = field(repr=False)
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownToken:
    """A token string that verifies at the source. `line` names it in reports."""

    line: int
    tenant: str
    token: str = field(repr=False)


def read_passwords(
    lines: Iterable[str], *, tenant: str | None
) -> Iterator[KnownPassword]:
    """Yield the passwords of JSON lines: username, password, and perhaps tenant.

    Raises ConfigurationError, whose message has the number of a line and not its text.
    """
    for number, line in _numbered(lines):
        found = _object(number, line, ("username", "password"))
        yield KnownPassword(
            line=number,
            tenant=_tenant(number, found.get("tenant"), tenant),
            username=found["username"],
            password=found["password"],
        )


def read_tokens(lines: Iterable[str], *, tenant: str | None) -> Iterator[KnownToken]:
    """Yield the tokens of lines: a bare string, or JSON with token and tenant.

    Raises ConfigurationError, whose message has the number of a line and not its text.
    """
    for number, line in _numbered(lines):
        found = {"token": line}
        if line.startswith("{"):
            found = _object(number, line, ("token",))
        yield KnownToken(
            line=number,
            tenant=_tenant(number, found.get("tenant"), tenant),
            token=found["token"],
        )


def try_passwords(rows: Rows, passwords: Iterable[KnownPassword]) -> CheckReport:
    """Verify each password against the hash here."""
    return _report(
        "passwords", [(each, _wrong_password(rows, each)) for each in passwords]
    )


def try_tokens(rows: Rows, tokens: Iterable[KnownToken]) -> CheckReport:
    """Verify each token, as a resource server does."""
    now = datetime.now(UTC)
    return _report("tokens", [(each, _wrong_token(rows, each, now)) for each in tokens])


def _report(
    what: Literal["passwords", "tokens"],
    tried: Sequence[tuple[KnownPassword | KnownToken, str | None]],
) -> CheckReport:
    failures = [
        CheckFailure(line=each.line, tenant=each.tenant, reason=reason)
        for each, reason in tried
        if reason is not None
    ]
    verified = len(tried) - len(failures)
    return CheckReport(
        what=what, tried=len(tried), verified=verified, failures=failures
    )


def _wrong_password(rows: Rows, known: KnownPassword) -> str | None:
    try:
        key = username_key(known.username)
    except InvalidArgumentError:
        return "the username is not one of this authority"
    user = rows.find(known.tenant, "users", {"username_key": key})
    if user is None:
        return "no such user"
    stored = user.get("password_hash")
    if not isinstance(stored, str):
        return "the user has no password"
    if not verify_password(stored, known.password):
        return "the password does not match the hash"
    return None


def _wrong_token(rows: Rows, known: KnownToken, now: datetime) -> str | None:
    digest = sha256(known.token.encode("utf-8", "surrogatepass")).digest()
    for token_hash in (digest, tag_foreign_hash(digest)):
        token = rows.find(
            known.tenant, "tokens", {"token_hash": f"\\x{token_hash.hex()}"}
        )
        if token is not None:
            if rows.is_live(known.tenant, token_hash, str(token["type"])):
                return None
            return _why_dead(rows, known, token, now)
    return "no such token"


def _why_dead(
    rows: Rows, known: KnownToken, token: Mapping[str, JsonValue], now: datetime
) -> str:
    if token["revoked_at"] is not None:
        return "the token is revoked"
    if token["redeemed_at"] is not None:
        return "the token is redeemed"
    if datetime.fromisoformat(str(token["expires_at"])) <= now:
        return "the token has expired"
    if not rows.accepts_foreign_tokens(known.tenant, now):
        return "the tenant does not accept tokens of another store"
    return "its tenant, user, client or family is not active"


def _numbered(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(lines, 1):
        if text := line.strip():
            yield number, text


def _object(number: int, line: str, required: Sequence[str]) -> dict[str, str]:
    try:
        found: JsonValue = json.loads(line)
    except ValueError:
        found = None
    # No exception with the line is left in the context of the error.
    if (
        isinstance(found, dict)
        and all(isinstance(value, str) for value in found.values())
        and {*required} <= found.keys()
    ):
        return {name: str(value) for name, value in found.items()}
    message = (
        f"line {number} must be a JSON object with texts: {', '.join(required)}, and "
        "perhaps tenant"
    )
    raise ConfigurationError(message)


def _tenant(number: int, found: str | None, default: str | None) -> str:
    tenant = found or default
    if tenant is None:
        message = f"line {number} names no tenant: add it, or name one for all lines"
        raise ConfigurationError(message)
    return tenant
