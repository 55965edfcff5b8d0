"""What devices and their users do (RFC 8628): of all decisions one is made."""

from typing import Any

from authority_queries import mint_token
from authority_queries.errors import MissingReferenceError
from authority_queries.secrets import hash_user_code, mint_user_code
from tests.soak.homes import App, Home
from tests.soak.token_work import Desk, expect_ending, life_of

SCOPES = ["openid", "email"]


async def approve_device(desk: Desk) -> None:
    """A device asks, its user says yes twice, and the device is told so."""
    home = desk.home()
    app, person = home.app(desk.chance), home.person(desk.chance)
    code = mint_token("device_code", home.tenant_id)
    user_code_hash = hash_user_code(home.tenant_id, mint_user_code())
    if not await _ask(desk, home, app, (code.hash, user_code_hash)):
        return
    approved = unknown = 0
    for _ in range(2):
        with desk.ledger.call("device.approve", MissingReferenceError) as call:
            async with desk.door.unit(home.tenant_id) as store:
                answer = await store.device_authorizations.approve(
                    tenant_id=home.tenant_id,
                    user_code_hash=user_code_hash,
                    user_id=person.user.id,
                    authenticated_at=None,
                    scopes=SCOPES,
                )
            if answer.outcome != "approved":
                call.refuse()
        unknown += call.is_unknown
        if call.is_acknowledged:
            approved += 1
            family = {"authorization_id": answer.authorization_id, "scopes": SCOPES}
            life = life_of(code, app, person, call, {"id": answer.token_id, **family})
            desk.lives.add(life)
            await _poll(desk, app, code.hash)
        elif call.outcome == "refused" and call.error is None:
            is_decided = approved or unknown
            if not is_decided:
                expect_ending(desk, person.subject, call.began, str(answer.outcome))
    desk.ledger.expect(approved <= 1, "two decisions of a device", str(approved))


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
        rule = "a device is not told of its approval"
        desk.ledger.expect(told in ("approved", "invalid"), rule, told)
