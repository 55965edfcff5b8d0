from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Any
from uuid import UUID, uuid4

import pytest

from authority_queries import Authority, Settings, Store, mint_token
from authority_queries.errors import DuplicateError
from authority_queries.records import LiveSession, Session
from authority_queries.secrets import TokenString
from authority_queries.service.migrations import yoyo_url
from authority_queries.testing import Clock
from tests.factories import HOUR, MINUTE, make_session, make_tenant, make_user
from tests.refusals import refusal_of
from tests.repositories.session_helpers import (
    LOGOUT,
    Dba,
    make_bound_token,
    use_client,
    verify,
)
from tests.stores import Logins

SECOND = timedelta(seconds=1)
AGENT = "Mozilla/5.0 (X11; Linux x86_64) Firefox/128.0"


def begin(store: Store, **fields: Any) -> tuple[TokenString, Session]:
    return make_session(store, make_user(store, make_tenant(store).id), **fields)


def verify_token(store: Store, token: TokenString) -> object:
    return store.tokens.verify(tenant_id=token.tenant_id, token_hash=token.hash)


def end(store: Store, session: Session) -> object:
    return store.sessions.end(
        tenant_id=session.tenant_id, session_id=session.id, reason="signed_out"
    )


def test_a_session_is_found_by_its_cookie_its_id_and_its_sid(store: Store) -> None:
    user = make_user(store, make_tenant(store).id)
    cookie, session = make_session(
        store,
        user,
        acr="urn:two",
        amr=["pwd", "otp"],
        address=ip_address("::ffff:192.0.2.1"),
        user_agent=AGENT,
        properties={"device": "phone"},
    )
    live = verify(store, cookie)
    assert live == LiveSession(
        tenant_id=user.tenant_id,
        id=session.id,
        sid=session.sid,
        user_id=user.id,
        subject_id=user.subject_id,
        username=user.username,
        acr="urn:two",
        amr=["pwd", "otp"],
        authenticated_at=session.created_at,
        idle_timeout=timedelta(minutes=30),
        last_used_at=session.created_at,
        expires_at=session.created_at + timedelta(hours=12),
        address=ip_address("192.0.2.1"),
        user_agent=AGENT,
        properties={"device": "phone"},
        created_at=session.created_at,
    )
    tenant = {"tenant_id": user.tenant_id}
    sessions = store.sessions
    assert sessions.get_by_id(**tenant, session_id=session.id) == session
    assert sessions.get_by_sid(**tenant, sid=session.sid) == session
    assert sessions.get_by_sid(**tenant, sid=session.id) is None
    assert sessions.get_by_id(**tenant, session_id=session.sid) is None
    assert sessions.list_by_user(tenant_id=user.tenant_id, user_id=user.id).items == [
        live
    ]
    assert str(cookie.hash) not in repr(session)


def test_a_cookie_of_another_tenant_or_kind_is_no_session(store: Store) -> None:
    cookie, session = begin(store)
    tenant_id = make_tenant(store).id
    assert (
        store.sessions.verify(tenant_id=tenant_id, cookie_hash=cookie.hash)
        is verify(store, mint_token("session", session.tenant_id))
        is None
    )
    another = make_user(store, session.tenant_id)
    with pytest.raises(DuplicateError, match="cookie_hash"):
        make_session(store, another, cookie_hash=cookie.hash)


def test_an_authority_verifies_a_cookie_in_one_call(
    store: Store, logins: Logins
) -> None:
    cookie, session = begin(store)
    with Authority.open(Settings(database_url=yoyo_url(logins.app))) as authority:
        live = authority.verify_session(cookie.token)
        assert live is not None
        assert (live.id, live.tenant_id) == (session.id, session.tenant_id)
        assert authority.verify_session(cookie.token, tenant_id=session.tenant_id)
        assert authority.verify_session(cookie.token, tenant_id=uuid4()) is None
        access = mint_token("access", session.tenant_id)
        assert authority.verify_session(access.token) is None
        assert authority.verify_session("no cookie") is None


