"""What the tests of several servers share."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from time import monotonic, sleep
from typing import Any
from uuid import UUID

import psycopg
from psycopg.conninfo import make_conninfo

from authority_queries import Authority, Maintenance, Settings, migrate
from authority_queries.records import Client, Token
from authority_queries.secrets import TokenString
from authority_queries.service.migrations import yoyo_url
from tests.cluster import Cluster, new_cluster
from tests.conftest import server_folder
from tests.factories import make_client, make_tenant, make_token

PATIENCE = 10


def settings_of(cluster: Cluster, **more: str) -> Settings:
    """Return the settings of a superuser's services on this server."""
    return Settings(database_url=yoyo_url(make_conninfo(cluster.conninfo, **more)))


@dataclass(frozen=True)
class Pair:
    """A primary, and a standby that follows it, each with a service."""

    primary: Cluster
    standby: Cluster
    writer: Authority
    reader: Authority
    client: Client

    @property
    def tenant_id(self) -> UUID:
        return self.client.tenant_id

    def issue(self) -> tuple[TokenString, Token]:
        with self.writer.tenant(self.tenant_id) as store:
            return make_token(store, self.client)

    def revoke(self, token: Token) -> str:
        """Revoke the token on the primary. Return the log's end."""
        with self.writer.tenant(self.tenant_id) as store:
            assert store.tokens.revoke_by_id(
                tenant_id=self.tenant_id, token_id=token.id, reason="stolen"
            )
        return self.writer.get_lsn()

    def accepts(self, token: TokenString) -> bool:
        return self.reader.verify_token(token.token) is not None


def reading(standby: Cluster) -> Settings:
    return settings_of(standby, target_session_attrs="any")


@contextmanager
def running_pair() -> Iterator[Pair]:
    with server_folder() as folder, new_cluster(folder) as primary:
        primary.start("-c", "fsync=off")
        migrate(primary.conninfo)
        with (
            Maintenance.open(settings_of(primary)) as maintenance,
            maintenance.store() as store,
        ):
            tenant_id = make_tenant(store, code="acme").id
        standby = primary.standby()
        standby.start("-c", "fsync=off", "-c", "max_standby_streaming_delay=0")
        try:
            with (
                Authority.open(settings_of(primary)) as writer,
                Authority.open(reading(standby)) as reader,
            ):
                with writer.tenant(tenant_id) as store:
                    client = make_client(store, tenant_id)
                yield Pair(primary, standby, writer, reader, client)
        finally:
            standby.stop()


def until(what: Callable[[], object]) -> None:
    end = monotonic() + PATIENCE
    while not what():
        assert monotonic() < end, "it does not happen"
        sleep(0.005)


def scalar(dba: "psycopg.Connection[Any]", query: str) -> Any:
    """Return the value. A replay cancels queries of a standby, so try again."""
    for _ in range(20):
        with suppress(psycopg.errors.SerializationFailure):
            row = dba.execute(query).fetchone()
            assert row is not None
            return row[0]
    raise AssertionError("the replay has cancelled the query 20 times")


def delay(standby: "psycopg.Connection[Any]", by: str) -> None:
    """Let the standby replay each commit so much later."""
    standby.execute(f"alter system set recovery_min_apply_delay = '{by}'")
    scalar(standby, "select pg_reload_conf()")
    until(lambda: scalar(standby, "show recovery_min_apply_delay") == by)


@contextmanager
def paused(standby: "psycopg.Connection[Any]") -> Iterator[None]:
    """Let the standby replay nothing during the block."""
    scalar(standby, "select pg_wal_replay_pause()")
    until(lambda: scalar(standby, "select pg_get_wal_replay_pause_state()") == "paused")
    try:
        yield
    finally:
        scalar(standby, "select pg_wal_replay_resume()")
