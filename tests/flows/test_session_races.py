"""Browsers that use and end one session, and workers that deliver logout notices."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import chain
from typing import Any, TypeAlias
from uuid import UUID

import psycopg

from authority_queries import Store, mint_token
from authority_queries.records import Client, Session, User
from authority_queries.secrets import TokenString
from tests.factories import make_client, make_session, make_tenant, make_user
from tests.flows.races import race, race_often
from tests.repositories.session_helpers import use_client
from tests.stores import Logins

Dba: TypeAlias = "psycopg.Connection[Any]"
RACERS, ROUNDS = 8, 25
CALLBACK = "https://app.example/cb"
LOGOUT = "https://app.example/logout"


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A session, and a client for each browser that uses it."""

    user: User
    cookie: TokenString
    session: Session
    clients: list[Client] = field(default_factory=list)

    @property
    def tenant(self) -> dict[str, Any]:
        return {"tenant_id": self.user.tenant_id}


def make_scene(store: Store) -> Scene:
    user = make_user(store, make_tenant(store).id)
    cookie, session = make_session(store, user)
    clients = [
        make_client(
            store,
            user.tenant_id,
            redirect_uris=[CALLBACK],
            consent_type="implicit",
            backchannel_logout_uri=LOGOUT,
        )
        for _ in range(RACERS)
    ]
    return Scene(user=user, cookie=cookie, session=session, clients=clients)


def is_signed_in(store: Store, at: Scene) -> bool:
    found = store.sessions.verify(**at.tenant, cookie_hash=at.cookie.hash)
    return found is not None


def issue(store: Store, at: Scene, client: Client) -> tuple[str, TokenString]:
    code = mint_token("authorization_code", client.tenant_id)
    issued = store.grants.issue_code(
        **at.tenant,
        token_hash=code.hash,
        client_id=client.client_id,
        user_id=at.user.id,
        session_id=at.session.id,
        authenticated_at=None,
    )
    return issued.outcome, code


def browser(scenes: list[Scene], place: int) -> Callable[[Store, int], Counter[str]]:
    """Use the session, end it, and use it again."""

    def run(store: Store, turn: int) -> Counter[str]:
        at, did = scenes[turn], Counter[str]()
        codes = []
        for _ in range(1 + (place + turn) % 8):
            did["verified before"] += is_signed_in(store, at)
            outcome, code = issue(store, at, at.clients[place])
            did[f"{outcome} before"] += 1
            codes.append(code)
        ended = store.sessions.end(
            **at.tenant, session_id=at.session.id, reason="signed_out"
        )
        did["ended"] += ended is not None
        did["notices"] += ended.notices if ended else 0
        did["verified after"] += is_signed_in(store, at)
        did[f"{issue(store, at, at.clients[place])[0]} after"] += 1
        did["alive after"] += sum(
            store.tokens.verify(
                **at.tenant, token_hash=code.hash, type="authorization_code"
            )
            is not None
            for code in codes
        )
        return did

    return run


def test_8_browsers_use_and_end_a_session_that_ends_once(
    sync_store: Store, dba: Dba, logins: Logins, figures: list[str]
) -> None:
    scenes = [make_scene(sync_store) for _ in range(ROUNDS)]
    racers = [browser(scenes, place) for place in range(RACERS)]
    tenants = [at.user.tenant_id for at in scenes]
    rounds = race_often(logins, tenants, racers)
    did = sum(chain.from_iterable(rounds), Counter[str]())
    figures.append(f"{RACERS} browsers, {ROUNDS} sessions: {dict(sorted(did.items()))}")
    assert did["ended"] == ROUNDS
    assert did["verified after"] == did["issued after"] == did["alive after"] == 0
    assert did["login_required after"] == RACERS * ROUNDS
    assert did["issued before"] > 0
    assert did["login_required before"] > 0
    # Each client that received a code is notified, and no other.
    issued, noticed = (
        dba.execute(
            f"select session_id, client_uuid from authority.{table}"  # noqa: S608 -- ours
        ).fetchall()
        for table in ("authorizations", "logout_notices")
    )
    assert set(issued) == set(noticed)
    assert len(noticed) == did["notices"] > 0
    assert dba.execute("select from authority.live_tokens").rowcount == 0


