"""Rules that are broken on purpose: the ledger must see each of them."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from threading import Event, Thread
from time import monotonic, sleep
from typing import TypeAlias

from authority_queries import Authority
from tests.soak.crew import Crew
from tests.soak.lives import Life
from tests.soak.stage import Stage

Canary: TypeAlias = Callable[[ExitStack, Stage, Crew, Authority], None]

_REVIVE = """
with revived as (
    update authority.tokens
    set
        revoked_at = null,
        revocation_reason = null,
        redeemed_at = null,
        redemption_hash = null
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


def _some(crew: Crew, fits: Callable[[Life, float], bool]) -> Life:
    """Wait for a token that fits."""
    while True:
        now = monotonic()
        for life in crew.lives.all():
            if life.kind in ("access", "refresh") and fits(life, now):
                return life
        sleep(0.02)


def _is_alive(life: Life, now: float) -> bool:
    return life.must_live(now, now + 60)


def _is_ended(life: Life, now: float) -> bool:
    """Whether it was revoked or redeemed, and would live but for that."""
    lasts = life.issued.began + life.lifetime > now + 60
    return lasts and len(life.ends()) == 1 and life.why_dead(now) is not None


def revive(stack: ExitStack, stage: Stage, crew: Crew, _: Authority) -> None:
    """A superuser makes a dead token live again."""
    _beside(stack, lambda: _execute(stage, _REVIVE, _some(crew, _is_ended)))


def forget(stack: ExitStack, stage: Stage, crew: Crew, _: Authority) -> None:
    """A superuser deletes a live token, as wrong pruning would."""
    _beside(stack, lambda: _execute(stage, _FORGET, _some(crew, _is_alive)))


def swap(stack: ExitStack, stage: Stage, _: Crew, __: Authority) -> None:
    """The proxy gives connections that are made from now on each other's rows."""
    stage.proxy.turn_to("swap")
    stack.callback(stage.proxy.turn_to, "pass")
    with stage.dba() as dba:
        dba.execute(_END_LINES)


def leak(stack: ExitStack, _: Stage, crew: Crew, authority: Authority) -> None:
    """Somebody keeps a connection of the pool."""
    over, tenant_id = Event(), crew.home.tenant_id

    def keep() -> None:
        with authority.tenant(tenant_id, autocommit=True) as store:
            store.users.list(tenant_id=tenant_id)
            over.wait()

    _beside(stack, keep)
    stack.callback(over.set)


def miscount(stack: ExitStack, stage: Stage, _: Crew, __: Authority) -> None:
    """Half of all uses of licences are lost."""

    def lose() -> None:
        with stage.dba() as dba:
            while not dba.execute(_LOSE_USES).rowcount:
                sleep(0.05)

    _beside(stack, lose)


def _execute(stage: Stage, statement: str, life: Life) -> None:
    with stage.dba() as dba:
        dba.execute(statement.encode(), (life.minted.hash,))


def _beside(stack: ExitStack, run: Callable[[], object]) -> None:
    thread = Thread(target=run, daemon=True)
    thread.start()
    stack.callback(thread.join, 10)


CANARIES: Mapping[str, Canary] = {
    "revive": revive,
    "forget": forget,
    "swap": swap,
    "leak": leak,
    "miscount": miscount,
}
# What the ledger calls each.
SEEN: Mapping[str, str] = {
    "revive": "a dead token verifies",
    "forget": "a live token is refused",
    "swap": "another token's row",
    "leak": "connections are lost",
    "miscount": "usage is not what was reported",
}
