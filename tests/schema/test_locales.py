"""Identity depends neither on a locale nor on a restore under another locale."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from authority_queries import Store, migrate
from authority_queries.errors import DuplicateError

LOCALES = ["locale 'C'", "locale 'C.UTF-8'"]
TURKISH = "locale 'C' locale_provider icu icu_locale 'tr-TR'"
NAMES = {
    "straße": "STRASSE",
    "ΟΔΥΣΣΕΥΣ": "οδυσσευς",
    "İzmir": "i\u0307ZMIR",
    "ISTANBUL": "istanbul",
    "Émile": "émile",
}


@contextmanager
def database(conninfo: str, locale: str) -> Iterator[str]:
    """Yield a migrated database of the locale."""
    name = sql.Identifier(f"locale_{os.getpid()}_{abs(hash(locale))}")
    made = "create database {} template template0 encoding 'UTF8' "
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(sql.SQL(made).format(name) + sql.SQL(locale))
        try:
            of_locale = make_conninfo(conninfo, dbname=name.as_string()[1:-1])
            migrate(of_locale)
            yield of_locale
        finally:
            connection.execute(sql.SQL("drop database {} with (force)").format(name))


@pytest.mark.superuser("the logins of services are another database's")
def test_a_name_stays_unique_under_every_locale_and_after_a_restore(
    blank_conninfo: str,
) -> None:
    with ExitStack() as stack:
        blank = stack.enter_context(psycopg.connect(blank_conninfo))
        query = "select from pg_collation where collname = 'tr-x-icu'"
        icu = blank.execute(query).rowcount
        connections = [
            stack.enter_context(psycopg.connect(conninfo, autocommit=True))
            for locale in [*LOCALES, *([TURKISH] if icu else [])]
            for conninfo in [stack.enter_context(database(blank_conninfo, locale))]
        ]
        dumps = []
        for connection in connections:
            store = Store(connection)
            tenant = store.tenants.create(code="acme", display_name="Acme").id
            for name, same in NAMES.items():
                user = store.users.create(tenant_id=tenant, username=name)
                found = store.users.get_by_username(tenant_id=tenant, username=same)
                assert found == user
                with pytest.raises(DuplicateError):
                    store.users.create(tenant_id=tenant, username=same)
            listed = store.users.list(tenant_id=tenant).items
            keys = [user.username_key for user in listed]
            assert keys == sorted(keys)
            columns = "(tenant_id, username, username_key)"
            with connection.cursor().copy(
                f"copy authority.users {columns} to stdout".encode()
            ) as copy:
                dumps.append((tenant, b"".join(bytes(each) for each in copy)))
        for connection in connections:
            for tenant, dump in dumps:
                connection.execute("delete from authority.users")
                connection.execute(
                    "insert into authority.tenants (id, code, display_name) "
                    "values (%s, %s, 'Restored') on conflict do nothing",
                    [tenant, f"t-{tenant}"],
                )
                copied = f"copy authority.users {columns} from stdin".encode()
                with connection.cursor().copy(copied) as into:
                    into.write(dump)
                store = Store(connection)
                for same in NAMES.values():
                    assert store.users.get_by_username(tenant_id=tenant, username=same)
