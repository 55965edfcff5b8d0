"""The store as a service and an operator use it, and a caller's crashes."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, TypeVar
from uuid import UUID

import psycopg
from psycopg.conninfo import make_conninfo

from authority_queries import Store
from tests.stores import Logins

Result = TypeVar("Result")
Dba: TypeAlias = "psycopg.Connection[Any]"
Connection: TypeAlias = "psycopg.Connection[object]"

# No promise depends on the settings of a session or its role.
_HOSTILE: Final = {
    "timezone": "America/New_York",
    "datestyle": "SQL,DMY",
    "intervalstyle": "sql_standard",
    "bytea_output": "escape",
    "default_transaction_isolation": "serializable",
}


@dataclass(frozen=True, kw_only=True)
class Seen:
    """The database's record of one token."""

    type: str
    family: UUID | None
    subject_family: UUID | None
    dead_because: str | None


class Service:
    """A service's connection for one tenant at a time, and one of an operator."""

    def __init__(self, logins: Logins, dba: Dba) -> None:
        options = " ".join(f"-c {name}={value}" for name, value in _HOSTILE.items())
        self._conninfo = make_conninfo(logins.app, options=options)
        self.dba = dba
        self._connection = self._connect()
        self._maintenance = psycopg.connect(logins.maintenance, autocommit=True)
        self.tenant_id = UUID(int=0)

    def _connect(self) -> Connection:
        return psycopg.connect(self._conninfo, autocommit=True)

    @property
    def operator(self) -> Store:
        return Store(self._maintenance)

    @property
    def outside(self) -> Connection:
        """A connection that works for no tenant."""
        return self._connection

    def call(self, method: Callable[[Store], Result]) -> Result:
        """Call in autocommit: one trip, one transaction."""
        with Store.unit(self._connection, self.tenant_id, autocommit=True) as store:
            return method(store)

    @contextmanager
    def transaction(self) -> Iterator[Store]:
        """Open a unit of work, which an exception in the block rolls back."""
        with Store.unit(self._connection, self.tenant_id) as store:
            yield store

    def lose(self, method: Callable[[Store], object]) -> None:
        """Execute the call, and lose the answer with the connection."""
        self.call(method)
        self._kill()
        self._reconnect()

    def interrupt(self, method: Callable[[Store], object], family: UUID | None) -> bool:
        """Kill the server's process while the statement waits for the family's row.

        Returns whether it was killed: a statement that does not wait has finished.
        """
        with ThreadPoolExecutor(1) as threads, self.dba.transaction():
            self.dba.execute(
                "select from authority.authorizations where id = %s for update",
                [family],
            )
            waiting = threads.submit(self.call, method)
            while not (waits := self._waits()) and not waiting.done():
                time.sleep(0.001)
            if waits:
                self._kill()
            failed = waiting.exception(timeout=60)
        if waits:
            assert isinstance(failed, psycopg.OperationalError), failed
            self._reconnect()
        elif failed is not None:
            raise failed
        return waits

    def _waits(self) -> bool:
        return bool(
            self.dba.execute(
                "select from pg_locks where pid = %s and not granted",
                [self._connection.info.backend_pid],
            ).rowcount
        )

    def _kill(self) -> None:
        pid = self._connection.info.backend_pid
        self.dba.execute("select pg_terminate_backend(%s, 10000)", [pid])

    def _reconnect(self) -> None:
        self._connection.close()
        self._connection = self._connect()

    def look(self) -> dict[bytes, Seen]:
        """Return the database's record of every token of the tenant."""
        rows = self.dba.execute(
            "select token_hash, type, authorization_id, subject_authorization_id, "
            "dead_because from authority.token_states where tenant_id = %s",
            [self.tenant_id],
        )
        return {
            digest: Seen(
                type=kind, family=family, subject_family=subject, dead_because=why
            )
            for digest, kind, family, subject, why in rows
        }

    def families(self) -> dict[UUID, bool]:
        """Return each family of the tenant, and whether it is revoked."""
        rows = self.dba.execute(
            "select id, revoked_at is not null from authority.authorizations "
            "where tenant_id = %s",
            [self.tenant_id],
        )
        return dict(rows.fetchall())

    def sessions(self) -> set[UUID]:
        """Return the sessions of the tenant that have a row."""
        rows = self.dba.execute(
            "select id from authority.sessions where tenant_id = %s", [self.tenant_id]
        )
        return {id_ for (id_,) in rows.fetchall()}

    def clear(self) -> None:
        """Leave nothing to prune, and no connection that an example has broken."""
        self.dba.execute("delete from authority.authorizations")
        self.dba.execute("delete from authority.tokens")
        self.dba.execute("delete from authority.sessions")
        if self._connection.closed or self._connection.broken:
            self._connection = self._connect()

    def close(self) -> None:
        self._connection.close()
        self._maintenance.close()
