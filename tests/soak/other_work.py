"""Other work of services: replay guard, throttle, edits, units of several rows."""

from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from uuid import uuid4

from authority_queries import mint_token
from authority_queries.errors import (
    ConcurrencyConflictError,
    DuplicateError,
    NotFoundError,
)
from tests.soak.token_work import Desk

GUESSES = 5


class UndoneError(Exception):
    """An error that a caller raises inside a unit, which must then keep nothing."""


async def use_jti(desk: Desk) -> None:
    """Only the first use of a jti is accepted."""
    home = desk.home()
    jti, expires_at = str(uuid4()), datetime.now(UTC) + timedelta(hours=1)
    firsts = unknown = 0
    for _ in range(3):
        with desk.ledger.call("used_jtis.use") as call:
            async with desk.door.unit(home.tenant_id) as store:
                is_first = await store.used_jtis.use(
                    tenant_id=home.tenant_id,
                    kind="client_assertion",
                    issuer=home.apps[0].client.client_id,
                    jti=jti,
                    expires_at=expires_at,
                )
        unknown += call.is_unknown
        firsts += call.is_acknowledged and is_first
        if call.is_acknowledged and not is_first:
            holds = firsts or unknown
            desk.ledger.expect(holds, "a new jti is refused", "")
    desk.ledger.expect(firsts <= 1, "a jti is accepted twice", str(firsts))


async def guess(desk: Desk) -> None:
    """No more guesses are admitted than the limit, however many there are."""
    home = desk.home()
    name, address = f"guessed-{uuid4()}", IPv4Address(desk.chance.getrandbits(32))
    allowed = unknown = 0
    for _ in range(GUESSES + 3):
        with desk.ledger.call("login_attempts.reserve") as call:
            async with desk.door.unit(home.tenant_id) as store:
                decision = await store.login_attempts.reserve(
                    tenant_id=home.tenant_id,
                    username=name,
                    address=address,
                    factor="password",
                    pair_limit=GUESSES,
                    network_limit=1000,
                    time_window=timedelta(days=1),
                )
            if not decision.allowed:
                call.refuse()
        if call.is_acknowledged:
            allowed += 1
        elif call.is_unknown:
            unknown += 1
        elif call.error is None:
            is_full = allowed + unknown >= GUESSES
            desk.ledger.expect(is_full, "a guess is refused below the limit", "")
    desk.ledger.expect(allowed <= GUESSES, "more guesses than the limit", str(allowed))


async def edit_user(desk: Desk) -> None:
    """Each acknowledged edit of a counter counts: no other edit overwrites it."""
    home = desk.home()
    person = home.person(desk.chance)
    key = {"tenant_id": home.tenant_id, "user_id": person.user.id}
    with desk.ledger.call("users.get_by_id") as read:
        async with desk.door.unit(home.tenant_id) as store:
            user = await store.users.get_by_id(**key)
        if user is None:
            read.refuse()
    if not read.is_acknowledged:
        return
    with desk.ledger.lock:
        person.unknown_increments += 1
    refusals = (ConcurrencyConflictError, NotFoundError)
    with desk.ledger.call("users.update", *refusals) as call:
        async with desk.door.unit(home.tenant_id) as store:
            await store.users.update(
                **key,
                row_version=user.row_version,
                username=user.username,
                email=None,
                display_name="",
                status="active",
                attributes={"n": user.attributes["n"] + 1},
            )
    with desk.ledger.lock:
        person.increments += call.is_acknowledged
        person.unknown_increments -= not call.is_unknown


async def audit_users(desk: Desk) -> None:
    for home in desk.homes:
        for person in home.people:
            key = {"tenant_id": home.tenant_id, "user_id": person.user.id}
            with desk.ledger.call("users.get_by_id") as call:
                async with desk.door.unit(home.tenant_id) as store:
                    user = await store.users.get_by_id(**key)
            if not call.is_acknowledged or user is None:
                continue
            least = person.increments
            most = least + person.unknown_increments
            desk.ledger.expect(
                least <= user.attributes["n"] <= most,
                "an edit is lost or counts twice",
                f"{user.attributes['n']} of {least} to {most}",
            )


async def make_pair(desk: Desk) -> None:
    """A unit of work is done as a whole or not at all."""
    home = desk.home()
    prefix = f"pair-{uuid4()}-"
    fails = desk.chance.random() < 0.3
    with desk.ledger.call("a unit of two writes") as call:
        try:
            async with desk.door.unit(home.tenant_id, autocommit=False) as store:
                for place in ("left", "right"):
                    await store.users.create(
                        tenant_id=home.tenant_id, username=f"{prefix}{place}"
                    )
                if fails:
                    raise UndoneError
        except UndoneError:
            call.refuse()
    # In one statement: the unit may be committed between two.
    with desk.ledger.call("users.list") as look:
        async with desk.door.unit(home.tenant_id) as store:
            page = await store.users.list(tenant_id=home.tenant_id, prefix=prefix)
    if not look.is_acknowledged:
        return
    found = len(page.items)
    whole = {"acknowledged": [2], "refused": [0], "unknown": [0, 2]}[call.outcome]
    rule = "a unit of work is done by halves"
    desk.ledger.expect(found in whole, rule, f"{call.outcome}: {found} of 2")


async def push_request(desk: Desk) -> None:
    """One of two browsers gets a pushed request, and a name is taken once."""
    home = desk.home()
    minted = mint_token("request_uri", home.tenant_id)
    key = {
        "tenant_id": home.tenant_id,
        "request_uri_hash": minted.hash,
        "client_id": home.apps[0].client.client_id,
    }
    with desk.ledger.call("pushed_requests.create", DuplicateError) as call:
        async with desk.door.unit(home.tenant_id) as store:
            await store.pushed_requests.create(**key, parameters={"scope": "openid"})
    given = unknown = 0
    for _ in range(2):
        with desk.ledger.call("pushed_requests.redeem") as redeem:
            async with desk.door.unit(home.tenant_id) as store:
                request = await store.pushed_requests.redeem(
                    **key, redemption_id=uuid4()
                )
            if request is None:
                redeem.refuse()
        given += redeem.is_acknowledged
        unknown += redeem.is_unknown
        if redeem.outcome == "refused" and redeem.error is None:
            holds = given or unknown or not call.is_acknowledged
            desk.ledger.expect(holds, "a pushed request is lost", "")
    desk.ledger.expect(given <= 1, "a pushed request is given twice", str(given))
