"""Pruners beside services that refresh families in the last moment of their lives."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import AbstractContextManager
from datetime import timedelta
from threading import Event
from typing import Any
from uuid import UUID, uuid4

import psycopg

from authority_queries import Store, mint_token
from authority_queries.records import Client, Redemption, User
from authority_queries.testing import Clock
from tests.factories import make_authorization, make_token, make_user
from tests.flows.token_families import CALLBACK, Dba, make_app, redeem_code, refresh
from tests.stores import Logins

PRUNERS, EXTENDERS, FAMILIES = 8, 4, 40
NOW = timedelta(0)
DEADLOCK = "deadlock"


class Brink:
    """A lifetime that ends about when the token is used: half of the uses are late.

    The lifetime is adjusted: shorter after a use in time, longer after a late one.
    """

    def __init__(self) -> None:
        self.lifetime = timedelta(milliseconds=20)

    def was(self, outcome: str | None) -> None:
        self.lifetime *= 0.8 if outcome == "redeemed" else 1.25


class Extender:
    """A service that begins families, and uses their only token at the last moment."""

    def __init__(self, client: Client, user: User) -> None:
        self._client = client
        self._user = user
        self._brinks = {self._code: Brink(), self._import: Brink()}
        self.outcomes: Counter[str] = Counter()
        self.successors: list[UUID] = []

    def run(self, logins: Logins) -> None:
        with psycopg.connect(logins.app, autocommit=True) as connection:
            for _ in range(FAMILIES):
                for use, brink in self._brinks.items():
                    try:
                        redemption = use(connection, brink.lifetime)
                    except psycopg.errors.DeadlockDetected:
                        self.outcomes[DEADLOCK] += 1
                        continue
                    self._count(redemption)
                    brink.was(redemption.outcome)

    def _count(self, redemption: Redemption) -> None:
        self.outcomes[str(redemption.outcome)] += 1
        issued = (redemption.access_token_id, redemption.refresh_token_id)
        self.successors += [token_id for token_id in issued if token_id is not None]

    def _code(self, connection: Dba, lifetime: timedelta) -> Redemption:
        code = mint_token("authorization_code", self._client.tenant_id)
        with self._unit(connection) as store:
            store.grants.issue_code(
                tenant_id=self._client.tenant_id,
                token_hash=code.hash,
                client_id=self._client.client_id,
                user_id=self._user.id,
                authenticated_at=None,
                redirect_uri=CALLBACK,
                lifetime=lifetime,
            )
            return redeem_code(store, self._client, code, uuid4())

    def _import(self, connection: Dba, lifetime: timedelta) -> Redemption:
        """Refresh a family of another store, whose access token ends with the other."""
        with self._unit(connection, autocommit=False) as store:
            family = make_authorization(store, self._client, user_id=self._user.id)
            fields: dict[str, Any] = {
                "user_id": self._user.id,
                "authorization_id": family.id,
                "lifetime": lifetime,
            }
            make_token(store, self._client, **fields)
            token, _ = make_token(store, self._client, "refresh", **fields)
        with self._unit(connection) as store:
            return refresh(store, self._client, token, uuid4())

    def _unit(
        self, connection: Dba, *, autocommit: bool = True
    ) -> AbstractContextManager[Store]:
        return Store.unit(connection, self._client.tenant_id, autocommit=autocommit)


class Pruner:
    """An operator that prunes expired rows until it is told to stop."""

    def __init__(self) -> None:
        self.pruned: Counter[str] = Counter()

    def run(self, logins: Logins, stop: Event) -> None:
        with psycopg.connect(logins.maintenance, autocommit=True) as connection:
            store = Store(connection)
            while not stop.wait(0.05):  # Extenders need the processor, too.
                self.prune(store, batch_size=5)

    def prune(self, store: Store, *, batch_size: int = 1000) -> int:
        try:
            tokens = store.tokens.prune_expired(older_than=NOW, batch_size=batch_size)
            families = store.authorizations.prune_expired(
                older_than=NOW, batch_size=batch_size
            )
        except psycopg.errors.DeadlockDetected:
            self.pruned[DEADLOCK] += 1
            return 0
        self.pruned += Counter(tokens=tokens, families=families)
        return tokens + families


def prune_beside(extenders: list[Extender], logins: Logins, dba: Dba) -> Counter[str]:
    """Prune while families are extended; return the pruners' counts."""
    pruners, stop = [Pruner() for _ in range(PRUNERS)], Event()
    with ThreadPoolExecutor(PRUNERS + len(extenders)) as threads:
        pruning = [threads.submit(pruner.run, logins, stop) for pruner in pruners]
        extending = [threads.submit(extender.run, logins) for extender in extenders]
        try:
            while wait(extending, timeout=1).not_done:
                dba.execute("analyze authority.tokens, authority.authorizations")
            for each in extending:
                each.result()
        finally:
            stop.set()
        for each in pruning:
            each.result()
    return sum((pruner.pruned for pruner in pruners), Counter())


def count_missing(dba: Dba, token_ids: list[UUID]) -> int:
    row = dba.execute(
        "select count(*) from unnest(%s::uuid[]) as issued (id) "
        "where not exists (select from authority.live_tokens as live "
        "where live.id = issued.id)",
        [token_ids],
    ).fetchone()
    assert row is not None
    return int(row[0])


def count_rows(dba: Dba) -> tuple[int, int]:
    row = dba.execute(
        "select (select count(*) from authority.authorizations), "
        "(select count(*) from authority.tokens)"
    ).fetchone()
    assert row is not None
    return row[0], row[1]


def test_8_pruners_beside_4_extenders_delete_no_live_row(
    sync_store: Store, dba: Dba, logins: Logins, clock: Clock, figures: list[str]
) -> None:
    client = make_app(sync_store)
    user = make_user(sync_store, client.tenant_id)
    extenders = [Extender(client, user) for _ in range(EXTENDERS)]
    pruned = prune_beside(extenders, logins, dba)
    outcomes = sum((extender.outcomes for extender in extenders), Counter[str]())
    issued = [token_id for extender in extenders for token_id in extender.successors]
    missing = count_missing(dba, issued)
    deadlocks = pruned[DEADLOCK] + outcomes[DEADLOCK]
    figures.append(
        f"{PRUNERS} pruners beside {EXTENDERS} extenders: {dict(outcomes)}, "
        f"{pruned['families']} families and {pruned['tokens']} access tokens pruned; "
        f"{missing} of {len(issued)} live tokens deleted, {deadlocks} deadlocks"
    )
    assert (missing, deadlocks) == (0, 0)
    assert outcomes["redeemed"] > 0
    assert outcomes["invalid"] > 0
    last = Pruner()
    last.prune(sync_store)
    # Only extended tokens and their predecessors remain.
    families = outcomes["redeemed"]
    assert count_rows(dba) == (families, len(issued) + families)
    assert count_missing(dba, issued) == 0
    clock.advance(timedelta(days=2))
    assert last.prune(sync_store) > 0
    assert count_rows(dba) == (0, 0)
