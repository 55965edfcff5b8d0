"""Two authorities on one server do not reach each other: docs/tenant_isolation.md."""

from typing import Final, TypeAlias

import psycopg
import pytest
from psycopg import sql

from authority_queries import migrate
from authority_queries.service.migrations import packaged_migrations
from tests.schema.bare_server import Bare, as_login, name_of
from tests.schema.plain_yoyo import ROOT

GROUPS: Final = {
    "service": "authority_app",
    "operator": "authority_maintenance",
    "report": "authority_reader",
}
ATTEMPTS: Final = {
    "connect to its database": None,
    "change its database": "alter database {database} connection limit 0",
    "act as its migrator": "grant {migrator} to current_user",
    "set the password of its service": "alter role {service} password 'x'",
    "end a session of its service": "select pg_terminate_backend({pid})",
    "rename a role that both use": "alter role authority_app rename to gone",
    "make operators of all services": "grant authority_maintenance to authority_app",
}
ACTING: Final = (
    "set role pg_database_owner",
    "drop table authority.users",
    "select code from authority.tenants",
    "select username from authority.users",
    "create table authority.mine ()",
)


Connection: TypeAlias = "psycopg.Connection[tuple[object, ...]]"


class Authority:
    """A database with an owner and logins of its own."""

    def __init__(self, bare: Bare, attributes: str) -> None:
        owner = bare.login(attributes)
        self.database = bare.database(owner)
        self.logins = {"migrator": owner} | {who: bare.login() for who in GROUPS}
        if not attributes:
            done = bare.bootstrap(self.database, "-v", f"migrator={owner}")
            assert done == (0, "")
        assert migrate(as_login(self.database, owner)) == packaged_migrations()
        for who, group in GROUPS.items():
            bare.execute("grant {} to {}", group, self.logins[who])
        bare.let_in(self.database, *(self.logins[who] for who in GROUPS))

    def connect(self, who: str) -> Connection:
        return psycopg.connect(as_login(self.database, self.logins[who]))

    def can(self, who: str, attempt: str, other: "Authority", pid: int) -> bool:
        """Whether a login of this authority can do something to the other."""
        statement = ATTEMPTS[attempt]
        if statement is None:
            return can_connect(as_login(other.database, self.logins[who]))
        composed = sql.SQL(statement).format(
            database=sql.Identifier(name_of(other.database)),
            migrator=sql.Identifier(other.logins["migrator"]),
            service=sql.Identifier(other.logins["service"]),
            pid=sql.Literal(pid),
        )
        with self.connect(who) as connection:
            return does(connection, composed)


def can_connect(conninfo: str) -> bool:
    try:
        psycopg.connect(conninfo).close()
    except psycopg.OperationalError as error:
        return "permission denied for database" not in str(error)
    return True


def does(connection: Connection, statement: sql.Composed) -> bool:
    """Whether a login may execute a statement, which is rolled back."""
    try:
        connection.execute(statement)
    except psycopg.errors.InsufficientPrivilege:
        return False
    finally:
        connection.rollback()
    return True


def documented(column: int) -> dict[str, bool]:
    """Return what one kind of login may do, from the documentation's table."""
    text = (ROOT / "docs" / "tenant_isolation.md").read_text()
    rows = [line.strip("| ").split(" | ") for line in text.splitlines()]
    return {row[0]: row[column] == "yes" for row in rows if row[0] in ATTEMPTS}


@pytest.mark.parametrize(
    "attributes", [pytest.param("", marks=pytest.mark.one_version), "createrole"]
)
def test_no_login_of_one_authority_reaches_the_other(
    bare: Bare, attributes: str
) -> None:
    own, other = Authority(bare, attributes), Authority(bare, attributes)
    is_old = bare.dba.info.server_version < 160000
    strong = 3 - is_old if attributes else 1
    with other.connect("service") as session:
        pid = session.info.backend_pid
        for who in own.logins:
            found = {each: own.can(who, each, other, pid) for each in ATTEMPTS}
            assert found == documented(strong if who == "migrator" else 1), who
        session.execute("select")


def test_a_login_that_was_let_in_does_nothing_in_a_foreign_authority(
    bare: Bare,
) -> None:
    own, other = Authority(bare, ""), Authority(bare, "")
    migrator = own.logins["migrator"]
    bare.let_in(other.database, migrator)
    with psycopg.connect(as_login(other.database, migrator)) as connection:
        for statement in ACTING:
            assert not does(connection, sql.SQL(statement).format()), statement
