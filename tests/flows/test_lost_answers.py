"""The state after a caller's connection, process or own code ends too early."""

from collections import Counter
from multiprocessing import get_context
from signal import SIGKILL
from threading import Event
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from authority_queries import Authority, Store
from authority_queries.records import Client, Redemption
from authority_queries.secrets import TokenString
from tests.factories import make_client, make_tenant
from tests.flows.cut_connections import EndsCaller, LosesAnswer, LosesRequest
from tests.flows.token_families import (
    Dba,
    Families,
    count_families,
    make_families,
    refresh,
)
from tests.isolation.services import settings_for
from tests.proxy import proxy
from tests.stores import Logins

TIMES = 20
# Children of a process without threads.
PROCESSES = get_context("forkserver")
PROCESSES.set_forkserver_preload([__name__])


def call(
    conninfo: str, client: Client, token: TokenString, request: UUID
) -> Redemption:
    """Refresh on a connection of its own, as a service does."""
    conninfo = make_conninfo(conninfo, application_name="caller")
    with (
        psycopg.connect(conninfo, autocommit=True) as connection,
        Store.unit(connection, client.tenant_id, autocommit=True) as store,
    ):
        return refresh(store, client, token, request)


def retried(
    lost: type[LosesAnswer | LosesRequest], store: Store, dba: Dba, logins: Logins
) -> Counter[str]:
    """Refresh 20 families over a line that is cut, again on a good one, and count."""
    client = make_client(store, make_tenant(store).id)
    outcomes: Counter[str] = Counter()
    for token in make_families(store, client, TIMES):
        request = uuid4()
        with (
            proxy(logins.app, lost) as conninfo,
            pytest.raises(psycopg.OperationalError),
        ):
            call(conninfo, client, token, request)
        again = call(logins.app, client, token, request)
        outcomes[str(again.outcome)] += 1
        issued = dba.execute(
            "select id from authority.tokens where parent_id = "
            "(select id from authority.tokens where token_hash = %s) order by type",
            [token.hash],
        ).fetchall()
        assert issued == [(again.access_token_id,), (again.refresh_token_id,)]
    return outcomes


def line(what: str, outcomes: Counter[str], left: Families) -> str:
    return (
        f"{TIMES} refreshes whose {what} is lost: on retry {dict(outcomes)}; "
        f"{left.live} families live, {left.branches} branches, {left.forks} forks"
    )


def test_a_family_survives_a_lost_answer_to_its_commit(
    sync_store: Store, dba: Dba, logins: Logins, figures: list[str]
) -> None:
    outcomes = retried(LosesAnswer, sync_store, dba, logins)
    left = count_families(dba)
    figures.append(line("answer", outcomes, left))
    assert outcomes == {"already_redeemed": TIMES}
    assert left == Families(live=TIMES, branches=TIMES, forks=0, halves=0)


def test_a_family_survives_a_lost_request(
    sync_store: Store, dba: Dba, logins: Logins, figures: list[str]
) -> None:
    outcomes = retried(LosesRequest, sync_store, dba, logins)
    left = count_families(dba)
    figures.append(line("request", outcomes, left))
    assert outcomes == {"redeemed": TIMES}
    assert left == Families(live=TIMES, branches=TIMES, forks=0, halves=0)


def used_families(store: Store) -> tuple[Client, list[TokenString]]:
    """Return live families, each with a used-up refresh token."""
    client = make_client(store, make_tenant(store).id)
    tokens = make_families(store, client, TIMES)
    for token in tokens:
        assert refresh(store, client, token, uuid4()).outcome == "redeemed"
    return client, [*tokens]


def wait_for_the_server(dba: Dba) -> None:
    """Wait until the server has noticed that its callers are gone."""
    while dba.execute(
        "select from pg_stat_activity where application_name = 'caller' "
        "and datname = current_database()"
    ).fetchall():
        pass


def count_revoked(dba: Dba) -> int:
    row = dba.execute(
        "select count(*) from authority.authorizations "
        "where revocation_reason = 'token_reuse'"
    ).fetchone()
    assert row is not None
    return int(row[0])


def kill_when_sent(logins: Logins, client: Client, token: TokenString) -> None:
    """Refresh in a process that SIGKILL ends before the server has the request."""
    sent = Event()

    def kill() -> None:
        caller.kill()
        sent.set()

    with proxy(logins.app, lambda: EndsCaller(kill)) as conninfo:
        caller = PROCESSES.Process(target=call, args=(conninfo, client, token, uuid4()))
        caller.start()
        assert sent.wait(timeout=60)
        caller.join()
    assert caller.exitcode == -SIGKILL
    caller.close()


def test_reuse_ends_the_family_when_the_caller_is_killed_before_the_answer(
    sync_store: Store, dba: Dba, logins: Logins, figures: list[str]
) -> None:
    client, used = used_families(sync_store)
    assert count_revoked(dba) == 0
    for token in used:
        kill_when_sent(logins, client, token)
    wait_for_the_server(dba)
    count = count_revoked(dba)
    figures.append(f"{TIMES} callers killed after a reuse was sent: {count} revoked")
    assert count == TIMES
    assert count_families(dba) == Families(live=0, branches=0, forks=0, halves=0)


def present_and_raise(store: Store, client: Client, token: TokenString) -> None:
    assert refresh(store, client, token, uuid4()).outcome == "reused"
    message = "of the caller"
    raise RuntimeError(message)


def test_reuse_ends_the_family_when_the_caller_raises_afterwards(
    sync_store: Store, dba: Dba, logins: Logins, figures: list[str]
) -> None:
    client, used = used_families(sync_store)
    assert count_revoked(dba) == 0
    with Authority.open(settings_for(logins.app)) as authority:
        for token in used:
            with (
                pytest.raises(RuntimeError, match="of the caller"),
                authority.tenant(client.tenant_id, autocommit=True) as store,
            ):
                present_and_raise(store, client, token)
    count = count_revoked(dba)
    figures.append(f"{TIMES} callers that raise after a reuse: {count} revoked")
    assert count == TIMES
    assert count_families(dba) == Families(live=0, branches=0, forks=0, halves=0)
