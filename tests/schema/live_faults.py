"""Migrations that a live system does not bear, each with the rule that refuses it."""

from dataclasses import dataclass
from typing import Final

HEAD: Final = """\
-- A planted migration.
--
-- Locks: see below.

set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;

"""
ALONE: Final = "-- transactional: false\n-- A planted migration.\n\n"


@dataclass(frozen=True)
class Plant:
    """A migration's statements, what our rules find, and squawk's rule if it has one.

    `fault` is the beginning of the message; None for a migration that is right.
    `before` is what earlier migrations did.
    """

    name: str
    sql: str
    fault: str | None = None
    squawk: str | None = None
    before: str = ""
    head: str = HEAD


_NICKNAME: Final = 'alter table authority.users add column nickname text collate "C"'
_CHECK: Final = "add constraint users_x_check check (email <> 'x')"
_FK: Final = (
    "alter table authority.tokens add constraint tokens_x_fk "
    "foreign key (tenant_id) references authority.tenants (id)"
)

_NULLABLE: Final = "alter table authority.users alter column display_name drop not null"
_NOT_NULL: Final = "alter table authority.users alter column display_name set not null;"

_EACH: Final = (
    "do $$ declare one uuid; begin for one in select id from authority.tenants loop "
    "perform set_config('authority.tenant_id', one::text, true); "
)
_UPDATE: Final = "update authority.users set display_name = 'x';"

