"""What each release leaves here for the tests of upgrades: its queries and some rows.

Released migrations never change, so the schema of a release is not kept: the migrations
up to its last one create it.
"""

import shutil
import tomllib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import psycopg
from psycopg import sql

from authority_queries import Maintenance, Settings, migrate
from authority_queries.codegen.generate import generate
from authority_queries.codegen.settings import read
from authority_queries.resources import MIGRATIONS, QUERIES
from authority_queries.service.migrations import packaged_migrations, yoyo_url
from tests.isolation.matrix.world import FOREIGN, OWN, fill
from tools.dumping import pg_dump

RELEASES: Final = Path(__file__).parent / "releases"
_CONFIG: Final = Path(__file__).parents[2] / "pyproject.toml"
# Migrations write their rows.
_SEEDED: Final = ("permissions", "system_roles", "system_scopes")
# Settings of a newer pg_dump that an older server does not know.
_UNKNOWN_TO_15: Final = "SET transaction_timeout = 0;\n"


@dataclass(frozen=True)
class Release:
    """The folder of a release: release.toml, rows.sql and queries/."""

    folder: Path

    @property
    def last_migration(self) -> str:
        """Return the id of its newest migration."""
        text = (self.folder / "release.toml").read_text(encoding="utf-8")
        name: str = tomllib.loads(text)["last_migration"]
        return name

    def migrations(self) -> list[str]:
        """Return the ids of its migrations, in order."""
        ours = packaged_migrations()
        return ours[: ours.index(self.last_migration) + 1]

    def migrate(self, conninfo: str) -> None:
        """Create its schema in an empty database."""
        with _only(self.migrations()) as folder:
            migrate(conninfo, folders=[folder])

    def load(self, dba: "psycopg.Connection[Any]") -> None:
        """Insert its rows into its schema, without constraints and triggers."""
        with dba.transaction():
            dba.execute("set local session_replication_role = replica")
            dba.execute((self.folder / "rows.sql").read_bytes())
        dba.execute("reset all")

    def modules(self, server: str, folders: Iterable[Path] = ()) -> dict[Path, str]:
        """Return the typed modules for its queries, from its own or another schema.

        A throwaway database is created on the server.
        """
        if not (migrations := tuple(folders)):
            with _only(self.migrations()) as own:
                return self.modules(server, [own])
        queries = self.folder / "queries"
        settings = replace(read(_CONFIG), queries=queries, migrations=migrations)
        return generate(settings, server)


def released() -> list[Release]:
    """Return every release, the oldest first."""
    return [Release(file.parent) for file in sorted(RELEASES.glob("*/release.toml"))]


def keep(folder: Path, conninfo: str) -> Release:
    """Write what the present release leaves into a new folder.

    The database has the present schema and no rows. It gets two tenants that have a row
    in every table.
    """
    with psycopg.connect(conninfo, autocommit=True) as dba:
        _fill(dba)
    with Maintenance.open(Settings(database_url=yoyo_url(conninfo))) as maintenance:
        maintenance.seal_audit()
    shutil.copytree(QUERIES, folder / "queries", ignore=_not_sql)
    last = packaged_migrations()[-1]
    (folder / "release.toml").write_text(f'last_migration = "{last}"\n')
    omitted = [f"--exclude-table=authority.{name}" for name in _SEEDED]
    rows = pg_dump(
        conninfo,
        "--schema=authority",
        "--data-only",
        "--rows-per-insert=100",
        "--load-via-partition-root",
        *omitted,
    )
    statements = [line for line in rows.splitlines() if line[:1] != "\\"]
    text = "\n".join([*statements, ""]).replace(_UNKNOWN_TO_15, "")
    (folder / "rows.sql").write_text(text, encoding="utf-8")
    return Release(folder)


def rows_of(dba: "psycopg.Connection[Any]") -> dict[str, list[dict[str, Any]]]:
    """Return every row of every table in a fixed order, in JSON's form."""
    tables = dba.execute(
        "select relname::text from pg_class "
        "where relnamespace = 'authority'::regnamespace "
        "and relkind in ('r', 'p') and not relispartition"
    ).fetchall()
    query = sql.SQL("select to_jsonb(one) from {} as one order by one::text")
    return {
        name: [
            row
            for (row,) in dba.execute(query.format(sql.Identifier("authority", name)))
        ]
        for (name,) in tables
    }


def _fill(dba: "psycopg.Connection[Any]") -> None:
    with dba.transaction():
        for extent, (code, ids) in enumerate(
            ((OWN, "aaaaaaaa"), (FOREIGN, "ffffffff")), start=1
        ):
            fill(dba, code=code, extent=extent, ids=ids)
    # Their seals are invented. These events are recorded, and can be sealed.
    dba.execute("delete from authority.audit_events")
    dba.execute("delete from authority.audit_chains")
    dba.execute("update authority.users set display_name = username")
    # The demo has tenants of the same name.
    dba.execute("update authority.tenants set code = 'old-' || code")


@contextmanager
def _only(names: list[str]) -> Iterator[Path]:
    """Yield a folder with these migrations."""
    with TemporaryDirectory() as folder:
        for name in names:
            shutil.copy(MIGRATIONS / f"{name}.sql", folder)
        yield Path(folder)


def _not_sql(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if not name.endswith(".sql")]
