"""A verifier that caches answers, and drops only what entries of the feed end."""

from dataclasses import dataclass, field, fields
from typing import Any, TypeAlias
from uuid import UUID

import psycopg
from psycopg.rows import class_row
from psycopg.sql import SQL, Identifier

from authority_queries import is_ended
from authority_queries.records import Revocation, VerifiedToken

Dba: TypeAlias = "psycopg.Connection[Any]"


def _columns(record: type) -> Any:
    return SQL(", ").join(Identifier(each.name) for each in fields(record))


_LIVE = SQL(
    "select {} from authority.verified_tokens where tenant_id = %s and type = 'access'"
).format(_columns(VerifiedToken))
_ENTRIES = SQL(
    "select {} from authority.revocations where tenant_id = %s and sequence > %s "
    "order by sequence"
).format(_columns(Revocation))


@dataclass
class CachedVerifier:
    """It verifies every living access token of a tenant once, and remembers them.

    It reads as a superuser, so that a suspended tenant's feed can be read too.
    """

    dba: Dba
    tenant_id: UUID
    position: int = 0
    cache: dict[UUID, VerifiedToken] = field(default_factory=dict)

    def live(self) -> dict[UUID, VerifiedToken]:
        """Return the living access tokens, by id."""
        with self.dba.cursor(row_factory=class_row(VerifiedToken)) as cursor:
            found = cursor.execute(_LIVE, [self.tenant_id]).fetchall()
        return {token.id: token for token in found}

    def read(self) -> list[Revocation]:
        """Return the entries that it has not read, in order."""
        with self.dba.cursor(row_factory=class_row(Revocation)) as cursor:
            found = cursor.execute(_ENTRIES, [self.tenant_id, self.position]).fetchall()
        self.position = found[-1].sequence if found else self.position
        return found

    def follow(self) -> tuple[list[Revocation], dict[UUID, VerifiedToken]]:
        """Read the new entries, and drop what they end. Return both."""
        entries = self.read()
        dropped = {
            id_: token
            for id_, token in self.cache.items()
            if any(is_ended(token, entry) for entry in entries)
        }
        for id_ in dropped:
            del self.cache[id_]
        return entries, dropped

    def verify_all(self) -> None:
        """Verify all access tokens anew."""
        self.cache = self.live()