def test_a_session_ends_when_it_is_idle_or_at_its_end(
    store: Store, clock: Clock
) -> None:
    cookie, _ = begin(store, idle_timeout=10 * MINUTE, lifetime=HOUR)
    for _ in range(6):
        assert verify(store, cookie)
        clock.advance(9 * MINUTE)
    assert verify(store, cookie)
    clock.advance(5 * MINUTE)
    assert verify(store, cookie)
    clock.advance(MINUTE)
    assert verify(store, cookie) is None  # an hour after its start
    idle, _ = begin(store, idle_timeout=10 * MINUTE)
    clock.advance(10 * MINUTE)
    assert verify(store, idle) is None
    assert verify(store, idle) is None


def test_a_use_is_written_once_a_minute(store: Store, clock: Clock, dba: Dba) -> None:
    clock.freeze(begin(store)[1].created_at)
    cookie, session = begin(store)
    short, _ = begin(store, idle_timeout=MINUTE)

    def used(after: timedelta, token: TokenString = cookie) -> timedelta:
        clock.freeze(session.created_at + after)
        assert verify(store, token)
        row = dba.execute(
            "select last_used_at from authority.sessions where cookie_hash = %s",
            [token.hash],
        ).fetchone()
        assert row is not None
        moment: datetime = row[0]
        return moment - session.created_at

    assert used(59 * SECOND) == 0 * SECOND
    assert used(60 * SECOND) == 60 * SECOND
    assert used(90 * SECOND) == 60 * SECOND
    clock.freeze(session.created_at)
    assert used(5 * SECOND, short) == 0 * SECOND
    assert used(6 * SECOND, short) == 6 * SECOND


def test_a_verification_does_not_wait_for_another_one(
    store: Store, clock: Clock, logins: Logins, dba: Dba
) -> None:
    cookie, session = begin(store)
    clock.advance(5 * MINUTE)
    with dba.transaction():
        dba.execute(
            "select from authority.sessions where id = %s for update", [session.id]
        )
        dba.execute("set local lock_timeout = '1s'")
        assert verify(store, cookie)
    assert verify(store, cookie)


@pytest.mark.parametrize("what", ["suspend", "user", "tenant", "delete"])
def test_a_session_is_over_with_its_user(store: Store, dba: Dba, what: str) -> None:
    user = make_user(store, make_tenant(store).id)
    cookie, session = make_session(store, user)
    client = use_client(store, dba, session)
    bound = make_bound_token(store, dba, session, user, client)
    tenant: dict[str, Any] = {"tenant_id": user.tenant_id}
    if what == "suspend":
        store.users.update(
            **tenant,
            user_id=user.id,
            row_version=user.row_version,
            username=user.username,
            email=None,
            display_name="",
            status="suspended",
            attributes={},
        )
    elif what == "user":
        assert store.users.revoke_tokens(**tenant, user_id=user.id)
    elif what == "tenant":
        assert store.tenants.revoke_tokens(**tenant)
    else:
        assert store.users.delete(**tenant, user_id=user.id)
    assert verify(store, cookie) is None
    assert verify_token(store, bound) is None
    assert (
        store.sessions.list_by_user(tenant_id=user.tenant_id, user_id=user.id).items
        == []
    )
    refused = store.sessions.step_up(
        **tenant,
        cookie_hash=cookie.hash,
        new_cookie_hash=mint_token("session", user.tenant_id).hash,
        authenticated_at=None,
    )
    assert refused is None
    if what in {"user", "tenant"}:
        # A sign-in before the sign-out begins no session, a later one does.
        new = mint_token("session", user.tenant_id)
        late: dict[str, Any] = {
            **tenant,
            "cookie_hash": new.hash,
            "user_id": user.id,
        }
        start = store.sessions.start
        assert start(**late, authenticated_at=session.authenticated_at) is None
        assert start(**late, authenticated_at=None) is not None
        assert verify(store, new)


def test_nobody_begins_a_session_of_an_unknown_or_inactive_user(store: Store) -> None:
    tenant_id = make_tenant(store).id
    pending = make_user(store, tenant_id, status="pending")
    stranger = make_user(store, make_tenant(store).id)
    for user_id in (pending.id, stranger.id, uuid4()):
        refused = store.sessions.start(
            tenant_id=tenant_id,
            cookie_hash=mint_token("session", tenant_id).hash,
            user_id=user_id,
            authenticated_at=None,
        )
        assert refused is None