def test_one_of_8_step_ups_with_one_cookie_succeeds(
    sync_store: Store, logins: Logins
) -> None:
    scenes = [make_scene(sync_store) for _ in range(ROUNDS)]

    def step_up(store: Store, turn: int) -> bool:
        at = scenes[turn]
        new = mint_token("session", at.user.tenant_id)
        stepped = store.sessions.step_up(
            **at.tenant,
            cookie_hash=at.cookie.hash,
            new_cookie_hash=new.hash,
            authenticated_at=None,
        )
        return stepped is not None

    tenants = [at.user.tenant_id for at in scenes]
    rounds = race_often(logins, tenants, [step_up] * RACERS)
    assert [outcomes.count(True) for outcomes in rounds] == [1] * ROUNDS


def queue_notices(store: Store, dba: Dba, sessions: int, clients: int) -> UUID:
    """End sessions that notify these many clients each. Return the tenant."""
    user = make_user(store, make_tenant(store).id)
    _, first = make_session(store, user)
    for _ in range(clients):
        use_client(store, dba, first)
    begun = [make_session(store, user)[1] for _ in range(sessions - 1)]
    dba.execute(
        "insert into authority.session_clients (tenant_id, session_id, client_uuid) "
        "select tenant_id, unnest(%s::uuid[]), client_uuid "
        "from authority.session_clients",
        [[session.id for session in begun]],
    )
    ended = store.sessions.end_all(
        tenant_id=user.tenant_id, user_id=user.id, reason="signed_out"
    )
    assert sum(one.notices for one in ended) == sessions * clients
    return user.tenant_id


def test_8_workers_deliver_1000_notices_once_beside_killed_workers(
    sync_store: Store, dba: Dba, logins: Logins, figures: list[str]
) -> None:
    tenant_id = queue_notices(sync_store, dba, sessions=100, clients=10)
    lease = timedelta(seconds=1)
    lost: list[UUID] = []
    with psycopg.connect(logins.app_for(tenant_id), autocommit=True) as dying:
        claimed = Store(dying).logout_notices.claim(
            tenant_id=tenant_id, lease=lease, batch_size=40
        )
        lost += [notice.id for notice in claimed]
    dying = psycopg.connect(logins.app_for(tenant_id))
    claimed = Store(dying).logout_notices.claim(tenant_id=tenant_id, batch_size=40)
    lost += [notice.id for notice in claimed]
    dying.close()  # in its transaction: these were never claimed
    assert len(set(lost)) == 80

    def waiting() -> int:
        return dba.execute(
            "select from authority.logout_notices where status = 'waiting'"
        ).rowcount

    def work(store: Store) -> list[UUID]:
        sent: list[UUID] = []
        while waiting_here(store):
            for notice in store.logout_notices.claim(
                tenant_id=tenant_id, lease=timedelta(minutes=1), batch_size=7
            ):
                sent.append(notice.id)
                assert store.logout_notices.record_delivery(
                    tenant_id=tenant_id, notice_id=notice.id
                )
        return sent

    def waiting_here(store: Store) -> Sequence[object]:
        return store.logout_notices.list(
            tenant_id=tenant_id, status="waiting", page_size=1
        ).items

    sent = race(logins, tenant_id, [work] * RACERS)
    times = Counter(chain.from_iterable(sent))
    figures.append(
        f"{RACERS} logout workers: {len(times)} notices, {times.total()} deliveries, "
        f"{sorted(map(len, sent))} each, {len(lost)} of killed workers"
    )
    assert (len(times), times.total()) == (1000, 1000)
    assert set(lost) <= set(times)
    assert waiting() == 0
    assert sum(bool(mine) for mine in sent) > 1


def test_sessions_that_two_callers_end_at_once_end_once_and_without_a_deadlock(
    sync_store: Store, logins: Logins
) -> None:
    user = make_user(sync_store, make_tenant(sync_store).id)
    for _ in range(10):
        begun = {make_session(sync_store, user)[1].id for _ in range(20)}

        def end_all(store: Store) -> list[UUID]:
            ended = store.sessions.end_all(
                tenant_id=user.tenant_id, user_id=user.id, reason="signed_out"
            )
            return [one.id for one in ended]

        ended = race(logins, user.tenant_id, [end_all] * RACERS)
        times = Counter(chain.from_iterable(ended))
        assert times == dict.fromkeys(begun, 1)
