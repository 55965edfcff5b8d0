"""`python -m benchmarks.issuing`: what indexes and constraints of tokens cost.

Each candidate drops its objects in a transaction, measures, and rolls back. Processor
time and log are the server's, per call. Exits with 2 when there is no server.
"""

import argparse
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import count
from statistics import median
from typing import Final, NamedTuple
from uuid import UUID, uuid4

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.rows import scalar_row, tuple_row
from tabulate import tabulate

from authority_queries import Store
from authority_queries.codegen.throwaway import throwaway_database
from authority_queries.engine.runtime import QueryFile
from authority_queries.errors import AuthorityError
from authority_queries.queries import FOLDER
from authority_queries.resources import MIGRATIONS
from benchmarks.machine import machine
from benchmarks.prepared import Prepared
from benchmarks.rows import CLIENT, Rows, insert_rows

_ROUNDS: Final = 7
_WARM_UP: Final = 12
_CALLS: Final = 40
_MONTH: Final = timedelta(days=30)
_SCOPES: Final = ("openid", "profile", "email")
_RESOURCES: Final = ("https://api.example",)
_NUMBERS: Final = count(1)
_PLACEHOLDER: Final = re.compile(r"%\((\w+)\)s")
_KINDS: Final = {"_check": "checks", "_fk": "foreign keys", "_idx": "indexes"}
_CALLING: Final = tuple(
    f"tokens_{column}_check"
    for column in (
        "actor",
        "authorization_details",
        "properties",
        "resources",
        "scopes",
    )
)
_HEADERS: Final = ("without", "CPU µs", "saves", "log octets", "saves")
_FORMATS: Final = ("", ".0f", ".0f", ".0f", ".0f")
# Each drops the objects that it finds in the catalogue.
_DROPS: Final = """
select
    conname as name,
    format('alter table %s drop constraint %I cascade', conrelid::regclass, conname)
from pg_catalog.pg_constraint
where
    conrelid = 'authority.tokens'::regclass
    and contype in ('f', 'c')
union all
select
    classes.relname as name,
    format('drop index authority.%I', classes.relname)
from pg_catalog.pg_index as indexes
inner join pg_catalog.pg_class as classes on indexes.indexrelid = classes.oid
where
    indexes.indrelid = 'authority.tokens'::regclass
    and not indexes.indisunique
order by name
"""


class _Sample(NamedTuple):
    cpu: float
    log: float


class _Issuing:
    """Issues access tokens to the client itself."""

    query = ("grants", "issue_to_client")

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def restart(self) -> None:
        """Do nothing: no call depends on an earlier one."""

    def arguments(self) -> Mapping[str, str | None]:
        return {
            "tenant_id": str(self._rows.tenant_id),
            "token_hash": _new_hash(),
            "client_id": CLIENT,
            "scopes": _array(_SCOPES),
            "resources": _array(_RESOURCES),
            "authorization_details": "[]",
            "properties": '{"device": "a telephone"}',
            "lifetime": "1 hour",
        }


class _Rotating:
    """Replaces one refresh token again and again, with an access token each time."""

    query = ("redemptions", "redeem")

    def __init__(self, rows: Rows, first: bytes) -> None:
        self._rows = rows
        self._first = f"\\x{first.hex()}"
        self._presented = self._first

    def restart(self) -> None:
        """Present the first token again: the others are rolled back."""
        self._presented = self._first

    def arguments(self) -> Mapping[str, str | None]:
        presented, self._presented = self._presented, _new_hash()
        return {
            "tenant_id": str(self._rows.tenant_id),
            "token_hash": presented,
            "type": "refresh",
            "client_id": CLIENT,
            "redemption_id": str(uuid4()),
            "leeway": "0",
            "access_token_hash": _new_hash(),
            "access_lifetime": "1 hour",
            "refresh_token_hash": self._presented,
            "refresh_lifetime": "30 days",
        }


def main() -> int:
    """Measure and print a table for each work."""
    argparse.ArgumentParser(
        prog="python -m benchmarks.issuing", description=__doc__
    ).parse_args()
    with throwaway_database([MIGRATIONS], None) as database:
        print(machine(database))
        with psycopg.connect(database, autocommit=True) as connection:
            rows = insert_rows(connection)
            first = _insert_family(connection, rows)
            connection.execute("vacuum analyze")
        for title, work in (
            ("grants.issue_to_client", _Issuing(rows)),
            ("redemptions.redeem, a rotation", _Rotating(rows, first)),
        ):
            print(f"\n{title}:")
            lines = _measured(database, rows.tenant_id, work)
            print(tabulate(lines, headers=_HEADERS, floatfmt=_FORMATS))
    return 0


