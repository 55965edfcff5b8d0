"""Writers that note what was acknowledged, while their primary dies."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Event
from time import monotonic
from typing import Any, Final
from uuid import uuid4

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from authority_queries import Authority, Settings, mint_token
from authority_queries.errors import RetryableError, UnavailableError
from authority_queries.service.migrations import yoyo_url
from tests.factories import HOUR, make_token, new_token
from tests.operations.servers import Pair

WRITERS: Final = 4


@dataclass
class Ledger:
    """What the store has acknowledged to one writer."""

    issued: set[bytes] = field(default_factory=set)
    revoked: set[bytes] = field(default_factory=set)
    redeemed: set[bytes] = field(default_factory=set)
    rounds: int = 0
    stale: int = 0
    errors: "Counter[str]" = field(default_factory=Counter)
    longest: float = 0.0  # seconds of a round

    def __len__(self) -> int:
        return len(self.issued) + len(self.revoked) + len(self.redeemed)


@dataclass
class Writer:
    """Issues, revokes and redeems tokens, and notes what was acknowledged."""

    authority: Authority
    pair: Pair
    ledger: Ledger = field(default_factory=Ledger)

    def work(self, stop: Event) -> Ledger:
        while not stop.is_set():
            begun = monotonic()
            for step in (self.end_one, self.redeem_one):
                self.step(step)
            self.ledger.longest = max(self.ledger.longest, monotonic() - begun)
            self.ledger.rounds += 1
        return self.ledger

    def step(self, step: Callable[[], None]) -> None:
        try:
            step()
        except (psycopg.OperationalError, RetryableError, UnavailableError) as error:
            self.ledger.errors[type(error).__name__] += 1

    def end_one(self) -> None:
        tenant_id, ledger = self.pair.tenant_id, self.ledger
        with self.authority.tenant(tenant_id) as store:
            minted, token = make_token(store, self.pair.client)
        ledger.issued.add(minted.hash)
        ledger.stale += self.authority.verify_token(minted.token) is None
        with self.authority.tenant(tenant_id) as store:
            assert store.tokens.revoke_by_id(
                tenant_id=tenant_id, token_id=token.id, reason="stolen"
            )
        ledger.revoked.add(minted.hash)
        ledger.stale += self.authority.verify_token(minted.token) is not None

    def redeem_one(self) -> None:
        tenant_id, ledger = self.pair.tenant_id, self.ledger
        with self.authority.tenant(tenant_id) as store:
            minted, _ = make_token(store, self.pair.client, "refresh")
        ledger.issued.add(minted.hash)
        access, successor = (
            mint_token("access", tenant_id),
            mint_token("refresh", tenant_id),
        )
        with self.authority.tenant(tenant_id, autocommit=True) as store:
            found = store.redemptions.refresh(
                tenant_id=tenant_id,
                token_hash=minted.hash,
                client_id=self.pair.client.client_id,
                redemption_id=uuid4(),
                access_token=new_token(access, HOUR),
                refresh_token=new_token(successor, HOUR),
            )
        assert found.outcome == "redeemed"
        ledger.redeemed.add(minted.hash)
        ledger.issued |= {access.hash, successor.hash}


def lost(ledgers: Sequence[Ledger], dba: "psycopg.Connection[Any]") -> list[bytes]:
    """Return acknowledged writes that the database does not have."""
    rows = dba.execute(
        "select token_hash, revoked_at is not null, redeemed_at is not null "
        "from authority.tokens"
    ).fetchall()
    found = {bytes(token_hash): states for token_hash, *states in rows}
    gone = (False, False)
    return [
        each
        for ledger in ledgers
        for each in (
            *(each for each in ledger.issued if each not in found),
            *(each for each in ledger.revoked if not found.get(each, gone)[0]),
            *(each for each in ledger.redeemed if not found.get(each, gone)[1]),
        )
    ]


def of_both(pair: Pair) -> Settings:
    """Return settings with both servers, as a service of a cluster has them."""
    hosts = ",".join(
        str(conninfo_to_dict(each.conninfo)["host"])
        for each in (pair.primary, pair.standby)
    )
    conninfo = make_conninfo(pair.primary.conninfo, host=hosts)
    return Settings(
        database_url=yoyo_url(
            make_conninfo(conninfo, target_session_attrs="read-write")
        ),
        replica_url=yoyo_url(conninfo),
        pool_max_size=WRITERS + 1,
        pool_timeout=20,
    )
