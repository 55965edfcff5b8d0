"""`python -m benchmarks.verification`: what the server does to verify a token.

Exits with 1 when a verification of a user's token takes more than three times the time
of a read of its row by its key, and with 2 when there is no server.
"""

import argparse
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import timedelta
from typing import Final
from uuid import UUID

import psycopg
from psycopg.conninfo import make_conninfo
from tabulate import tabulate

from authority_queries import Authority, Store, mint_token
from authority_queries.codegen.throwaway import throwaway_database
from authority_queries.errors import AuthorityError
from authority_queries.resources import MIGRATIONS
from benchmarks.machine import machine
from benchmarks.prepared import Cost, Prepared, costs
from benchmarks.rows import CLIENT, Rows, insert_rows

_LIMIT: Final = 3.0
_BLOCKS: Final = 40
_BLOCK: Final = 0.02
_HOUR: Final = timedelta(hours=1)
_SCOPES: Final = ("openid", "profile")
_RESOURCES: Final = ("https://api.example",)
_SETTINGS: Final = "-c search_path=pg_catalog,pg_temp -c timezone=UTC"
_ROW: Final = """
select * from authority.tokens
where tenant_id = $1::uuid and token_hash = $2::bytea and type = 'access'
"""
_VIEW: Final = """
select * from authority.verified_tokens
where tenant_id = $1::uuid and token_hash = $2::bytea and type = 'access'
"""
_FUNCTION: Final = """
select * from authority.find_live_token($1::uuid, $2::bytea, 'access', null)
"""
# Name, statement, and whether the session is that of a service.
_STEPS: Final = (
    ("the token's row by its key, no RLS", _ROW, False),
    ("the token's row by its key", _ROW, True),
    ("the view, no RLS", _VIEW, False),
    ("the view (tokens.verify)", _VIEW, True),
    ("the function, no RLS", _FUNCTION, False),
    ("the function (tokens.verify_by_token)", _FUNCTION, True),
)
_JUDGED: Final = "of a user"
_HEADERS: Final = ("token", "read by", "CPU µs", "to the row", "µs", "to the row")
_FORMATS: Final = ("", "", ".1f", ".2f", ".1f", ".2f")


def main() -> int:
    """Measure, print the table, and return 1 above the limit."""
    argparse.ArgumentParser(
        prog="python -m benchmarks.verification", description=__doc__
    ).parse_args()
    with throwaway_database([MIGRATIONS], None) as database:
        print(machine(database), end="\n\n")
        with psycopg.connect(database, autocommit=True) as connection:
            rows = insert_rows(connection)
            hashes = _insert_tokens(connection, rows)
            connection.execute("vacuum analyze")
        ladders = {
            kind: _ladder(database, rows, token_hash)
            for kind, token_hash in hashes.items()
        }
    print("Server's time to verify one access token:")
    print(tabulate(_lines(ladders), headers=_HEADERS, floatfmt=_FORMATS))
    row, *_, function = ladders[_JUDGED]
    ratio = function.wall / row.wall
    print(f"\nthe function to the row, a token {_JUDGED}: {ratio:.2f}; allowed: 3.00")
    return 1 if ratio > _LIMIT else 0


def _ladder(database: str, rows: Rows, token_hash: bytes) -> list[Cost]:
    arguments = [str(rows.tenant_id).encode(), f"\\x{token_hash.hex()}".encode()]
    service = (
        f"{_SETTINGS} -c role={Authority.role} -c authority.tenant_id={rows.tenant_id}"
    )
    with ExitStack() as stack:
        statements = []
        for _, sql, is_service in _STEPS:
            options = service if is_service else _SETTINGS
            connection = stack.enter_context(
                psycopg.connect(
                    make_conninfo(database, options=options), autocommit=True
                )
            )
            statements.append(Prepared(connection, sql, lambda: arguments))
        return costs(statements, _BLOCKS, _BLOCK)


def _lines(ladders: Mapping[str, list[Cost]]) -> list[tuple[object, ...]]:
    return [
        (
            kind,
            name,
            cost.cpu,
            cost.cpu / ladder[0].cpu,
            cost.wall,
            cost.wall / ladder[0].wall,
        )
        for kind, ladder in ladders.items()
        for (name, _, _), cost in zip(_STEPS, ladder, strict=True)
    ]


def _insert_tokens(
    connection: psycopg.Connection[object], rows: Rows
) -> dict[str, bytes]:
    """Insert a live token of each kind, and return their hashes."""
    store = Store(connection)
    tenant_id = rows.tenant_id
    account = store.service_accounts.create(tenant_id=tenant_id, account_id="batch")
    family = store.authorizations.create(
        tenant_id=tenant_id,
        client_uuid=rows.client_uuid,
        user_id=rows.user_id,
        scopes=_SCOPES,
    )
    consent = store.consents.grant(
        tenant_id=tenant_id,
        user_id=rows.user_id,
        client_id=CLIENT,
        scopes=_SCOPES,
        resources=_RESOURCES,
    )
    consented = store.authorizations.create(
        tenant_id=tenant_id,
        client_uuid=rows.client_uuid,
        user_id=rows.user_id,
        consent_id=consent.id,
        scopes=_SCOPES,
    )
    subjects: dict[str, dict[str, UUID]] = {
        "of the client": {},
        "of a service account": {"service_account_id": account.id},
        "of a user": {"user_id": rows.user_id},
        "of a user's family": {
            "user_id": rows.user_id,
            "authorization_id": family.id,
        },
        "of a family with a consent": {
            "user_id": rows.user_id,
            "authorization_id": consented.id,
        },
    }
    return {
        kind: _insert_token(store, rows, subject) for kind, subject in subjects.items()
    }


def _insert_token(store: Store, rows: Rows, subject: Mapping[str, UUID]) -> bytes:
    minted = mint_token("access", rows.tenant_id)
    store.tokens.create(
        tenant_id=rows.tenant_id,
        type="access",
        token_hash=minted.hash,
        client_uuid=rows.client_uuid,
        user_id=subject.get("user_id"),
        service_account_id=subject.get("service_account_id"),
        authorization_id=subject.get("authorization_id"),
        scopes=_SCOPES,
        resources=_RESOURCES,
        lifetime=_HOUR,
    )
    return minted.hash


if __name__ == "__main__":
    try:
        sys.exit(main())
    except AuthorityError as error:
        print(f"benchmarks.verification: {error}", file=sys.stderr)
        sys.exit(2)
