"""Services' work with tokens, and the right answer to each call."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import inf
from random import Random
from typing import Any

from authority_queries import mint_token
from authority_queries.errors import MissingReferenceError
from authority_queries.secrets import TokenString
from tests.soak.ledger import Call, Ledger
from tests.soak.remembered_tokens import Lives
from tests.soak.store_forms import Door
from tests.soak.tenants import CALLBACK, App, Home, Person
from tests.soak.token_lives import Life, Span, Subject

# How far a clock is ahead, and for how many seconds after a sign-out the store may
# refuse its claim.
AHEAD, TOLERANCE = timedelta(seconds=45), 120.0
CODE, HOUR = timedelta(minutes=5), timedelta(hours=1)


@dataclass(eq=False)
class Desk:
    """The state that a worker uses."""

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
    """Issue an access token that soon expires and is pruned, or lives an hour."""
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
                client_uuid=app.client.id,
                user_id=person.user.id,
                lifetime=lifetime,
            )
    if call.is_acknowledged:
        life = life_of(minted, app, person, call, {"id": token.id, "scopes": []})
        life.lifetime = lifetime.total_seconds()
        desk.lives.add(life)


async def verify(desk: Desk) -> None:
    """A token verifies as its issued row while it lives, and never afterwards."""
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