def test_a_step_up_replaces_the_cookie_and_what_the_sign_in_proved(
    store: Store, clock: Clock
) -> None:
    cookie, session = begin(store, acr="urn:one", amr=["pwd"])
    clock.advance(MINUTE)
    new = mint_token("session", session.tenant_id)
    step: dict[str, Any] = {
        "tenant_id": session.tenant_id,
        "cookie_hash": cookie.hash,
        "acr": "urn:two",
        "amr": ["pwd", "hwk"],
        "authenticated_at": None,
    }
    stepped = store.sessions.step_up(**step, new_cookie_hash=new.hash)
    assert stepped is not None
    assert (stepped.id, stepped.sid) == (session.id, session.sid)
    assert (stepped.acr, stepped.amr) == ("urn:two", ["pwd", "hwk"])
    assert stepped.authenticated_at > session.authenticated_at + MINUTE
    assert stepped.expires_at == session.expires_at
    assert verify(store, cookie) is None
    live = verify(store, new)
    assert live is not None
    assert live.authenticated_at == stepped.authenticated_at
    newer = mint_token("session", session.tenant_id)
    assert store.sessions.step_up(**step, new_cookie_hash=newer.hash) is None
    # An earlier sign-in does not make the session older.
    again = store.sessions.step_up(
        **{
            **step,
            "cookie_hash": new.hash,
            "authenticated_at": session.authenticated_at,
        },
        new_cookie_hash=newer.hash,
    )
    assert again is not None
    assert again.authenticated_at == stepped.authenticated_at


def test_a_session_ends_once_with_its_families_and_notifies_its_clients(
    store: Store, dba: Dba
) -> None:
    user = make_user(store, make_tenant(store).id)
    cookie, session = make_session(store, user)
    other_cookie, _ = make_session(store, user)
    shop = use_client(
        store,
        dba,
        session,
        client_id="shop",
        frontchannel_logout_uri="https://shop.example/out",
        frontchannel_logout_session_required=True,
    )
    silent = use_client(store, dba, session, None, client_id="silent")
    bound, offline = (
        make_bound_token(store, dba, session, user, shop, ends=ends)
        for ends in (True, False)
    )
    listed = store.sessions.list_clients(
        tenant_id=user.tenant_id, session_id=session.id
    ).items
    # In order of client_uuid, which is random.
    assert [(one.client_uuid, one.client_id) for one in listed] == sorted(
        [(shop.id, "shop"), (silent.id, "silent")]
    )
    told = next(one for one in listed if one.client_id == "shop")
    assert told.frontchannel_logout_uri == "https://shop.example/out"
    assert told.frontchannel_logout_session_required
    assert verify_token(store, bound)
    assert verify_token(store, offline)
    ended = store.sessions.end(
        tenant_id=user.tenant_id, session_id=session.id, reason="signed_out"
    )
    assert ended is not None
    assert (ended.id, ended.sid, ended.user_id) == (session.id, session.sid, user.id)
    assert ended.notices == 1
    assert end(store, session) is None
    assert verify(store, cookie) is None
    assert verify(store, other_cookie)
    assert verify_token(store, bound) is None
    assert verify_token(store, offline)
    diagnosis = store.tokens.diagnose(tenant_id=user.tenant_id, token_hash=bound.hash)
    assert diagnosis is not None
    assert diagnosis.dead_because == "session_ended"
    kept = store.sessions.get_by_id(tenant_id=user.tenant_id, session_id=session.id)
    assert kept is not None
    assert kept.revocation_reason == "signed_out"
    (notice,) = store.logout_notices.claim(tenant_id=user.tenant_id)
    assert (notice.sid, notice.subject_id) == (session.sid, user.subject_id)
    assert (notice.client_id, notice.backchannel_logout_uri) == ("shop", LOGOUT)


def test_an_idle_session_still_notifies_its_clients(
    store: Store, dba: Dba, clock: Clock
) -> None:
    _, session = begin(store)
    use_client(store, dba, session)
    clock.advance(HOUR)
    ended = store.sessions.end(
        tenant_id=session.tenant_id, session_id=session.id, reason="signed_out"
    )
    assert ended is not None
    assert ended.notices == 1


