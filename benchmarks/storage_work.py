"""What changes the rows of each table, as a service does it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from ipaddress import IPv4Address
from itertools import count
from typing import Any, Final, TypeAlias
from uuid import UUID, uuid4

from psycopg import Connection

from authority_queries import NewToken, Store, mint_token
from authority_queries.secrets import TokenString

_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)
_FAMILIES: Final = 60
# The oldest refresh tokens expire, are forgotten and pruned after half of the hours.
_HOURS: Final = 96
_numbers: Final = count(1)
_CLOCK: Final = """
create or replace function authority.clock() returns timestamptz
language sql stable parallel safe return statement_timestamp() + interval '{} minutes'
"""
Vacuum: TypeAlias = Callable[[], None]
Fields: TypeAlias = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Site:
    """A tenant's store without row-level security, and what its rows refer to."""

    connection: Connection[Any]
    store: Store
    tenant_id: UUID
    client_uuid: UUID
    user_ids: tuple[UUID, ...]
    vacuum: Vacuum

    def pass_time(self, minutes: int) -> None:
        """Set the clock so many minutes ahead of the server's."""
        self.connection.execute(_CLOCK.format(minutes).encode())


def refresh_hourly(site: Site) -> None:
    """Refresh every family each hour, and prune each hour."""
    held = [_begin_family(site) for _ in range(_FAMILIES)]
    for hour in range(1, _HOURS + 1):
        site.pass_time(60 * hour)
        held = [_refresh(site, token) for token in held]
        for prune in (
            site.store.tokens.prune_expired,
            site.store.tokens.prune_refresh_tokens,
        ):
            prune(older_than=_HOUR)
        site.vacuum()


def _begin_family(site: Site) -> TokenString:
    user_id = site.user_ids[next(_numbers) % len(site.user_ids)]
    subject: Fields = {"tenant_id": site.tenant_id, "client_uuid": site.client_uuid}
    family = site.store.authorizations.create(**subject, user_id=user_id)
    token = mint_token("refresh", site.tenant_id)
    site.store.tokens.create(
        **subject,
        type="refresh",
        token_hash=token.hash,
        user_id=user_id,
        authorization_id=family.id,
        scopes=("openid", "profile", "email"),
        lifetime=_DAY,
    )
    return token


def _refresh(site: Site, token: TokenString) -> TokenString:
    access, refresh = (
        mint_token("access", site.tenant_id),
        mint_token("refresh", site.tenant_id),
    )
    redemption = site.store.redemptions.refresh(
        tenant_id=site.tenant_id,
        token_hash=token.hash,
        client_id="web",
        redemption_id=uuid4(),
        access_token=NewToken(hash=access.hash, lifetime=_HOUR),
        refresh_token=NewToken(hash=refresh.hash, lifetime=_DAY),
    )
    if redemption.outcome != "redeemed":
        raise RuntimeError(redemption.outcome)
    return refresh


def sign_in(site: Site) -> None:
    """Sign in 300 accounts, each 16 times in two days, every other time at once."""
    for turn in range(16):
        site.pass_time(180 * turn)
        for number in range(300):
            check: Fields = {
                "tenant_id": site.tenant_id,
                "username": f"user {number}",
                "address": IPv4Address(167772160 + 256 * number),
                "factor": "password",
            }
            for _ in range(1 + turn % 2):
                if not site.store.login_attempts.reserve(**check).allowed:
                    message = "a throttle is full: nothing to compare"
                    raise RuntimeError(message)
            site.store.login_attempts.succeed(**check)


def poll(site: Site) -> None:
    """Begin 300 requests of devices, poll each six times, and approve it."""
    codes = [_digests("device", number) for number in range(300)]
    for device, user in codes:
        site.store.device_authorizations.create(
            tenant_id=site.tenant_id,
            device_code_hash=device,
            user_code_hash=user,
            client_id="web",
        )
    for turn in range(6):
        site.pass_time(turn)
        for device, _ in codes:
            site.store.device_authorizations.poll(
                tenant_id=site.tenant_id, device_code_hash=device, client_id="web"
            )
    for _, user in codes:
        site.store.device_authorizations.approve(
            tenant_id=site.tenant_id,
            user_code_hash=user,
            user_id=site.user_ids[0],
            authenticated_at=None,
        )


def push(site: Site) -> None:
    """Push 1,000 requests, and then redeem them."""
    digests = [_digests("pushed", number)[0] for number in range(1000)]
    asked: Fields = {"tenant_id": site.tenant_id, "client_id": "web"}
    for digest in digests:
        parameters = {"state": digest.hex(), "scope": "openid profile email"}
        site.store.pushed_requests.create(
            **asked, request_uri_hash=digest, parameters=parameters
        )
    for digest in digests:
        site.store.pushed_requests.redeem(
            **asked, request_uri_hash=digest, redemption_id=uuid4()
        )


def use_licenses(site: Site) -> None:
    """Check out and renew 10 seats of 30 licences, and record 30 uses of each."""
    for _ in range(30):
        license_ = site.store.licenses.create(
            tenant_id=site.tenant_id,
            key_hash=mint_token("license_key", site.tenant_id).hash,
            plan="team",
            seats=10,
            limits={"calls": None},
        )
        key: Fields = {"tenant_id": site.tenant_id, "license_id": license_.id}
        for number in range(30):
            holder = f"holder {number % 10}"
            site.store.license_seats.check_out(**key, holder=holder)
            site.store.license_seats.renew(**key, holder=holder)
            site.store.license_usage.record(
                **key, metric="calls", quantity=1, idempotency_key=str(number)
            )


def publish(site: Site) -> None:
    """Publish 1,000 revocations."""
    for number in range(1000):
        site.store.revocations.publish(
            tenant_id=site.tenant_id,
            category="client",
            target=f"client {number % 10}",
            reason="stolen",
        )


def consent(site: Site) -> None:
    """Let 200 users consent five times, as each sign-in does."""
    key: Fields = {"tenant_id": site.tenant_id, "client_id": "web"}
    for turn in range(5):
        site.pass_time(10 * turn)
        for user_id in site.user_ids:
            site.store.consents.grant(**key, user_id=user_id, scopes=("openid",))


def _digests(kind: str, number: int) -> tuple[bytes, bytes]:
    return (
        sha256(f"{kind} {number}".encode()).digest(),
        sha256(f"user {kind} {number}".encode()).digest(),
    )


WORK: Final[Mapping[Callable[[Site], None], tuple[str, ...]]] = {
    refresh_hourly: ("tokens", "authorizations"),
    sign_in: ("login_throttles",),
    poll: ("device_authorizations",),
    push: ("pushed_requests",),
    use_licenses: ("license_seats", "license_usage_totals"),
    publish: ("revocation_sequences",),
    consent: ("consents",),
}
