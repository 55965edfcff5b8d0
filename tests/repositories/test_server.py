from typing import Any

import psycopg

from authority_queries import Store
from authority_queries.migrations import every


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
    assert found.may_migrate
    assert found.has_migration_log
    applied = store.server.list_applied_migrations()
    assert [row.migration_id for row in applied] == every()
    assert found.clock < store.server.describe().clock
