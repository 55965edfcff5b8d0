from typing import Any

import psycopg

from authority_queries import Store
from tests.stores import Logins


def test_the_server_describes_its_version_login_and_clock(
    store: Store, dba: "psycopg.Connection[Any]"
) -> None:
    found = store.server.describe()
    assert found.version_number == dba.info.server_version
    assert found.version.startswith(str(found.version_number // 10000))
    assert found.encoding == "UTF8"
    assert found.database_name == dba.info.dbname
    assert found.role_name.startswith("authority_test_maintenance_")
    assert not found.is_superuser
    assert not found.may_create_roles
    assert not found.may_migrate
    assert found.clock < store.server.describe().clock


def test_the_server_describes_roles_and_row_level_security(
    store: Store, logins: Logins
) -> None:
    operator = store.server.describe()
    assert operator.missing_roles == []
    assert operator.unprotected_tables == []
    assert operator.may_act_as == ["authority_maintenance"]
    assert operator.held_roles == ["authority_app"]
    with psycopg.connect(logins.app, autocommit=True) as connection:
        service = Store(connection).server.describe()
    assert service.may_act_as == ["authority_app"]
    assert service.held_roles == ["authority_app", service.role_name]
    assert not service.is_superuser


def test_a_superuser_is_recognised(dba: "psycopg.Connection[Any]") -> None:
    found = Store(dba).server.describe()
    assert found.is_superuser
    assert found.may_migrate
    assert found.held_roles == ["authority_app"]