def test_a_sign_out_from_everywhere_notifies_the_clients_of_all_sessions(
    store: Store, dba: Dba
) -> None:
    user = make_user(store, make_tenant(store).id)
    ids: dict[str, Any] = {"tenant_id": user.tenant_id}
    (_, first), (_, second) = (make_session(store, user) for _ in range(2))
    of_another = make_session(store, make_user(store, user.tenant_id))[0]
    for session in (first, second):
        use_client(store, dba, session)
    signed_out = store.users.revoke_tokens(**ids, user_id=user.id)
    assert signed_out is not None
    assert signed_out.tokens_valid_after == signed_out.updated_at
    assert store.users.revoke_tokens(**ids, user_id=user.id) is not None
    assert store.users.revoke_tokens(**ids, user_id=uuid4()) is None
    ended = store.sessions.get_by_id(**ids, session_id=first.id)
    assert ended is not None
    assert ended.revocation_reason == "user_signed_out"
    notices = store.logout_notices.claim(**ids)
    assert {notice.sid for notice in notices} == {first.sid, second.sid}
    assert verify(store, of_another)


@pytest.mark.parametrize("keeps", [True, False])
def test_all_sessions_of_a_user_end_or_all_but_one(
    store: Store, *, keeps: bool
) -> None:
    user = make_user(store, make_tenant(store).id)
    begun = [make_session(store, user) for _ in range(4)]
    of_other = make_session(store, make_user(store, user.tenant_id))[0]
    assert end(store, begun[0][1])
    kept: UUID | None = begun[1][1].id if keeps else None
    ended = store.sessions.end_all(
        tenant_id=user.tenant_id,
        user_id=user.id,
        kept_session_id=kept,
        reason="password_changed",
    )
    assert {one.id for one in ended} == {
        session.id for _, session in begun[1:] if session.id != kept
    }
    live = [session.id for cookie, session in begun if verify(store, cookie)]
    assert live == ([kept] if keeps else [])
    assert verify(store, of_other)


def test_a_value_out_of_range_is_refused(store: Store) -> None:
    user = make_user(store, make_tenant(store).id)
    refused: list[tuple[str, object]] = [
        ("cookie_hash", b"short"),
        ("acr", "a" * 256),
        ("acr", "two words"),
        ("amr", [""]),
        ("amr", ["a"] * 2),
        ("amr", ["a" * 65]),
        ("amr", [f"m{n}" for n in range(21)]),
        ("idle_timeout", timedelta(0)),
        ("lifetime", timedelta(0)),
        ("user_agent", 7),
        ("properties", ["no object"]),
    ]
    for field, value in refused:
        with refusal_of(field):
            make_session(store, user, **{field: value})
    with refusal_of("authenticated_at"):
        future = store.users.revoke_tokens(tenant_id=user.tenant_id, user_id=user.id)
        assert future is not None
        make_session(store, user, authenticated_at=future.updated_at + HOUR)
    _, long = make_session(store, user, user_agent="a" * 5000)
    assert long.user_agent == "a" * 1024


def test_a_session_is_pruned_after_its_end_when_its_notices_are(
    store: Store, dba: Dba, clock: Clock
) -> None:
    user = make_user(store, make_tenant(store).id)
    begun = {
        name: make_session(store, user)[1]
        for name in ("free", "bound", "offline", "noticed", "live")
    }
    client = use_client(store, dba, begun["noticed"])
    bound = make_bound_token(store, dba, begun["bound"], user, client)
    offline = make_bound_token(store, dba, begun["offline"], user, client, ends=False)
    for name in ("offline", "noticed"):
        assert end(store, begun[name])
    assert verify_token(store, bound)
    assert store.sessions.prune_expired() == 0
    dba.execute(
        "update authority.sessions set created_at = created_at - interval '2 days', "
        "expires_at = expires_at - interval '2 days' where id <> %s",
        [begun["live"].id],
    )
    assert store.sessions.prune_expired(older_than=timedelta(days=3)) == 0
    assert store.sessions.prune_expired() == 3
    left = dba.execute("select id from authority.sessions").fetchall()
    assert {row[0] for row in left} == {begun[name].id for name in ("noticed", "live")}
    assert verify_token(store, bound) is None
    assert verify_token(store, offline)
