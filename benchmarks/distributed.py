"""`python -m benchmarks.distributed`: what calls cost on a Citus cluster.

AUTHORITY_CITUS_URL is a superuser's URL of the coordinator, of a database that
docs/distributed.md has prepared, with all nodes on this Linux machine. Exits with 2
without it. The calls take turns with those on a plain server of the package.
"""

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any, Final, NamedTuple
from uuid import uuid4

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.rows import scalar_row
from psycopg.sql import SQL, Identifier
from tabulate import tabulate

from authority_queries import (
    Authority,
    Maintenance,
    NewToken,
    Settings,
    Store,
    mint_token,
)
from authority_queries.codegen.throwaway import throwaway_database
from authority_queries.errors import AuthorityError
from authority_queries.resources import MIGRATIONS
from authority_queries.service.migrations import yoyo_url
from benchmarks.machine import machine

_URL: Final = os.environ.get("AUTHORITY_CITUS_URL")
_BLOCKS: Final = 8
_HOUR: Final = timedelta(hours=1)
_REDIRECT_URI: Final = "https://app.example/callback"
_FUNCTION: Final = "select id from authority.find_live_token(%s, %s, 'access', null)"
_VIEW: Final = (
    "select id from authority.verified_tokens "
    "where tenant_id = %s and token_hash = %s and type = 'access'"
)
_ROW: Final = "select id from authority.tokens where tenant_id = %s and token_hash = %s"
_HEADERS: Final = ("", "plain, CPU µs", "cluster, CPU µs", "times")


class _Call(NamedTuple):
    name: str
    run: Callable[[], object]
    repeated: int


class _Place:
    """A tenant of a server or a cluster, and a service that calls for it."""

    def __init__(self, url: str, postmasters: Sequence[int], opened: ExitStack) -> None:
        self._postmasters = postmasters
        names = opened.enter_context(_logins(url))
        app, operator = (
            Settings(database_url=yoyo_url(make_conninfo(url, user=name)))
            for name in names
        )
        with Maintenance.open(operator) as maintenance, maintenance.store() as store:
            code = f"tenant-{uuid4().hex}"
            self.tenant_id = store.tenants.create(code=code, display_name="A").id
        self.authority = opened.enter_context(Authority.open(app))
        with self._unit() as unit:
            user = unit.users.create(tenant_id=self.tenant_id, username="ada")
            self.user_id = user.id
            client = unit.clients.create(
                tenant_id=self.tenant_id,
                client_id="app",
                client_type="confidential",
                redirect_uris=[_REDIRECT_URI],
                consent_type="implicit",
            )
            self.client_id = client.client_id
        self.token = mint_token("access", self.tenant_id)
        self._issue(self.token.hash)
        self._session = opened.enter_context(_session(url, names[0], autocommit=True))
        self._reading = opened.enter_context(_session(url, names[0], autocommit=False))
        # As a unit of work does. A plain server ignores the second one.
        for setting in (
            f"authority.tenant_id = '{self.tenant_id}'",
            "citus.allow_nested_distributed_execution = on",
        ):
            self._reading.execute(f"set local {setting}".encode())
        self._codes: list[bytes] = []

    def calls(self) -> list[_Call]:
        """Return what is measured, with the calls of a block."""
        return [
            _Call("find_live_token", lambda: self._find(self._session, _FUNCTION), 50),
            _Call(
                "the view, in a transaction",
                lambda: self._find(self._reading, _VIEW),
                20,
            ),
            _Call(
                "the token's row, in a transaction",
                lambda: self._find(self._reading, _ROW),
                50,
            ),
            _Call(
                "grants.issue_to_client",
                lambda: self._issue(mint_token("access", self.tenant_id).hash),
                5,
            ),
            _Call("redemptions.redeem_code", self._redeem, 3),
        ]

    def prepare(self) -> None:
        """Issue the codes of a block."""
        with self._unit() as unit:
            for _ in range(4):
                code = mint_token("authorization_code", self.tenant_id).hash
                unit.grants.issue_code(
                    tenant_id=self.tenant_id,
                    token_hash=code,
                    client_id=self.client_id,
                    user_id=self.user_id,
                    redirect_uri=_REDIRECT_URI,
                    authenticated_at=datetime.now(UTC) - _HOUR,
                )
                self._codes.append(code)

    def _unit(self) -> AbstractContextManager[Store]:
        return self.authority.tenant(self.tenant_id, autocommit=True)

    def spent(self) -> dict[int, float]:
        """Return the seconds of processor time of each process of the servers."""
        found = {}
        for postmaster in self._postmasters:
            children = Path(f"/proc/{postmaster}/task/{postmaster}/children")
            for pid in map(int, children.read_text().split()):
                with_pid = Path(f"/proc/{pid}/schedstat")
                if with_pid.exists():
                    found[pid] = int(with_pid.read_text().split()[0]) / 1e9
        return found

    def _find(self, connection: "psycopg.Connection[Any]", query: str) -> None:
        found = connection.execute(
            query.encode(), (self.tenant_id, self.token.hash)
        ).fetchone()
        assert found  # noqa: S101 -- a call that finds nothing measures nothing

    def _issue(self, token_hash: bytes) -> None:
        with self._unit() as unit:
            issued = unit.grants.issue_to_client(
                tenant_id=self.tenant_id,
                token_hash=token_hash,
                client_id=self.client_id,
                lifetime=_HOUR,
            )
        assert issued.outcome == "issued"  # noqa: S101 -- as above

    def _redeem(self) -> None:
        with self._unit() as unit:
            redeemed = unit.redemptions.redeem_code(
                tenant_id=self.tenant_id,
                token_hash=self._codes.pop(),
                client_id=self.client_id,
                redirect_uri=_REDIRECT_URI,
                redemption_id=uuid4(),
                access_token=NewToken(
                    hash=mint_token("access", self.tenant_id).hash, lifetime=_HOUR
                ),
            )
        assert redeemed.outcome == "redeemed"  # noqa: S101 -- as above


