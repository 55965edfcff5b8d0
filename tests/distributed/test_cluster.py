"""The overlay of schema/distributed on a real Citus cluster, where one is named.

AUTHORITY_CITUS_URL is a superuser's URL of the coordinator, of a database that
docs/distributed.md has prepared and distributed.
"""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Barrier
from time import perf_counter
from typing import Any, Final
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from authority_queries import (
    Authority,
    Maintenance,
    NewToken,
    Settings,
    mint_token,
)
from authority_queries.codegen.reading.folder import read_folder
from authority_queries.errors import TenantInactiveError
from authority_queries.resources import QUERIES
from authority_queries.secrets import TokenString
from authority_queries.service.migrations import yoyo_url
from tests.factories import make_client
from tests.isolation.shadow_plans import touched_by

# Read here, because tests run without the machine's AUTHORITY_ variables.
URL: Final = os.environ.get("AUTHORITY_CITUS_URL")
CALLS: Final = 200
CODES: Final = 3
REDEEMERS: Final = 8
HOUR: Final = timedelta(hours=1)
MINUTE: Final = timedelta(minutes=1)
REDIRECT_URI: Final = "https://app.example/callback"

pytestmark = [
    pytest.mark.one_version,
    pytest.mark.skipif(
        URL is None, reason="not run: AUTHORITY_CITUS_URL names no Citus cluster"
    ),
]


@dataclass(frozen=True)
class Cluster:
    """The coordinator's superuser, and the logins of a service and an operator."""

    dba: "psycopg.Connection[Any]"
    service: Settings
    operator: Settings

    def new_tenant(self) -> UUID:
        with Maintenance.open(self.operator) as opened, opened.store() as store:
            code = f"tenant-{uuid4().hex}"
            return store.tenants.create(code=code, display_name="A tenant").id

    def new_token(self, tenant_id: UUID) -> TokenString:
        """Insert a client's token, as a superuser."""
        minted = mint_token("access", tenant_id)
        with (
            Authority.open(self.service) as authority,
            authority.tenant(tenant_id) as store,
        ):
            client = make_client(store, tenant_id)
        self.dba.execute(
            "insert into authority.tokens "
            "(tenant_id, type, token_hash, client_uuid, scopes, expires_at) "
            "values (%s, 'access', %s, %s, '{}', statement_timestamp() + %s)",
            (tenant_id, minted.hash, client.id, HOUR),
        )
        return minted


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    assert URL is not None
    names = {
        role: f"authority_test_{role}_{os.getpid()}" for role in ("app", "maintenance")
    }
    with psycopg.connect(URL, autocommit=True) as dba:
        for role, name in names.items():
            dba.execute(f"create role {name} login in role authority_{role}".encode())
            dba.execute(
                f"grant connect on database {dba.info.dbname} to {name}".encode()
            )
        service, operator = (
            Settings(database_url=yoyo_url(make_conninfo(URL, user=name)))
            for name in names.values()
        )
        yield Cluster(dba, service, operator)
        for name in names.values():
            dba.execute(
                f"revoke connect on database {dba.info.dbname} from {name}".encode()
            )
            dba.execute(f"drop role {name}".encode())


def test_every_table_of_a_tenant_is_in_one_group_of_shards(cluster: Cluster) -> None:
    rows = cluster.dba.execute(
        "select partmethod, count(*), count(distinct colocationid) "
        "from pg_dist_partition where logicalrelid::text like 'authority.%' "
        "group by partmethod order by partmethod"
    ).fetchall()
    distributed, references = rows
    assert distributed[0] == "h"
    assert distributed[1] > 30
    assert distributed[2] == 1
    assert references[:2] == ("n", 4)


def test_workers_give_public_no_function(cluster: Cluster) -> None:
    query = (
        "select count(*) from pg_proc cross join lateral aclexplode("
        "coalesce(proacl, acldefault('f', proowner))) as granted "
        "where pronamespace = 'authority'::regnamespace and granted.grantee = 0"
    )
    workers = cluster.dba.execute(
        "select success, result from run_command_on_workers(%s)", (query,)
    ).fetchall()
    assert workers
    assert set(workers) == {(True, "0")}


def test_units_of_work_reach_only_their_tenant(cluster: Cluster) -> None:
    acme, globex = cluster.new_tenant(), cluster.new_tenant()
    with Authority.open(cluster.service) as authority:
        for tenant_id in (acme, globex):
            for autocommit in (False, True):
                with authority.tenant(tenant_id, autocommit=autocommit) as store:
                    store.users.create(
                        tenant_id=tenant_id, username=f"ada-{autocommit}"
                    )
        seen = "select distinct tenant_id from authority.users"
        for tenant_id in (acme, globex):
            with authority.tenant(tenant_id) as store:
                assert len(store.users.list(tenant_id=tenant_id).items) == 2
                assert store.connection.execute(seen).fetchall() == [(tenant_id,)]
        with authority._lend() as connection:
            assert connection.execute(seen).fetchall() == []
        with pytest.raises(TenantInactiveError), authority.tenant(uuid4()):
            pass