PLANTS: Final = [
    Plant("a new column", f"{_NICKNAME};"),
    Plant("a new column with a constant default", f"{_NICKNAME} default 'x' not null;"),
    Plant(
        "a volatile default",
        "alter table authority.users "
        "add column seen timestamptz default clock_timestamp();",
        "rewrite: users ",
        "adding-field-with-default",
    ),
    Plant(
        "a stored generated column",
        f"{_NICKNAME} generated always as (username || 'x') stored;",
        "rewrite: users ",
        "adding-field-with-default",
    ),
    Plant(
        "a changed type",
        "alter table authority.users alter column row_version type numeric;",
        "rewrite: users ",
        "changing-column-type",
    ),
    Plant(
        "a changed type in a DO block",
        "do $$ begin alter table authority.users alter column row_version "
        "type numeric; end $$;",
        "rewrite: users ",
    ),
    Plant(
        "a table that is emptied",
        "truncate authority.used_jtis;",
        "rewrite: used_jtis",
    ),
    Plant(
        "NOT NULL without a check",
        _NOT_NULL,
        r"scan: authority.users is read whole to verify it .*\(ACCESS EXCLUSIVE\)",
        "adding-not-nullable-field",
        before=_NULLABLE,
    ),
    Plant(
        "NOT NULL with a validated check",
        _NOT_NULL,
        before=f"{_NULLABLE}; alter table authority.users add check "
        "(display_name is not null)",
    ),
    Plant(
        "NOT NULL with a check that is not valid",
        _NOT_NULL,
        "scan: authority.users ",
        "adding-not-nullable-field",
        before=f"{_NULLABLE}; alter table authority.users add check "
        "(display_name is not null) not valid",
    ),
    Plant(
        "a check that an earlier migration added",
        "alter table authority.users validate constraint users_x_check;",
        before=f"alter table authority.users {_CHECK} not valid",
    ),
    Plant(
        "a check without NOT VALID",
        f"alter table authority.users {_CHECK};",
        "scan: authority.users is read whole to verify it",
        "constraint-missing-not-valid",
    ),
    Plant(
        "a check that is validated at once",
        f"alter table authority.users {_CHECK} not valid;\n"
        "alter table authority.users validate constraint users_x_check;",
        "scan: authority.users is read whole to verify it",
        "constraint-missing-not-valid",
    ),
    Plant(
        "a check without NOT VALID in a procedure",
        "create procedure authority.x() language plpgsql as $$ begin execute "
        "'alter table authority.clients add constraint x "
        "check (client_id <> $x$y$x$)'; end $$;\ncall authority.x();",
        "scan: authority.clients is read whole to verify it",
    ),
    Plant(
        "a check that is not valid", f"alter table authority.users {_CHECK} not valid;"
    ),
    Plant(
        "a foreign key without NOT VALID",
        f"{_FK};",
        r"scan: authority.tokens is read whole to validate tokens_x_fk while others "
        r"wait \(SHARE ROW EXCLUSIVE\)",
        "adding-foreign-key-constraint",
    ),
    Plant("a foreign key that is not valid", f"{_FK} not valid;"),
    Plant(
        "a foreign key that the owner validates",
        "alter table authority.tokens validate constraint tokens_x_fk;",
        "hidden proof: tokens_x_fk is validated by the owner",
        before=f"{_FK} not valid;",
    ),
    Plant(
        "an index",
        "create index users_x_idx on authority.users (tenant_id, display_name);",
        r"scan: authority.users is read whole to build users_x_idx .*\(SHARE\)",
        "require-concurrent-index-creation",
    ),
    Plant(
        "a unique constraint",
        "alter table authority.users add constraint users_x_key "
        "unique (tenant_id, row_version, id);",
        "scan: authority.users is read whole to build users_x_key",
        "disallowed-unique-constraint",
    ),
    Plant(
        "an index, concurrently",
        "drop index concurrently if exists authority.users_x_idx;\n"
        "create index concurrently users_x_idx "
        "on authority.users (tenant_id, display_name);",
        head=ALONE,
    ),
    Plant(
        "an index outside of a transaction",
        "create index users_x_idx on authority.users (tenant_id, display_name);",
        "scan: authority.users is read whole to build users_x_idx",
        "require-concurrent-index-creation",
        head=ALONE,
    ),
    Plant(
        "two tables",
        f"{_NICKNAME};\nalter table authority.clients add column nickname text;",
        "two locks: authority.clients, authority.users are locked together",
    ),
    Plant(
        "a long wait",
        f"set local lock_timeout = '5s';\n{_NICKNAME};",
        "timeout: lock_timeout is 5000 ms",
    ),
    Plant(
        "no limit of a wait",
        f"set local lock_timeout = 0;\n{_NICKNAME};",
        "timeout: lock_timeout is 0 ms",
    ),
    Plant(
        "an update that row-level security hides",
        _UPDATE,
        "hidden rows: authority.users was written to and no row has changed",
    ),
    Plant(
        "a delete that row-level security hides",
        "delete from authority.tokens where type = 'code';",
        "hidden rows: authority.tokens was written to and no row has changed",
    ),
    Plant(
        "an insert that row-level security hides",
        "insert into authority.scopes (tenant_id, name, display_name, description) "
        "select tenant_id, 'x', 'x', 'x' from authority.users;",
        "hidden rows: authority.scopes was written to and no row has changed",
    ),
    Plant(
        "a hidden update in a DO block",
        f"do $$ begin {_UPDATE} end $$;",
        "hidden rows: authority.users was written to and no row has changed",
    ),
    Plant(
        "an update of all tenants in one transaction",
        f"{_EACH}{_UPDATE} end loop; end $$;",
        r"rows: \d+ rows of authority.users are changed: use `authority backfill`",
    ),
    Plant(
        "new system rows, tenant by tenant",
        _EACH + "insert into authority.roles (tenant_id, name, description, is_system) "
        "values (one, 'doorman', 'Opens.', true); end loop; end $$;",
    ),
    Plant(
        "a new table with a foreign key",
        "create table authority.notes (tenant_id uuid not null, "
        "constraint notes_pk primary key (tenant_id));\n"
        "call authority.isolate_tenants('authority.notes');\n"
        "alter table authority.notes add constraint notes_tenant_id_fk "
        "foreign key (tenant_id) references authority.tenants (id);",
    ),
    Plant(
        "a replaced function",
        "create or replace function authority.schema_version() returns text "
        "language sql immutable parallel safe return '9999_x'::text;",
    ),
]