def main() -> int:
    """Measure, and print a table."""
    argparse.ArgumentParser(
        prog="python -m benchmarks.distributed", description=__doc__
    ).parse_args()
    if _URL is None:
        message = "set AUTHORITY_CITUS_URL, as docs/distributed.md says"
        print(f"benchmarks.distributed: {message}", file=sys.stderr)
        return 2
    with ExitStack() as opened:
        plain_url = opened.enter_context(throwaway_database([MIGRATIONS], None))
        plain = _Place(plain_url, [_postmaster(plain_url)], opened)
        nodes = _nodes(_URL)
        cluster = _Place(_URL, [_postmaster(node) for node in nodes], opened)
        print(machine(plain_url))
        print(_version(_URL, len(nodes)))
        samples = _measured([plain, cluster])
    lines = [
        (name, each[0], each[1], each[1] / each[0])
        for name, found in samples.items()
        for each in [[median(times) * 1e6 for times in found]]
    ]
    formats = ("", ".0f", ".0f", ".1f")
    print(tabulate(lines, headers=_HEADERS, floatfmt=formats))
    return 0


def _measured(places: Sequence[_Place]) -> dict[str, list[list[float]]]:
    samples: dict[str, list[list[float]]] = {}
    calls = [place.calls() for place in places]
    for block in range(_BLOCKS + 1):  # the first one warms up
        for place in places:
            place.prepare()
        for turn in range(len(calls[0])):
            for index in (0, 1) if block % 2 else (1, 0):
                place, call = places[index], calls[index][turn]
                before = place.spent()
                for _ in range(call.repeated):
                    call.run()
                spent = sum(
                    time - before.get(pid, 0.0) for pid, time in place.spent().items()
                )
                if block:
                    found = samples.setdefault(call.name, [[], []])
                    found[index].append(spent / call.repeated)
    return samples


@contextmanager
def _logins(url: str) -> Iterator[list[str]]:
    """Create logins of a service and of an operator, and drop them at the end."""
    names = [f"authority_benchmark_{uuid4().hex[:8]}_{n}" for n in range(2)]
    with psycopg.connect(url, autocommit=True) as dba:
        database = Identifier(dba.info.dbname)
        groups = ("authority_app", "authority_maintenance")
        for name, group in zip(names, groups, strict=True):
            made = SQL("create role {} login in role {}")
            dba.execute(made.format(Identifier(name), Identifier(group)))
            granted = SQL("grant connect on database {} to {}")
            dba.execute(granted.format(database, Identifier(name)))
        yield names
        for name in names:
            revoked = SQL("revoke connect on database {} from {}")
            dba.execute(revoked.format(database, Identifier(name)))
            dba.execute(SQL("drop role {}").format(Identifier(name)))


def _session(url: str, user: str, *, autocommit: bool) -> "psycopg.Connection[Any]":
    session = psycopg.connect(make_conninfo(url, user=user), autocommit=autocommit)
    session.execute("set role authority_app")
    return session


def _nodes(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        found = connection.execute("select nodename, nodeport from pg_dist_node")
        return [make_conninfo(url, host=host, port=port) for host, port in found]


def _postmaster(url: str) -> int:
    """Return the process id of the server, whose child the session's process is."""
    with psycopg.connect(url) as connection:
        status = Path(f"/proc/{connection.info.backend_pid}/stat").read_text()
    return int(status.rpartition(")")[2].split()[1])


def _version(url: str, nodes: int) -> str:
    with psycopg.connect(url, row_factory=scalar_row) as connection:
        words = str(connection.execute("select citus_version()").fetchone()).split()
        server = connection.info.parameter_status("server_version")
    return f"Citus {words[1]} on PostgreSQL {server}, {nodes} nodes on this machine\n"


if __name__ == "__main__":
    try:
        sys.exit(main())
    except AuthorityError as error:
        print(f"benchmarks.distributed: {error}", file=sys.stderr)
        sys.exit(2)
