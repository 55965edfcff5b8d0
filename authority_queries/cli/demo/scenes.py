"""Scenes of the daily work: client secrets, sign-in, licences."""

from ipaddress import IPv4Address
from typing import Any, Final

from authority_queries.cli.demo.narrator import Narrator, Step
from authority_queries.cli.demo.sample import Sample
from authority_queries.credentials import (
    hash_client_secret,
    verify_client_secret,
    verify_password,
)
from authority_queries.errors import (
    ConfigurationError,
    LimitReachedError,
)
from authority_queries.records import (
    User,
)
from authority_queries.repositories._sync.store import Store
from authority_queries.secrets import mint_token

_ADDRESS: Final = IPv4Address("203.0.113.7")  # RFC 5737: for documentation


def rotate_client_secret(store: Store, narrator: Narrator, acme: Sample) -> None:
    """Add a second secret to a client, then expire the first one."""
    client = acme.client(store, "acme-web")
    keys: dict[str, Any] = {
        "tenant_id": client.tenant_id,
        "client_id": client.client_id,
    }
    with narrator.step("Rotate a client's secret with no downtime") as step:
        for secret in store.client_secrets.list_live(**keys):
            store.client_secrets.delete(tenant_id=acme.tenant_id, secret_id=secret.id)
        step.row("secrets of earlier runs", "deleted")
        minted = [mint_token("client_secret", acme.tenant_id) for _ in range(2)]
        old, new = (
            store.client_secrets.add(
                tenant_id=acme.tenant_id,
                client_uuid=client.id,
                secret_hash=hash_client_secret(secret.token),
            )
            for secret in minted
        )
        step.row("two secrets", f"{len(store.client_secrets.list_live(**keys))} live")
        store.client_secrets.expire(tenant_id=acme.tenant_id, secret_id=old.id)
        live = store.client_secrets.list_live(**keys)
        step.row("the old one ends", f"{len(live)} live")
        accepted = verify_client_secret(live[0].secret_hash, minted[1].token)
        store.client_secrets.record_use(tenant_id=acme.tenant_id, secret_id=new.id)
        step.row("client_secret_basic", "accepted" if accepted else "refused")


def sign_in(store: Store, narrator: Narrator, acme: Sample) -> User:
    """Sign a user in, first with a wrong password."""
    with narrator.step("Sign a user in") as step:
        _try_password(store, step, acme, "ANN", "wrong password")
        right = acme.user_entry("Ann").password
        user = _try_password(store, step, acme, "ANN", right)
        if user is None:
            message = "Ann cannot sign in: suspended, throttled, or another password"
            raise ConfigurationError(message)
        permissions = store.roles.list_user_permissions(
            tenant_id=acme.tenant_id, user_id=user.id
        )
        step.row("what she may do", f"{len(permissions.items)} permissions")
        attempts = store.login_attempts.list_recent_by_username(
            tenant_id=acme.tenant_id, username="ann"
        )
        step.row("the log's last two", ", ".join(a.outcome for a in attempts.items[:2]))
    return user


def _try_password(
    store: Store, step: Step, acme: Sample, username: str, password: str
) -> User | None:
    account: dict[str, Any] = {
        "tenant_id": acme.tenant_id,
        "username": username,
        "address": _ADDRESS,
    }
    ticket = store.login_attempts.reserve(**account, factor="password")
    user = store.users.get_by_username(tenant_id=acme.tenant_id, username=username)
    known = verify_password(user.password_hash if user else None, password)
    good = ticket.allowed and known and user is not None and user.status == "active"
    if good:
        store.login_attempts.succeed(**account, factor="password")
        store.login_attempts.record(**account, outcome="succeeded")
    elif ticket.allowed:
        reason = "not_active" if known else "wrong_password"
        store.login_attempts.record(**account, outcome="failed", reason=reason)
    result = "signed in" if good else f"refused, {ticket.remaining} tries left"
    step.row(f"{username}, {'right' if good else 'wrong'} password", result)
    return user if good else None


def meter_license(store: Store, narrator: Narrator, acme: Sample) -> None:
    """Create a licence, lease its seats, and use it up to its limit."""
    bought = acme.file.license
    if bought is None:
        return
    with narrator.step("Activate a licence and use it up") as step:
        key = mint_token("license_key", acme.tenant_id)
        licence = store.licenses.create(
            tenant_id=acme.tenant_id, key_hash=key.hash, **bought.model_dump()
        )
        step.row(f"licence of plan {licence.plan}", f"key {key.token[:12]}…")
        valid = store.licenses.validate(tenant_id=acme.tenant_id, key_hash=key.hash)
        step.row("the key is presented", valid.state if valid else "unknown")
        keys: dict[str, Any] = {"tenant_id": acme.tenant_id, "license_id": licence.id}
        for number in range(bought.seats + 1):
            holder = f"laptop-{number + 1}"
            step.row(f"{holder} takes a seat", _take_seat(store, keys, holder))
        for metric, allowed in bought.limits.items():
            _use_up(store, step, keys, metric, allowed)
        totals = store.license_usage.list_totals(**keys)
        used = ", ".join(f"{t.metric} {t.used} of {t.allowance}" for t in totals.items)
        step.row("totals of the period", used)


def _take_seat(store: Store, keys: dict[str, Any], holder: str) -> str:
    try:
        seat = store.license_seats.check_out(**keys, holder=holder)
    except LimitReachedError:
        return "no seat is free"
    return f"seat {seat.seat_number}"


def _use_up(
    store: Store, step: Step, keys: dict[str, Any], metric: str, allowed: int
) -> None:
    for number in [*range(allowed), 0, allowed]:
        use: dict[str, Any] = {
            "metric": metric,
            "quantity": 1,
            "idempotency_key": f"call-{number}",
        }
        try:
            receipt = store.license_usage.record(**keys, **use)
        except LimitReachedError:
            result = "limit reached, nothing recorded"
        else:
            result = "recorded" if receipt.recorded else "recorded before: ignored"
        step.row(f"{metric}, reported as call-{number}", result)
