"""authority-queries as a service uses it: a pool and calls of the store."""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from itertools import cycle
from typing import Any, Final
from uuid import UUID, uuid4

import psycopg

from authority_queries import (
    Authority,
    Maintenance,
    Settings,
    mint_token,
    parse_token,
)
from authority_queries.repositories.values import NewToken
from authority_queries.resources import MIGRATIONS
from authority_queries.secrets.token_strings import TokenKind
from authority_queries.service.migrations import migrate_plainly, yoyo_url
from benchmarks.compared.workload import (
    PERMISSIONS,
    PICKED,
    ROLES,
    SCOPES,
    Runs,
    check,
    each,
)
from benchmarks.growth_rows import load_first

_HOUR: Final = timedelta(hours=1)
_MONTH: Final = timedelta(days=30)
# Token, tenant, client_id; the username of its tenant.
Given = dict[str, list[tuple[str, UUID, str]]]

_PICK: Final = """
select tokens.tenant_id, tokens.id, clients.client_id, users.username_key
from authority.tokens
inner join authority.clients
    on tokens.tenant_id = clients.tenant_id and tokens.client_uuid = clients.id
inner join authority.users
    on tokens.tenant_id = users.tenant_id and tokens.user_id = users.id
where tokens.type = %s and tokens.redeemed_at is null
order by tokens.id
limit %s
"""
_SET_HASH: Final = """
update authority.tokens set token_hash = %s where tenant_id = %s and id = %s
"""
_ROLES: Final = """
with made as (
    insert into authority.roles (tenant_id, name)
    select tenants.id, names.name
    from authority.tenants, (values ('first'), ('second')) as names (name)
    returning tenant_id, id, name
),

allowed as (
    insert into authority.role_permissions (tenant_id, role_id, permission)
    select made.tenant_id, made.id, named.permission
    from made, unnest(%s::text[]) with ordinality as named (permission, number)
    where (named.number %% 2 = 0) = (made.name = 'second')
)

insert into authority.user_roles (tenant_id, user_id, role_id)
select users.tenant_id, users.id, made.id
from authority.users inner join made on users.tenant_id = made.tenant_id
"""
_EXPIRED: Final = """
insert into authority.tokens (
    tenant_id, type, token_hash, client_uuid, expires_at, created_at, authenticated_at
)
select
    tenant_id, 'access', sha256(uuid_send(gen_random_uuid())), id,
    now() - interval '2 days', now() - interval '3 days', now() - interval '3 days'
from
    authority.clients,
    generate_series(1, %s / (select count(*) from authority.clients))
"""


def prepare(database: str, tokens: int) -> Given:
    """Create the tables and the rows."""
    migrate_plainly(database, [MIGRATIONS])
    with psycopg.connect(database, autocommit=True) as dba:
        load_first(dba, tokens)
        dba.execute(_ROLES, [list(PERMISSIONS)])
        access = dba.execute(_PICK, ["access", PICKED]).fetchall()
        refresh = dba.execute(_PICK, ["refresh", PICKED]).fetchall()
        given = {
            "access": _with_strings(dba, access, "access"),
            "refresh": _with_strings(dba, refresh, "refresh"),
            "users": [(name, tenant_id, "") for tenant_id, _, _, name in access],
        }
        dba.execute("vacuum analyze")
    return given


def _with_strings(
    dba: psycopg.Connection, rows: list[tuple[Any, ...]], kind: TokenKind
) -> list[tuple[str, UUID, str]]:
    given = []
    for tenant_id, token_id, client_id, _ in rows:
        minted = mint_token(kind, tenant_id)
        dba.execute(_SET_HASH, [minted.hash, tenant_id, token_id])
        given.append((minted.token, tenant_id, client_id))
    return given


@contextmanager
def connected(database: str, given: Given) -> Iterator[Runs]:
    """Connect, and yield the measured calls."""
    settings = Settings(database_url=yoyo_url(database), pool_max_size=2)
    with (
        Authority.open(settings) as authority,
        authority.verifier(max_age=_HOUR) as verifier,
        Maintenance.open(settings) as maintenance,
        psycopg.connect(database, autocommit=True) as dba,
    ):
        yield {
            "verify": each(_verify(authority.verify_token, given)),
            "hit": each(_verify(verifier.verify_token, given)),
            "issue": each(_issue(authority, given)),
            "rotate": each(_rotate(authority, given)),
            "sign in": each(_sign_in(authority, given)),
            "expire": lambda count: dba.execute(_EXPIRED, [count]),
            "prune": lambda count: _prune(maintenance, count),
        }


def _verify(
    verify_token: Callable[[str], object], given: Given
) -> Callable[[], object]:
    tokens = cycle(given["access"])
    return lambda: check(verify_token(next(tokens)[0]))


def _issue(authority: Authority, given: Given) -> Callable[[], object]:
    clients = cycle(given["access"])

    def issue() -> None:
        _, tenant_id, client_id = next(clients)
        minted = mint_token("access", tenant_id)
        with authority.tenant(tenant_id, autocommit=True) as store:
            issuance = store.grants.issue_to_client(
                tenant_id=tenant_id,
                token_hash=minted.hash,
                client_id=client_id,
                scopes=SCOPES,
                lifetime=_HOUR,
            )
        check(issuance.outcome == "issued")

    return issue


def _rotate(authority: Authority, given: Given) -> Callable[[], object]:
    tokens = deque(given["refresh"])

    def rotate() -> None:
        token, tenant_id, client_id = tokens.popleft()
        presented = parse_token(token, kind="refresh")
        access = mint_token("access", tenant_id)
        refresh = mint_token("refresh", tenant_id)
        with authority.tenant(tenant_id, autocommit=True) as store:
            redemption = store.redemptions.refresh(
                tenant_id=tenant_id,
                token_hash=presented.hash,
                client_id=client_id,
                redemption_id=uuid4(),
                access_token=NewToken(hash=access.hash, lifetime=_HOUR),
                refresh_token=NewToken(hash=refresh.hash, lifetime=_MONTH),
            )
        check(redemption.outcome == "redeemed")
        tokens.append((refresh.token, tenant_id, client_id))

    return rotate


def _sign_in(authority: Authority, given: Given) -> Callable[[], object]:
    users = cycle(given["users"])

    def sign_in() -> None:
        username, tenant_id, _ = next(users)
        with authority.tenant(tenant_id, autocommit=True) as store:
            user = store.users.get_by_username(tenant_id=tenant_id, username=username)
            if user is None:
                break_off = "the user is not found: nothing to compare"
                raise RuntimeError(break_off)
            roles, permissions = store.together(
                partial(
                    store.user_roles.list_by_user,
                    tenant_id=tenant_id,
                    user_id=user.id,
                ),
                partial(
                    store.roles.list_user_permissions,
                    tenant_id=tenant_id,
                    user_id=user.id,
                ),
            )
        check(len(roles) == ROLES and len(permissions.items) == len(PERMISSIONS))

    return sign_in


def _prune(maintenance: Maintenance, count: int) -> None:
    report = maintenance.prune(only=["tokens"])
    check(report.rows >= count)
