"""Revocation, sign-out and deletion; the ledger has each before its call."""

from time import monotonic
from uuid import uuid4

from tests.soak.ledger import Call
from tests.soak.tenants import Person
from tests.soak.token_lives import End, Life, Subject
from tests.soak.token_work import Desk


async def revoke(desk: Desk) -> None:
    """A client revokes: a refresh token takes its family with it (RFC 7009)."""
    life = desk.lives.draw(desk.chance, desk.chance.choice(["access", "refresh"]))
    if life is None:
        return
    subject = life.itself if life.kind == "access" else life.family
    end = subject.begin_end("revoked", monotonic())
    with desk.ledger.call("tokens.revoke") as call:
        try:
            async with desk.door.unit(life.minted.tenant_id) as store:
                has_ended = await store.tokens.revoke(
                    tenant_id=life.minted.tenant_id,
                    token_hash=life.minted.hash,
                    client_id=life.expected["client_id"],
                    reason="soak",
                )
        finally:
            end.gave_up = monotonic()
        if not has_ended:
            call.refuse()
    _settle(desk, life, (subject, end), call)


async def end_family(desk: Desk) -> None:
    """An operator ends an authorization and all its tokens."""
    life = desk.lives.draw(desk.chance, "refresh")
    family_id = life and life.expected.get("authorization_id")
    if life is None or family_id is None:
        return
    end = life.family.begin_end("family revoked", monotonic())
    with desk.ledger.call("authorizations.revoke") as call:
        try:
            async with desk.door.unit(life.minted.tenant_id) as store:
                has_ended = await store.authorizations.revoke(
                    tenant_id=life.minted.tenant_id,
                    authorization_id=family_id,
                    reason="soak",
                )
        finally:
            end.gave_up = monotonic()
        if not has_ended:
            call.refuse()
    _settle(desk, life, (life.family, end), call)


def _settle(desk: Desk, life: Life, ours: tuple[Subject, End], call: Call) -> None:
    """Enter the result of a revocation. A refusal means that nothing was alive."""
    subject, end = ours
    with desk.ledger.lock:
        if call.is_acknowledged:
            end.done = call.ended
        elif call.outcome == "refused":
            subject.forget(end)
            if call.error is None:
                alive = life.must_live(call.began, call.ended)
                desk.ledger.expect(not alive, "a live token is not revoked", life.kind)


async def sign_out(desk: Desk) -> None:
    """Sign a user out everywhere, or less often all users of a client."""
    home = desk.home()
    person, app = home.person(desk.chance), home.app(desk.chance)
    of_user = desk.chance.random() < 0.8
    subject = person.subject if of_user else app.subject
    end = subject.begin_end("signed out", monotonic(), epoch=True)
    name = "users.revoke_tokens" if of_user else "clients.revoke_tokens"
    with desk.ledger.call(name) as call:
        try:
            async with desk.door.unit(home.tenant_id) as store:
                if of_user:
                    done = await store.users.revoke_tokens(
                        tenant_id=home.tenant_id, user_id=person.user.id
                    )
                else:
                    done = await store.clients.revoke_tokens(
                        tenant_id=home.tenant_id, client_uuid=app.client.id
                    )
        finally:
            end.gave_up = monotonic()
        if done is None:
            call.refuse()
    if call.is_acknowledged:
        end.done = call.ended


async def replace_user(desk: Desk) -> None:
    """Delete a user with everything issued to it, and create another one."""
    home = desk.home()
    place = desk.chance.randrange(len(home.people))
    person = home.people[place]
    end = person.subject.begin_end("user deleted", monotonic())
    with desk.ledger.call("users.delete") as call:
        try:
            async with desk.door.unit(home.tenant_id, autocommit=False) as store:
                await store.users.delete(
                    tenant_id=home.tenant_id, user_id=person.user.id
                )
                user = await store.users.create(
                    tenant_id=home.tenant_id,
                    username=f"user-{uuid4()}",
                    attributes={"n": 0},
                )
        finally:
            end.gave_up = monotonic()
    if call.is_acknowledged:
        end.done = call.ended
        home.people[place] = Person(user)
