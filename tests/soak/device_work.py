"""Devices and their users (RFC 8628): one of all decisions wins."""

from typing import Any

from authority_queries import mint_token
from authority_queries.errors import MissingReferenceError
from authority_queries.secrets import hash_user_code, mint_user_code
from tests.soak.ledger import Call
from tests.soak.tenants import App, Home, Person
from tests.soak.token_work import Desk, expect_ending, life_of

SCOPES = ["openid", "email"]


async def approve_device(desk: Desk) -> None:
    """A device asks, its user approves twice, and the device gets the result."""
    home = desk.home()
    app, person = home.app(desk.chance), home.person(desk.chance)
    code = mint_token("device_code", home.tenant_id)
    user_code_hash = hash_user_code(home.tenant_id, mint_user_code())
    if not await _ask(desk, home, app, (code.hash, user_code_hash)):
        return
    outcomes: list[str] = []
    for _ in range(2):
        call, answer = await _approve(desk, person, user_code_hash)
        if call.is_acknowledged:
            family = {"authorization_id": answer.authorization_id, "scopes": SCOPES}
            made = life_of(code, app, person, call, {"id": answer.token_id, **family})
            desk.lives.add(made)
            await _poll(desk, app, code.hash)
        elif call.outcome == "refused" and answer and {*outcomes} <= {"refused"}:
            expect_ending(desk, person.subject, call.began, str(answer.outcome))
        outcomes.append(call.outcome)
    approved = outcomes.count("acknowledged")
    desk.ledger.expect(approved <= 1, "two decisions of a device", str(approved))


async def _approve(
    desk: Desk, person: Person, user_code_hash: bytes
) -> tuple[Call, Any]:
    tenant_id, answer = person.user.tenant_id, None
    with desk.ledger.call("device.approve", MissingReferenceError) as call:
        async with desk.door.unit(tenant_id) as store:
            answer = await store.device_authorizations.approve(
                tenant_id=tenant_id,
                user_code_hash=user_code_hash,
                user_id=person.user.id,
                authenticated_at=None,
                scopes=SCOPES,
            )
        if answer.outcome != "approved":
            call.refuse()
    return call, answer


async def _ask(desk: Desk, home: Home, app: App, hashes: tuple[bytes, bytes]) -> bool:
    with desk.ledger.call("device.create") as call:
        async with desk.door.unit(home.tenant_id) as store:
            answer = await store.device_authorizations.create(
                tenant_id=home.tenant_id,
                device_code_hash=hashes[0],
                user_code_hash=hashes[1],
                client_id=app.client.client_id,
                scopes=SCOPES,
            )
        if answer.outcome != "created":
            call.refuse()
    rule = "a device is refused"
    desk.ledger.expect(call.outcome != "refused" or call.error, rule, "")
    return call.is_acknowledged


async def _poll(desk: Desk, app: App, device_code_hash: bytes) -> None:
    tenant_id = app.client.tenant_id
    with desk.ledger.call("device.poll") as call:
        answer: Any
        async with desk.door.unit(tenant_id) as store:
            answer = await store.device_authorizations.poll(
                tenant_id=tenant_id,
                device_code_hash=device_code_hash,
                client_id=app.client.client_id,
            )
    if call.is_acknowledged:
        told = str(answer.outcome)
        # Another task may redeem it, or end it, meanwhile.
        rule = "a device does not get its approval"
        desk.ledger.expect(told in ("approved", "invalid"), rule, told)
