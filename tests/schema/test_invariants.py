"""Rules of the whole catalogue. Each file gives the offenders; there must be none."""

from pathlib import Path
from typing import Any

import psycopg
import pytest

INVARIANTS = sorted((Path(__file__).parent / "invariants").glob("*.sql"))

# What breaks each rule, so that no check is one that cannot fail.
BREAKAGES = {
    "everything_is_commented": "comment on column authority.users.email is null",
    "foreign_keys_are_indexed": "drop index authority.role_permissions_permission_idx",
    "foreign_keys_carry_the_tenant": """
        alter table authority.roles add constraint roles_id_key unique (id);
        alter table authority.user_roles add constraint user_roles_role_id_fk
        foreign key (role_id) references authority.roles (id)
    """,
    "functions_pin_their_search_path": """
        alter function authority.normalize_username(text) reset search_path
    """,
    "keys_begin_with_the_tenant": """
        alter table authority.users add constraint users_email_key unique (email)
    """,
    "names_follow_the_rule": """
        alter index authority.tokens_expires_at_idx rename to tokens_prune
    """,
    "no_index_is_redundant": """
        create index tokens_tenant_id_idx on authority.tokens (tenant_id)
    """,
    "rows_say_when_they_were_made": """
        alter table authority.scopes drop column created_at
    """,
    "types_are_of_the_house": "alter table authority.scopes add column note varchar(9)",
}


def offenders(dba: "psycopg.Connection[Any]", invariant: Path) -> list[str]:
    return [name for (name,) in dba.execute(invariant.read_bytes()).fetchall()]


@pytest.mark.parametrize("invariant", INVARIANTS, ids=lambda path: path.stem)
def test_the_catalogue_keeps(invariant: Path, dba: "psycopg.Connection[Any]") -> None:
    assert offenders(dba, invariant) == []


@pytest.mark.parametrize("invariant", INVARIANTS, ids=lambda path: path.stem)
def test_a_breach_is_seen_of(invariant: Path, dba: "psycopg.Connection[Any]") -> None:
    dba.execute(BREAKAGES[invariant.stem].encode())
    assert len(offenders(dba, invariant)) == 1
