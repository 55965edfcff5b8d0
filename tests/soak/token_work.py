"""What services do with tokens, and what each answer must be."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import inf
from random import Random
from time import monotonic
from typing import Any
from uuid import uuid4

from authority_queries import mint_token
from authority_queries.errors import MissingReferenceError
from authority_queries.secrets import TokenString
from tests.soak.doors import Door
from tests.soak.homes import CALLBACK, App, Home, Person
from tests.soak.keeping import Lives
from tests.soak.ledger import Call, Ledger
from tests.soak.lives import End, Life, Span, Subject

# A clock that is ahead, and what is taken of it: no sign-out of so many seconds before
# is outrun by the claim.
AHEAD, TOLERANCE = timedelta(seconds=45), 120.0
CODE, HOUR = timedelta(minutes=5), timedelta(hours=1)


@dataclass(eq=False)
class Desk:
    """What a worker works with."""

    door: Door
    ledger: Ledger
    lives: Lives
    homes: list[Home]
    chance: Random

    def home(self) -> Home:
        return self.chance.choice(self.homes)


async def issue_code(desk: Desk) -> None:
    home = desk.home()
    app, person = home.app(desk.chance), home.person(desk.chance)
    code = mint_token("authorization_code", home.tenant_id)
    scopes = desk.chance.sample(["openid", "email", "profile"], 2)
    autocommit = desk.chance.random() < 0.5
    is_ahead = desk.chance.random() < 0.2
    claim = datetime.now(UTC) + AHEAD if is_ahead else None
    with desk.ledger.call("grants.issue_code", MissingReferenceError) as call:
        async with desk.door.unit(home.tenant_id, autocommit=autocommit) as store:
            issued = await store.grants.issue_code(
                tenant_id=home.tenant_id,
                token_hash=code.hash,
                client_id=app.client.client_id,
                user_id=person.user.id,
                authenticated_at=claim,
                redirect_uri=CALLBACK,
                scopes=scopes,
                lifetime=CODE,
            )
        if issued.outcome != "issued":
            call.refuse()
    if call.is_acknowledged:
        expected = {"id": issued.token_id, "authorization_id": issued.authorization_id}
        desk.lives.add(life_of(code, app, person, call, {**expected, "scopes": scopes}))
    elif call.error is None:
        since = call.began - (TOLERANCE if is_ahead else 0)
        expect_ending(desk, person.subject, since, f"{issued.outcome} {is_ahead}")


def life_of(
    minted: TokenString, app: App, person: Person, call: Call, expected: dict[str, Any]
) -> Life:
    when = Span(call.began, call.ended)
    return Life(
        minted=minted,
        kind=minted.kind,
        issued=when,
        signed_in=when,
        lifetime=CODE.total_seconds(),
        hangs_on=(app.subject, person.subject),
        family=Subject("family"),
        expected={
            "type": minted.kind,
            "tenant_id": app.client.tenant_id,
            "client_id": app.client.client_id,
            "user_id": person.user.id,
            "subject_id": person.user.subject_id,
            "service_account_id": None,
            **expected,
        },
    )


def expect_ending(desk: Desk, subject: Subject, since: float, outcome: str) -> None:
    """A refusal needs a reason: the user was signed out or deleted since then."""
    then = Span(since, inf)
    is_ending = any(end.may_end(then, inf) for end in [*subject.ends])
    desk.ledger.expect(is_ending, "issuing is refused without a reason", outcome)


async def make_access(desk: Desk) -> None:
    """An access token that soon expires and is pruned, or has an hour."""
    home = desk.home()
    app, person = home.app(desk.chance), home.person(desk.chance)
    minted = mint_token("access", home.tenant_id)
    lifetime = desk.chance.choice([timedelta(seconds=1), timedelta(seconds=3), HOUR])
    with desk.ledger.call("tokens.create", MissingReferenceError) as call:
        async with desk.door.unit(home.tenant_id) as store:
            token = await store.tokens.create(
                tenant_id=home.tenant_id,
                type="access",
                token_hash=minted.hash,
                client_id=app.client.id,
                user_id=person.user.id,
                lifetime=lifetime,
            )
    if call.is_acknowledged:
        life = life_of(minted, app, person, call, {"id": token.id, "scopes": []})
        life.lifetime = lifetime.total_seconds()
        desk.lives.add(life)


async def verify(desk: Desk) -> None:
    """A token is what it was issued as while it lives, and nothing afterwards."""
    life = desk.lives.draw(desk.chance, desk.chance.choice(["access", "refresh"]))
    if life is not None:
        await verify_one(desk, life)


async def verify_one(desk: Desk, life: Life) -> None:
    tenant_id = life.minted.tenant_id
    with desk.ledger.call("verify_token") as call:
        if life.kind in ("access", "refresh") and desk.chance.random() < 0.7:
            row = await desk.door.verify_token(
                life.minted.token, kind=life.kind, tenant_id=tenant_id
            )
        else:
            async with desk.door.unit(tenant_id) as store:
                row = await store.tokens.verify(
                    tenant_id=tenant_id, token_hash=life.minted.hash, type=life.kind
                )
    if call.is_acknowledged:
        judge_verified(desk.ledger, life, row, call)


def judge_verified(ledger: Ledger, life: Life, row: object, call: Call) -> None:
    what = f"{life.kind} {life.expected.get('id')}"
    with ledger.lock:
        why = life.why_dead(call.began)
        lives = life.must_live(call.began, call.ended)
    if row is None:
        ledger.expect(not lives, "a live token is refused", what)
        return
    ledger.count("tokens verified alive")
    fields = life.differs(row)
    ledger.expect(not fields, "another token's row", f"{what}: {', '.join(fields)}")
    ledger.expect(why is None, "a dead token verifies", f"{what}: {why}")


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
    """An operator ends an authorization and all under it."""
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
    """Enter what a revocation came to. A refusal means that nothing was alive."""
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
    """A user, or more seldom all of a client's users, are signed out everywhere."""
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
                        tenant_id=home.tenant_id, id=app.client.id
                    )
        finally:
            end.gave_up = monotonic()
        if done is None:
            call.refuse()
    if call.is_acknowledged:
        end.done = call.ended


async def replace_user(desk: Desk) -> None:
    """A user is deleted with all that was issued to it, and another one comes."""
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
