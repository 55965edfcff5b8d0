"""The calls that `benchmarks.batches` measures, with rows of their own each time."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Final

import psycopg
from psycopg.types.json import Jsonb

from authority_queries import (
    Authority,
    ClientTokenRequest,
    ImportedToken,
    ImportedUser,
    PastLoginAttempt,
    Store,
    mint_token,
)
from benchmarks.rows import CLIENT, Rows

IMPORTED: Final = 100_000
_HOUR: Final = timedelta(hours=1)
_SCOPES: Final = ("openid", "profile", "email")
_RESOURCES: Final = ("https://api.example",)
_PROPERTIES: Final = {"device": "a telephone", "acr": "urn:a", "amr": ["pwd", "otp"]}
_COPY: Final = (
    "copy authority.tokens (tenant_id, type, token_hash, client_uuid, user_id, scopes, "
    "resources, properties, expires_at) from stdin (format binary)"
)
_TYPES: Final = (
    *("uuid", "text", "bytea", "uuid", "uuid", "text[]", "text[]", "jsonb"),
    "timestamptz",
)
_numbers: Final = count()
Call = Callable[[int], object]


class Work:
    """Calls of a verifier, and of a store in autocommit."""

    def __init__(self, verifier: Authority, store: Store, rows: Rows) -> None:
        self._verifier = verifier
        self._store = store
        self.rows = rows
        self.tenant_id = rows.tenant_id
        minted = [mint_token("access", rows.tenant_id) for _ in range(1000)]
        self._strings = [each.token for each in minted]
        store.imports.import_tokens(
            tenant_id=self.tenant_id, rows=[self._row(each.hash) for each in minted]
        )

    def pairs(self) -> list[tuple[str, Call, Call]]:
        """Return a title, single calls and the call with many rows, for each kind."""
        return [
            ("authority.verify_token", self.verify, self.verify_many),
            ("grants.issue_to_client", self.issue, self.issue_many),
            ("login_attempts.record", self.record, self.record_many),
        ]

    def verify(self, rows: int) -> None:
        """Verify tokens one by one."""
        found = [self._verifier.verify_token(each) for each in self._strings[:rows]]
        _check(all(found))

    def verify_many(self, rows: int) -> None:
        """Verify tokens in one call."""
        _check(all(self._verifier.verify_tokens(self._strings[:rows])))

    def _requests(self, rows: int) -> list[ClientTokenRequest]:
        return [
            ClientTokenRequest(
                token_hash=mint_token("access", self.tenant_id).hash,
                client_id=CLIENT,
                lifetime=_HOUR,
                scopes=_SCOPES,
            )
            for _ in range(rows)
        ]

    def issue(self, rows: int) -> None:
        """Issue tokens one by one."""
        for each in self._requests(rows):
            issued = self._store.grants.issue_to_client(
                tenant_id=self.tenant_id,
                token_hash=each.token_hash,
                client_id=each.client_id,
                lifetime=each.lifetime,
                scopes=each.scopes,
            )
            _check(issued.outcome == "issued")

    def issue_many(self, rows: int) -> None:
        """Issue tokens in one call."""
        issued = self._store.grants.issue_many(
            tenant_id=self.tenant_id, requests=self._requests(rows)
        )
        _check(all(each.outcome == "issued" for each in issued))

    def record(self, rows: int) -> None:
        """Log attempts one by one."""
        for number in range(rows):
            self._store.login_attempts.record(
                tenant_id=self.tenant_id, username=f"user{number}", outcome="failed"
            )

    def record_many(self, rows: int) -> None:
        """Log attempts in one call."""
        self._store.login_attempts.record_many(
            tenant_id=self.tenant_id,
            attempts=[
                PastLoginAttempt(username=f"user{number}", outcome="failed")
                for number in range(rows)
            ],
        )

    def _row(self, token_hash: bytes) -> ImportedToken:
        return ImportedToken(
            type="access",
            token_hash=token_hash,
            client_uuid=self.rows.client_uuid,
            user_id=self.rows.user_id,
            expires_at=datetime.now(UTC) + _HOUR,
            scopes=_SCOPES,
            resources=_RESOURCES,
            properties=_PROPERTIES,
        )

    def new_tokens(self, rows: int) -> Iterator[ImportedToken]:
        """Yield tokens to import."""
        for _ in range(rows):
            yield self._row(mint_token("access", self.tenant_id).hash)

    def create_tokens(self, rows: int) -> None:
        """Store tokens one by one."""
        for each in self.new_tokens(rows):
            self._store.tokens.create(
                tenant_id=self.tenant_id,
                type=each.type,
                token_hash=each.token_hash,
                client_uuid=each.client_uuid,
                user_id=each.user_id,
                lifetime=_HOUR,
                scopes=each.scopes,
                resources=each.resources,
                properties=each.properties,
            )

    def import_tokens(self, rows: int) -> None:
        """Import tokens, in one transaction."""
        with self._store.connection.transaction():
            done = self._store.imports.import_tokens(
                tenant_id=self.tenant_id, rows=self.new_tokens(rows)
            )
        _check(done.created == rows)

    def _new_users(self, rows: int) -> Iterator[ImportedUser]:
        for _ in range(rows):
            name = f"imported{next(_numbers)}"
            yield ImportedUser(
                subject_id=name, username=name, email=f"{name}@example.com"
            )

    def create_users(self, rows: int) -> None:
        """Create users one by one."""
        for each in self._new_users(rows):
            self._store.users.create(
                tenant_id=self.tenant_id,
                subject_id=each.subject_id,
                username=each.username,
                email=each.email,
            )

    def import_users(self, rows: int) -> None:
        """Import users, in one transaction."""
        with self._store.connection.transaction():
            done = self._store.imports.import_users(
                tenant_id=self.tenant_id, rows=self._new_users(rows)
            )
        _check(done.created == rows)


def copy_as_superuser(dba: psycopg.Connection[Any], work: Work, rows: int) -> None:
    """Copy tokens into the table without checks in Python: no faster way is known."""
    with dba.cursor() as cursor, cursor.copy(_COPY) as copy:
        copy.set_types(_TYPES)
        for each in work.new_tokens(rows):
            copy.write_row(
                (
                    work.tenant_id,
                    each.type,
                    each.token_hash,
                    each.client_uuid,
                    each.user_id,
                    [*each.scopes],
                    [*each.resources],
                    Jsonb(each.properties),
                    each.expires_at,
                )
            )


def _check(is_done: object) -> None:
    if not is_done:
        message = "a call did not do its work: nothing to compare"
        raise RuntimeError(message)
