"""Two tenants with a row of everything, and a person to erase in one of them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg

from tests.erasure.rows import Row, all_rows, rows_of
from tests.isolation.matrix.world import FOREIGN, OWN, fill, tenant_id

_PERSON = Path(__file__).parent / "person.sql"


@dataclass(frozen=True)
class World:
    """Committed rows, and what they were before an erasure."""

    dba: "psycopg.Connection[Any]"
    ann: UUID
    names: set[str]
    before: list[Row]

    @property
    def own(self) -> UUID:
        """The tenant of Ann."""
        return tenant_id(OWN)

    @property
    def foreign(self) -> UUID:
        """Another tenant."""
        return tenant_id(FOREIGN)

    @classmethod
    def make(cls, dba: "psycopg.Connection[Any]") -> "World":
        """Fill both tenants. Ann and Bob are users of the first one."""
        with dba.transaction():
            fill(dba, code=FOREIGN, extent=2, ids="ffffffff")
            fill(dba, code=OWN, extent=1, ids="aaaaaaaa")
            dba.execute(_PERSON.read_bytes())
            dba.execute(
                "update authority.users set email = 'zoe@example.com' "
                "where tenant_id = %s",
                (tenant_id(FOREIGN),),
            )
            # The events of the other tenant's Ann, who has another address now.
            dba.execute(
                "delete from authority.audit_events "
                "where tenant_id = %s and target_kind = 'users'",
                (tenant_id(FOREIGN),),
            )
            dba.execute(
                "update authority.one_time_tokens set email = 'zoe@example.com' "
                "where tenant_id = %s and email = 'ann@example.com'",
                (tenant_id(FOREIGN),),
            )
        found = dba.execute(
            "select id, subject_id, username, username_key, email "
            "from authority.users where tenant_id = %s and username = 'Ann'",
            (tenant_id(OWN),),
        ).fetchone()
        assert found is not None
        return cls(dba, found[0], {str(value) for value in found}, all_rows(dba))

    def of_ann(self, rows: list[Row]) -> list[Row]:
        """Return the rows in which a search finds Ann, except those about Bob."""
        return [
            row
            for row in self._own(rows)
            if row.names(self.names)
            or self._is_revoked(row)
            or self._is_in_session(row)
            if not self.is_about_others(row)
        ]

    def is_about_others(self, row: Row) -> bool:
        """Return whether the row stays, without what it says about Ann."""
        return row.table in {"license_seats", "audit_events"} or (
            row.table == "user_roles" and row.columns["user_id"] != str(self.ann)
        )

    def of_others(self, rows: list[Row]) -> list[Row]:
        """Return all rows that an erasure of Ann must not change."""
        hers = {row.identity() for row in self.of_ann(self.before)}
        return [
            row
            for row in rows
            if row.identity() not in hers
            and row.table != "revocation_sequences"
            and not (self.is_about_others(row) and row.names(self.names))
        ]

    def _own(self, rows: list[Row]) -> list[Row]:
        return [row for row in rows if row.columns.get("tenant_id") == str(self.own)]

    def _is_revoked(self, row: Row) -> bool:
        if row.table != "revocations":
            return False
        ids = {
            one.columns["id"]
            for one in self._own(self.before)
            if one.table in {"tokens", "authorizations"} and one.names(self.names)
        }
        return row.columns["target"] in ids

    def _is_in_session(self, row: Row) -> bool:
        ids = {
            one.columns["id"]
            for one in self._own(self.before)
            if one.table == "sessions" and one.names(self.names)
        }
        return row.columns.get("session_id") in ids

    def others(self) -> list[Row]:
        """Return all rows that belong to no tenant or to the other one."""
        own = identities(self.rows_of(self.own))
        return [row for row in all_rows(self.dba) if row.identity() not in own]

    def rows_of(self, tenant: UUID) -> list[Row]:
        """Return the rows of one tenant now."""
        return rows_of(self.dba, tenant)


def identities(rows: list[Row]) -> set[tuple[str, str]]:
    """Return the rows in a form that can be compared."""
    return {row.identity() for row in rows}
