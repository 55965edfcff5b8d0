"""Ways to damage imported rows, and what a comparison must find of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import bcrypt
import psycopg

from authority_queries.importing.entries import (
    AuthorizationEntry,
    ConsentEntry,
    RoleEntry,
    UserRoleEntry,
)
from tests.importing.memory import (
    EVERY_KIND,
    LATER,
    PASSWORD_HASH,
    SECRET_HASH,
    THEN,
    MemorySource,
    client,
    digest,
    documents,
    tenant,
    token,
    user,
)

# What, kind, field, tenant, and the document or the key here.
Found = tuple[str, str, str | None, str, str]

BCRYPT_HASH: Final = bcrypt.hashpw(b"swordfish", bcrypt.gensalt(4)).decode()
OTHER_FAMILY: Final = UUID(int=81)
READER: Final = next(
    f"all doc-{number}"
    for number, each in enumerate(EVERY_KIND, 1)
    if isinstance(each, RoleEntry) and each.name == "reader"
)
SECRETS: Final = (
    PASSWORD_HASH,
    SECRET_HASH,
    BCRYPT_HASH,
    *(digest(text).hex() for text in ("a", "r", "m", "key", "one", "t-0", "t-3")),
)


def house() -> MemorySource:
    """Two tenants with more rows than a source with one of each kind."""
    names = ("bob", "cy", "dee", "eve", "flo", "gus", "hal")
    people = [
        user(
            name,
            username="Flö" if name == "flo" else name,
            email=f"{name}@example.com",
            password_hash=PASSWORD_HASH,
            attributes={"admin": True, "level": {"of": [1, 2]}},
        )
        for name in names
    ]
    roles = [UserRoleEntry(user=name, role="reader") for name in names]
    family = AuthorizationEntry(
        id=OTHER_FAMILY, client="web", user="bob", created_at=THEN, expires_at=LATER
    )
    tokens = [
        token(
            f"t-{number}",
            user="bob",
            authorization=OTHER_FAMILY,
            scopes=("openid", "orders"),
            revoked_at=THEN + timedelta(hours=2),
            revocation_reason="lost",
        )
        for number in range(8)
    ]
    tokens.append(token("cy's", user="cy"))
    return MemorySource(
        {
            "all": documents(*([each] for each in EVERY_KIND)),
            "users": documents(*([each] for each in people), name="user"),
            "more users": documents([user("ida", password_hash=BCRYPT_HASH)]),
            "roles": documents(*([each] for each in roles), name="assigned"),
            "families": documents(
                [family],
                [ConsentEntry(id=UUID(int=82), user="cy", client="web", scopes=())],
                [
                    client(
                        "spa", redirect_uris=("https://a.example/", "https://b.test/")
                    )
                ],
                name="family",
            ),
            "tokens": documents(*([each] for each in tokens), name="token"),
            "others": documents(
                [tenant("other")], [user("zoe")], tenant="other", name="other"
            ),
        }
    )


@dataclass(frozen=True, kw_only=True)
class Damage:
    """A statement of a careless person, and the only difference that it makes."""

    name: str
    sql: str
    values: Sequence[object] = ()
    found: Sequence[Found]


def differs(kind: str, field: str, document: str) -> list[Found]:
    return [("differs", kind, field, "acme", document)]


DAMAGES: Final = (
    Damage(
        name="a row is missing",
        sql="delete from authority.users where subject_id = 'dee'",
        found=[
            ("missing here", "user", None, "acme", "users user-3"),
            # The assignment of the role was left behind.
            ("missing here", "user_role", None, "acme", "roles assigned-3"),
            ("only here", "user_role", None, "acme", "nothing, reader"),
        ],
    ),
    Damage(
        name="a row too many",
        sql="insert into authority.role_permissions (tenant_id, role_id, permission) "
        "select tenant_id, id, 'tenants:read' from authority.roles "
        "where name = 'reader'",
        found=[
            ("only here", "role_permission", None, "acme", "reader, tenants:read"),
        ],
    ),
    Damage(
        name="a field is changed",
        sql="update authority.clients set redirect_uris = "
        "array_replace(redirect_uris, 'https://b.test/', 'https://evil.example/') "
        "where client_id = 'spa'",
        found=differs("client", "redirect_uris", "families family-3"),
    ),
    Damage(
        name="a hash is changed",
        sql="update authority.users set password_hash = "
        "'$2b$04$' || repeat('a', 53) where subject_id = 'bob'",
        found=differs("user", "password_hash", "users user-1"),
    ),
    Damage(
        name="an assignment of a role is lost",
        sql="delete from authority.user_roles using authority.users "
        "where users.id = user_roles.user_id and subject_id = 'cy'",
        found=[("missing here", "user_role", None, "acme", "roles assigned-2")],
    ),
    Damage(
        name="a time is off by more than a millisecond",
        sql="update authority.tokens set expires_at = expires_at + interval '2 ms' "
        "where token_hash = %s",
        values=(digest("t-0"),),
        found=differs("token", "expires_at", "tokens token-1"),
    ),
    Damage(
        name="a scope is lost in an array",
        sql="update authority.tokens set scopes = '{openid}' where token_hash = %s",
        values=(digest("t-1"),),
        found=differs("token", "scopes", "tokens token-2"),
    ),
    Damage(
        name="an object is changed",
        sql="update authority.users set attributes = "
        "jsonb_set(attributes, '{admin}', '1') where subject_id = 'eve'",
        found=differs("user", "attributes", "users user-4"),
    ),
    Damage(
        name="the tenant is another",
        sql="update authority.users set tenant_id = "
        "(select id from authority.tenants where code = 'other') "
        "where subject_id = 'hal'",
        found=[
            ("missing here", "user", None, "acme", "users user-7"),
            ("only here", "user", None, "other", "hal"),
            ("missing here", "user_role", None, "acme", "roles assigned-7"),
            ("only here", "user_role", None, "acme", "nothing, reader"),
        ],
    ),
    Damage(
        name="a token is of another family",
        sql="update authority.tokens set authorization_id = "
        "'00000000-0000-0000-0000-000000000047' "
        "where token_hash = %s",
        values=(digest("t-2"),),
        found=differs("token", "authorization", "tokens token-3"),
    ),
    Damage(
        name="a token is no longer revoked",
        sql="update authority.tokens set revoked_at = null, revocation_reason = null "
        "where token_hash = %s",
        values=(digest("t-3"),),
        found=[
            *differs("token", "revoked_at", "tokens token-4"),
            *differs("token", "revocation_reason", "tokens token-4"),
        ],
    ),
    Damage(
        name="the key of a name is another",
        sql="update authority.users set username_key = 'flü' where subject_id = 'flo'",
        found=differs("user", "username_key", "users user-5"),
    ),
    Damage(
        name="a family is of another user",
        sql="update authority.authorizations set user_id = users.id "
        "from authority.users where authorizations.id = %s and subject_id = 'cy'",
        values=(OTHER_FAMILY,),
        found=differs("authorization", "user", "families family-1"),
    ),
    Damage(
        name="a role is one of the system",
        sql="update authority.roles set is_system = true, description = 'all' "
        "where name = 'reader'",
        found=[
            *differs("role", "is_system", READER),
            *differs("role", "description", READER),
        ],
    ),
)


def damage(dba: "psycopg.Connection[Any]", damages: Sequence[Damage]) -> None:
    """Execute the statements past all triggers and foreign keys."""
    with dba.transaction():
        dba.execute("set local session_replication_role = replica")
        for each in damages:
            done = dba.execute(each.sql.encode(), each.values)
            assert done.rowcount == 1, each.name