def _measured(
    database: str, tenant_id: UUID, work: _Issuing | _Rotating
) -> list[tuple[object, ...]]:
    settings = (
        "-c search_path=pg_catalog,pg_temp -c timezone=UTC "
        "-c plan_cache_mode=force_generic_plan"
    )
    with psycopg.connect(
        make_conninfo(database, options=settings), autocommit=True
    ) as connection:
        file, name = work.query
        sql = getattr(QueryFile(FOLDER / f"{file}.sql").queries, name).sql
        names: list[str] = list(dict.fromkeys(_PLACEHOLDER.findall(sql)))

        def arguments() -> Sequence[bytes | None]:
            given = work.arguments()
            sent = [given.get(each) for each in names]
            return [None if each is None else each.encode() for each in sent]

        numbered = _PLACEHOLDER.sub(
            lambda found: f"${names.index(found[1]) + 1}", sql
        ).replace("%%", "%")
        statement = Prepared(connection, numbered, arguments)
        candidates = dict(_candidates(connection))
        samples: dict[str, list[_Sample]] = {each: [] for each in candidates}
        for _ in range(_ROUNDS):
            for candidate, drops in candidates.items():
                with connection.transaction(force_rollback=True):
                    for drop in drops:
                        connection.execute(drop.encode())
                    connection.execute("set local role authority_app")
                    connection.execute(
                        "select set_config('authority.tenant_id', %s, true)",
                        [str(tenant_id)],
                    )
                    samples[candidate].append(_sample(connection, statement))
                work.restart()
    return _lines(samples)


def _candidates(
    connection: psycopg.Connection[object],
) -> Iterator[tuple[str, list[str]]]:
    """Return the statements of each candidate: nothing, all of a kind, each one."""
    found_drops = connection.cursor(row_factory=tuple_row).execute(_DROPS)
    drops: dict[str, str] = dict(found_drops.fetchall())
    yield "nothing", []
    for kind, name in _KINDS.items():
        each = {found: drop for found, drop in drops.items() if found.endswith(kind)}
        yield f"all {len(each)} {name}", list(each.values())
    yield "the 5 checks that call functions", [drops[each] for each in _CALLING]
    for found, drop in drops.items():
        if not found.endswith("_check"):
            yield found, [drop]


def _sample(connection: psycopg.Connection[object], statement: Prepared) -> _Sample:
    statement.execute(_WARM_UP)
    log, spent = _log(connection), statement.spent()
    statement.execute(_CALLS)
    spent = statement.spent() - spent
    return _Sample(spent / _CALLS, (_log(connection) - log) / _CALLS)


def _log(connection: psycopg.Connection[object]) -> int:
    cursor = connection.cursor(row_factory=scalar_row)
    found = cursor.execute(
        "select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint"
    ).fetchone()
    return int(found or 0)


def _lines(samples: Mapping[str, Sequence[_Sample]]) -> list[tuple[object, ...]]:
    def typical(each: Sequence[_Sample]) -> _Sample:
        return _Sample(median(one.cpu for one in each), median(one.log for one in each))

    base = typical(samples["nothing"])
    return [
        (name, cost.cpu, base.cpu - cost.cpu, cost.log, base.log - cost.log)
        for name, each in samples.items()
        for cost in [typical(each)]
    ]


def _insert_family(connection: psycopg.Connection[object], rows: Rows) -> bytes:
    store = Store(connection)
    family = store.authorizations.create(
        tenant_id=rows.tenant_id,
        client_uuid=rows.client_uuid,
        user_id=rows.user_id,
        scopes=_SCOPES,
        resources=_RESOURCES,
        lifetime=12 * _MONTH,
    )
    first = uuid4().bytes + uuid4().bytes
    store.tokens.create(
        tenant_id=rows.tenant_id,
        type="refresh",
        token_hash=first,
        client_uuid=rows.client_uuid,
        user_id=rows.user_id,
        authorization_id=family.id,
        scopes=_SCOPES,
        resources=_RESOURCES,
        properties={"device": "a telephone"},
        lifetime=_MONTH,
    )
    return first


def _new_hash() -> str:
    return f"\\x{uuid4().hex}{next(_NUMBERS):032x}"


def _array(texts: Sequence[str]) -> str:
    return "{" + ",".join(f'"{each}"' for each in texts) + "}"


if __name__ == "__main__":
    try:
        sys.exit(main())
    except AuthorityError as error:
        print(f"benchmarks.issuing: {error}", file=sys.stderr)
        sys.exit(2)
