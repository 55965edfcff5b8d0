"""Units of work bind every kind of statement, and streams and batches work in them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

from authority_queries.errors import (
    CrossTenantError,
    InvalidArgumentError,
    TenantInactiveError,
)
from tests.factories import make_tenant
from tests.isolation.services import MODES, SyncService, running, settings_for
from tests.stores import Logins, routed_store

pytestmark = pytest.mark.one_version

SQL = """
-- name: create_many(tenant_id, username)*!
insert into authority.users (tenant_id, username, username_key)
values (:tenant_id, :username, :username);

-- name: list_all(tenant_id)
select users.username from authority.users
where users.tenant_id = :tenant_id order by users.username;

-- name: list_of_all_tenants()
select users.username from authority.users;

-- name: reset()#
delete from authority.users;

-- name: load()!
-- @copy
copy authority.scopes (tenant_id, name) from stdin;
"""


@dataclass(frozen=True, slots=True)
class Found:
    username: str


@pytest.fixture(params=["sync", "async"])
def service(request: pytest.FixtureRequest) -> Iterator[SyncService]:
    yield from running(request.param)


@pytest.fixture
def authority(service: SyncService, logins: Logins) -> Iterator[Any]:
    with service.open(settings_for(logins.app)) as authority:
        yield authority


@pytest.fixture
def file(service: SyncService, tmp_path: Path) -> Any:
    path = tmp_path / "queries" / "many.sql"
    path.parent.mkdir()
    path.write_text(SQL)
    return service.load(path)


@pytest.fixture
def tenants(logins: Logins) -> tuple[UUID, UUID]:
    with routed_store(logins) as store:
        return make_tenant(store).id, make_tenant(store).id


def rows(tenant_id: UUID, *names: str) -> list[dict[str, object]]:
    return [{"tenant_id": tenant_id, "username": name} for name in names]


@MODES
def test_a_batch_and_a_stream_may_come_first_in_a_unit(
    authority: Any,
    file: Any,
    tenants: tuple[UUID, UUID],
    mode: dict[str, bool],
) -> None:
    acme, _ = tenants
    create_many, list_all = file.batch("create_many"), file.stream("list_all", Found)
    with authority.tenant(acme, **mode) as store:
        assert create_many(store.connection, rows(acme, "ann", "bob", "cyd")) == 3
    with (
        authority.tenant(acme, **mode) as store,
        list_all(store.connection, 2, tenant_id=acme) as users,
    ):
        assert next(users) == Found("ann")
        user = store.users.get_by_username(tenant_id=acme, username="bob")
        assert user is not None
        assert list(users) == [Found("bob"), Found("cyd")]


@MODES
def test_a_batch_in_the_users_pipeline_works_for_the_tenant(
    authority: Any,
    file: Any,
    tenants: tuple[UUID, UUID],
    mode: dict[str, bool],
) -> None:
    acme, _ = tenants
    create_many = file.batch("create_many")
    with authority.tenant(acme, **mode) as store:
        with store.connection.pipeline():
            store.users.create(tenant_id=acme, username="ann")
            store.connection.execute("select 'not fetched'")
            create_many(store.connection, rows(acme, "bob", "cyd"))
        assert len(store.users.list(tenant_id=acme).items) == 3


@MODES
def test_every_kind_of_call_for_another_tenant_or_none_is_refused(
    authority: Any,
    file: Any,
    tenants: tuple[UUID, UUID],
    mode: dict[str, bool],
    dba: "psycopg.Connection[Any]",
) -> None:
    acme, globex = tenants
    mixed = [*rows(acme, "ann"), *rows(globex, "hank")]
    with authority.tenant(acme, **mode) as store:
        with pytest.raises(
            CrossTenantError, match=r"^many\.create_many: tenant_id must be "
        ):
            file.batch("create_many")(store.connection, mixed)
        with (
            pytest.raises(
                CrossTenantError, match=r"^many\.list_all: tenant_id must be "
            ),
            file.stream("list_all", Found)(store.connection, 2, tenant_id=globex),
        ):
            pass
        with (
            pytest.raises(
                CrossTenantError,
                match=r"^many\.list_of_all_tenants: the query takes",
            ),
            file.stream("list_of_all_tenants", Found)(store.connection, 2),
        ):
            pass
        with pytest.raises(
            CrossTenantError,
            match=r"^many\.list_of_all_tenants: the query takes",
        ):
            file.rows("list_of_all_tenants", Found)(store.connection)
        with pytest.raises(CrossTenantError, match=r"^many\.reset: the query takes"):
            file.script("reset")(store.connection)
        with pytest.raises(CrossTenantError, match=r"^many\.load: the query takes"):
            file.copy("load")(store.connection, [(acme, "x")])
        store.users.create(tenant_id=acme, username="bob")
    written = dba.execute("select username from authority.users").fetchall()
    assert written == [("bob",)]


@MODES
def test_every_kind_of_first_call_for_an_unknown_tenant_is_refused(
    authority: Any,
    file: Any,
    mode: dict[str, bool],
) -> None:
    unknown = UUID(int=7)
    with (
        pytest.raises(TenantInactiveError),
        authority.tenant(unknown, **mode) as store,
    ):
        file.batch("create_many")(store.connection, rows(unknown, "ann"))
    with (
        pytest.raises(TenantInactiveError),
        authority.tenant(unknown, **mode) as store,
        file.stream("list_all", Found)(store.connection, 2, tenant_id=unknown),
    ):
        pass


@MODES
def test_a_stream_that_cannot_be_opened_breaks_nothing(
    authority: Any,
    file: Any,
    tenants: tuple[UUID, UUID],
    mode: dict[str, bool],
) -> None:
    acme, _ = tenants
    with authority.tenant(acme, **mode) as store:
        with (
            pytest.raises(InvalidArgumentError, match="size must be 1 row"),
            file.stream("list_all", Found)(store.connection, 0, tenant_id=acme),
        ):
            pass
        store.users.create(tenant_id=acme, username="ann")
        assert len(store.users.list(tenant_id=acme).items) == 1
