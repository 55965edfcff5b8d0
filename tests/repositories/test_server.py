from typing import Any

import psycopg

from authority_queries import Store


def test_the_server_tells_its_version_role_and_clock(
    store: Store, dba: "psycopg.Connection[Any]"
) -> None:
    found = store.server.describe()
    assert found.version_number == dba.info.server_version
    assert found.version.startswith(str(found.version_number // 10000))
    assert found.encoding == "UTF8"
    assert (found.database_name, found.role_name) == (dba.info.dbname, dba.info.user)
    assert found.is_superuser
    assert found.folds_case
    assert found.may_create_roles
    assert found.may_create_schemas
    assert found.has_migration_log
    assert found.clock < store.server.describe().clock
