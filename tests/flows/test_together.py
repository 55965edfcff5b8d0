"""Several reads of a unit of work in one trip."""

import asyncio
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest

from authority_queries import AsyncAuthority, Authority
from authority_queries.errors import (
    CrossTenantError,
    DuplicateError,
    InvalidArgumentError,
    TenantInactiveError,
)
from tests.factories import make_tenant, make_user
from tests.isolation.services import MODES, settings_for
from tests.isolation.trips import Trips, counted_trips
from tests.stores import Logins, routed_store

pytestmark = pytest.mark.one_version

ROUNDS = 8


@pytest.fixture
def acme(logins: Logins) -> UUID:
    with routed_store(logins) as store:
        tenant_id = make_tenant(store, code="acme").id
        make_user(store, tenant_id, username="ann")
        return tenant_id


@pytest.fixture
def trips(logins: Logins) -> Iterator[Trips]:
    with counted_trips(logins.app) as trips:
        yield trips


def results(user: Any, page: Any, roles: Any) -> tuple[str | None, int, bool]:
    return user and user.username, len(page.items), bool(roles)


@MODES
def test_four_reads_are_one_trip(
    trips: Trips, acme: UUID, mode: dict[str, Any]
) -> None:
    seen = []
    with Authority.open(settings_for(trips.conninfo)) as authority:
        for _ in range(ROUNDS):
            with authority.tenant(acme, **mode) as store:
                trips.forget()
                user, page, roles, token = store.together(
                    lambda: store.users.get_by_username(tenant_id=acme, username="ann"),
                    lambda: store.users.list(tenant_id=acme),
                    lambda: store.roles.list(tenant_id=acme),
                    lambda: store.tokens.verify(tenant_id=acme, token_hash=bytes(32)),
                )
                counted = trips.count
                assert results(user, page, roles) == ("ann", 1, True)
                assert token is None
                trips.forget()
                again = store.together(
                    lambda: store.users.list(tenant_id=acme),
                    lambda: store.roles.list(tenant_id=acme),
                )
                seen.append((counted, trips.count))
                assert again == (page, roles)
    assert seen == [(1, 1)] * ROUNDS


@MODES
def test_four_awaited_reads_are_one_trip(
    trips: Trips, acme: UUID, mode: dict[str, Any]
) -> None:
    async def read() -> list[int]:
        seen = []
        async with AsyncAuthority.open(settings_for(trips.conninfo)) as authority:
            for _ in range(ROUNDS):
                async with authority.tenant(acme, **mode) as store:
                    trips.forget()
                    user, page, roles = await store.together(
                        lambda: store.users.get_by_username(
                            tenant_id=acme, username="ann"
                        ),
                        lambda: store.users.list(tenant_id=acme),
                        lambda: store.roles.list(tenant_id=acme),
                    )
                    seen.append(trips.count)
                    assert results(user, page, roles) == ("ann", 1, True)
        return seen

    assert asyncio.run(read()) == [1] * ROUNDS


@MODES
def test_an_error_is_that_of_its_statement(
    logins: Logins, acme: UUID, mode: dict[str, Any]
) -> None:
    with Authority.open(settings_for(logins.app)) as authority:

        def with_duplicate() -> None:
            with authority.tenant(acme, **mode) as store:
                store.together(
                    lambda: store.users.list(tenant_id=acme),
                    lambda: store.users.create(tenant_id=acme, username="ANN"),
                    lambda: store.users.list(tenant_id=acme),
                )

        with pytest.raises(DuplicateError, match=r"^users\.create: .*username_key"):
            with_duplicate()
        with authority.tenant(acme, **mode) as store:
            assert len(store.users.list(tenant_id=acme).items) == 1


@MODES
def test_a_tenant_that_is_not_active_is_an_error_of_the_first_statement(
    logins: Logins, mode: dict[str, Any]
) -> None:
    unknown = uuid4()
    with (
        Authority.open(settings_for(logins.app)) as authority,
        pytest.raises(TenantInactiveError, match=r"^users\.list_after"),
        authority.tenant(unknown, **mode) as store,
    ):
        store.together(
            lambda: store.users.list(tenant_id=unknown),
            lambda: store.roles.list(tenant_id=unknown),
        )


@MODES
def test_a_refused_argument_leaves_the_unit_usable(
    logins: Logins, acme: UUID, mode: dict[str, Any]
) -> None:
    with (
        Authority.open(settings_for(logins.app)) as authority,
        authority.tenant(acme, **mode) as store,
    ):
        with pytest.raises(InvalidArgumentError, match="page_size"):
            store.together(
                lambda: store.users.list(tenant_id=acme),
                lambda: store.users.list(tenant_id=acme, page_size=0),
            )
        with pytest.raises(CrossTenantError):
            store.together(
                lambda: store.users.list(tenant_id=acme),
                lambda: store.roles.list(tenant_id=uuid4()),
            )
        with pytest.raises(InvalidArgumentError, match="another together"):
            store.together(lambda: store.together(lambda: 1, lambda: 2), lambda: 3)
        with pytest.raises(InvalidArgumentError, match="calls must be functions"):
            store.together(store.users.list(tenant_id=acme))  # type: ignore[call-overload]
        assert store.together(lambda: 1, lambda: 2) == (1, 2)
        assert store.together() == ()
        assert len(store.users.list(tenant_id=acme).items) == 1


def test_calls_are_together_only_in_a_unit(logins: Logins, acme: UUID) -> None:
    with routed_store(logins) as store, pytest.raises(InvalidArgumentError):
        store._app.together(lambda: 1, lambda: 2)  # type: ignore[attr-defined]


@MODES
def test_a_write_is_executed_once_and_a_second_statement_takes_its_own_trip(
    trips: Trips, acme: UUID, mode: dict[str, Any]
) -> None:
    with Authority.open(settings_for(trips.conninfo)) as authority:
        with authority.tenant(acme, **mode) as store:

            def two() -> tuple[int, int]:
                one = len(store.users.list(tenant_id=acme).items)
                return one, len(store.roles.list(tenant_id=acme).items)

            trips.forget()
            created, (users, roles) = store.together(
                lambda: store.users.create(tenant_id=acme, username="bob"), two
            )
            assert trips.count == 2
            assert (created.username, users, roles > 0) == ("bob", 2, True)
        with authority.tenant(acme) as store:
            assert len(store.users.list(tenant_id=acme).items) == 2