def test_a_token_is_verified_on_its_tenants_node(cluster: Cluster) -> None:
    acme, globex = cluster.new_tenant(), cluster.new_tenant()
    token = cluster.new_token(acme)
    with Authority.open(cluster.service) as authority:
        for _ in range(3):
            found = authority.verify_token(token.token)
            assert found is not None
            assert found.tenant_id == acme
        find = "select count(*) from authority.find_live_token(%s, %s, %s, null)"
        with authority._lend() as connection:
            for tenant_id, hash_, kind, expected in [
                (acme, token.hash, "access", 1),
                (acme, token.hash, "refresh", 0),
                (globex, token.hash, "access", 0),
                (acme, mint_token("access", acme).hash, "access", 0),
            ]:
                row = connection.execute(find, (tenant_id, hash_, kind)).fetchone()
                assert row == (expected,)
            with connection.transaction():  # the coordinator does not delegate it
                row = connection.execute(find, (acme, token.hash, "access")).fetchone()
            assert row == (1,)
        cluster.dba.execute(
            "update authority.tokens set revoked_at = statement_timestamp(), "
            "revocation_reason = 'stolen' where tenant_id = %s and token_hash = %s",
            (acme, token.hash),
        )
        assert authority.verify_token(token.token) is None
        other = cluster.new_token(acme)
        assert authority.verify_token(other.token) is not None
        with Maintenance.open(cluster.operator) as opened, opened.store() as store:
            store.tenants.suspend(tenant_id=acme)
        assert authority.verify_token(other.token) is None


def test_one_of_racing_redeemers_gets_the_tokens(cluster: Cluster) -> None:
    acme = cluster.new_tenant()
    ready = Barrier(REDEEMERS)
    with Authority.open(cluster.service) as authority:
        with authority.tenant(acme) as store:
            user = store.users.create(tenant_id=acme, username="ada")
            client = make_client(
                store, acme, redirect_uris=[REDIRECT_URI], consent_type="implicit"
            )

        def redeem(code: TokenString) -> str:
            with authority.tenant(acme, autocommit=True) as store:
                ready.wait()
                return store.redemptions.redeem_code(
                    tenant_id=acme,
                    token_hash=code.hash,
                    client_id=client.client_id,
                    redirect_uri=REDIRECT_URI,
                    redemption_id=uuid4(),
                    access_token=NewToken(
                        hash=mint_token("access", acme).hash, lifetime=HOUR
                    ),
                ).outcome

        for _ in range(CODES):
            code = mint_token("authorization_code", acme)
            with authority.tenant(acme) as store:
                issued = store.grants.issue_code(
                    tenant_id=acme,
                    token_hash=code.hash,
                    client_id=client.client_id,
                    user_id=user.id,
                    scopes=["openid"],
                    redirect_uri=REDIRECT_URI,
                    authenticated_at=datetime.now(UTC) - MINUTE,
                    lifetime=MINUTE,
                )
            with ThreadPoolExecutor(REDEEMERS) as redeemers:
                outcomes = sorted(redeemers.map(redeem, [code] * REDEEMERS))
            assert outcomes == ["redeemed"] + ["reused"] * (REDEEMERS - 1)
            family = cluster.dba.execute(
                "select revocation_reason from authority.authorizations "
                "where tenant_id = %s and id = %s",
                (acme, issued.authorization_id),
            ).fetchall()
            assert family == [("token_reuse",)]


def test_a_client_gets_a_token_for_itself(cluster: Cluster) -> None:
    acme = cluster.new_tenant()
    token = mint_token("access", acme)
    with Authority.open(cluster.service) as authority:
        with authority.tenant(acme) as store:
            client = make_client(store, acme)
            outcomes = [
                store.grants.issue_to_client(
                    tenant_id=acme,
                    token_hash=token.hash,
                    client_id=client_id,
                    lifetime=HOUR,
                ).outcome
                for client_id in (client.client_id, "nobody")
            ]
        assert outcomes == ["issued", "client_inactive"]
        assert authority.verify_token(token.token) is not None


def test_most_queries_of_a_tenant_are_planned(
    cluster: Cluster, figures: list[str]
) -> None:
    tenant_id, refused, planned = cluster.new_tenant(), {}, 0
    for query in read_folder(QUERIES):
        if "tenant_id" not in query.parameters:
            continue
        try:
            with psycopg.connect(cluster.dba.info.dsn, autocommit=True) as session:
                touched_by(
                    session, query, tenant_id, mode="force_custom_plan", tables={}
                )
            planned += 1
        except psycopg.Error as error:
            first = error.__context__ or error
            name = f"{query.path.stem}.{query.name}"
            refused[name] = str(first).splitlines()[0]
    figures.append(f"Citus plans {planned} queries of a tenant, refuses {len(refused)}")
    figures.extend(f"  {name}: {why}" for name, why in sorted(refused.items()))
    assert planned > 100


def test_the_factor_of_delegation(cluster: Cluster, figures: list[str]) -> None:
    acme = cluster.new_tenant()
    token = cluster.new_token(acme)
    find = "select id from authority.find_live_token(%s, %s, 'access', null)"
    view = (
        "select id from authority.verified_tokens "
        "where tenant_id = %s and token_hash = %s and type = 'access'"
    )
    row = "select id from authority.tokens where tenant_id = %s and token_hash = %s"
    times: dict[str, list[float]] = {}
    with (
        Authority.open(cluster.service) as authority,
        authority._lend() as delegated,
        authority.tenant(acme) as store,
    ):
        store.users.list(tenant_id=acme)
        for _ in range(CALLS):
            for name, connection, query in [
                ("delegated", delegated, find),
                ("planned by the coordinator", store.connection, view),
                ("the token's row alone", store.connection, row),
            ]:
                began = perf_counter()
                assert connection.execute(query, (acme, token.hash)).fetchone()
                times.setdefault(name, []).append(perf_counter() - began)
    tenths = {name: sorted(found)[CALLS // 10] for name, found in times.items()}
    figures.append(
        "a verification, the fastest tenth of calls: "
        + ", ".join(f"{name} {tenth * 1e6:.0f} µs" for name, tenth in tenths.items())
    )
    assert tenths["delegated"] * 2 < tenths["planned by the coordinator"]
