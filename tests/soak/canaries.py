"""Rules that are broken on purpose: the ledger must find each of them."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from threading import Event, Thread
from time import monotonic, sleep
from typing import TypeAlias

from authority_queries import Authority
from tests.soak.ending_work import revoke
from tests.soak.server_and_proxy import Stage
from tests.soak.token_lives import Life
from tests.soak.token_work import verify_one
from tests.soak.workers import Crew

Canary: TypeAlias = Callable[[ExitStack, Stage, Crew, Authority], None]

SOME = 4
_REVIVE = """
with revived as (
    update authority.tokens
    set revoked_at = null, revocation_reason = null
    where token_hash = %s
    returning authorization_id
)
update authority.authorizations
set revoked_at = null, revocation_reason = null
from revived
where authorizations.id = revived.authorization_id
"""
_FORGET = "delete from authority.tokens where token_hash = %s"
_END_LINES = """
select pg_terminate_backend(pid) from pg_stat_activity
where datname = current_database() and application_name = 'authority'
"""
_LOSE_USES = "update authority.license_usage_totals set used = used / 2"


def _spoil(
    stage: Stage,
    crew: Crew,
    authority: Authority,
    fits: Callable[[Life, float], bool],
    statement: str,
) -> None:
    """Change some fitting tokens, and check each: work may end one meanwhile."""
    with stage.dba() as dba:
        for life in _some(crew, authority, fits):
            dba.execute(statement.encode(), (life.minted.hash,))
            crew.do(authority, partial(verify_one, life=life))


def _some(
    crew: Crew, authority: Authority, fits: Callable[[Life, float], bool]
) -> list[Life]:
    while True:
        now = monotonic()
        kinds = ("access", "refresh")
        lives = [life for life in crew.lives.all() if life.kind in kinds]
        fitting = [life for life in lives if fits(life, now)]
        if len(fitting) >= SOME:
            return fitting[:SOME]
        crew.do(authority, revoke)


def _is_alive(life: Life, now: float) -> bool:
    return life.kind == "access" and life.must_live(now, now + 60)


def _is_ended(life: Life, now: float) -> bool:
    """Return whether it was revoked, and would be alive otherwise."""
    lasts = life.issued.began + life.lifetime > now + 60
    return lasts and len(life.ends()) == 1 and life.why_dead(now) == "revoked"


def revive(_: ExitStack, stage: Stage, crew: Crew, authority: Authority) -> None:
    """A superuser revives dead tokens."""
    _spoil(stage, crew, authority, _is_ended, _REVIVE)


def forget(_: ExitStack, stage: Stage, crew: Crew, authority: Authority) -> None:
    """A superuser deletes live tokens, as wrong pruning would."""
    _spoil(stage, crew, authority, _is_alive, _FORGET)


def swap(stack: ExitStack, stage: Stage, _: Crew, __: Authority) -> None:
    """The proxy swaps the rows of connections that are made from now on."""
    stage.proxy.turn_to("swap")
    stack.callback(stage.proxy.turn_to, "pass")
    with stage.dba() as dba:
        dba.execute(_END_LINES)


def leak(stack: ExitStack, _: Stage, crew: Crew, authority: Authority) -> None:
    """A caller keeps a connection of the pool."""
    over, tenant_id = Event(), crew.home.tenant_id

    def keep() -> None:
        with authority.tenant(tenant_id, autocommit=True) as store:
            store.users.list(tenant_id=tenant_id)
            over.wait()

    thread = Thread(target=keep, daemon=True)
    thread.start()
    stack.callback(thread.join)
    stack.callback(over.set)


def miscount(_: ExitStack, stage: Stage, __: Crew, ___: Authority) -> None:
    """Half of all uses of licences are lost."""
    with stage.dba() as dba:
        while not dba.execute(_LOSE_USES).rowcount:
            sleep(0.02)


# In this order: after the last one no answer can be trusted.
CANARIES: Mapping[str, Canary] = {
    "leak": leak,
    "revive": revive,
    "forget": forget,
    "miscount": miscount,
    "swap": swap,
}
# The ledger's name of each violation.
SEEN: Mapping[str, str] = {
    "leak": "connections are lost",
    "revive": "a dead token verifies",
    "forget": "a live token is refused",
    "miscount": "usage is not what was reported",
    "swap": "another token's row",
}
