"""Every operation of the store on a secret, with recognisable secrets."""

import base64
import hashlib
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

from joserfc.jwk import ECKey

from authority_queries import (
    Keyring,
    NewToken,
    SigningKey,
    TotpSecret,
    hash_password,
    mint_signing_key,
    mint_token,
    mint_totp_secret,
)
from authority_queries.records import Client
from authority_queries.secrets import (
    TokenString,
    mint_recovery_codes,
    parse_foreign_token,
)
from tests.factories import HOUR, new_token
from tests.isolation.canary import Canary

CALLBACK = "https://app.example/cb"

Step = Callable[[], object]


def private_octets(key: SigningKey) -> bytes:
    """Return the random part of a private key on a curve."""
    jwk = ECKey.import_key(key.private_key).as_dict(private=True)
    return base64.urlsafe_b64decode(f"{jwk['d']}=")


def random_part(token: TokenString) -> str:
    return token.token if token.is_foreign else token.token.split("_")[3]


def random_text() -> str:
    return secrets.token_urlsafe(48)


@dataclass(frozen=True)
class Secrets:
    """The secrets of one tenant's holders, and what the database keeps of them."""

    tenant_id: UUID
    password: str = field(default_factory=random_text)
    verifier: str = field(default_factory=random_text)
    email: str = field(default_factory=lambda: f"{random_text()[:40]}@example.org")
    note: str = field(default_factory=random_text)
    signing_key: SigningKey = field(default_factory=partial(mint_signing_key, "ES256"))
    encryption_key: bytes = field(default_factory=partial(secrets.token_bytes, 32))
    totp: TotpSecret = field(default_factory=mint_totp_secret)
    recovery_code: str = field(default_factory=lambda: mint_recovery_codes(1)[0])
    minted: dict[str, TokenString] = field(default_factory=dict)
    hashes: dict[str, str] = field(default_factory=dict)

    def token(self, name: str) -> TokenString:
        """Return the token of this name, made at the first request: `refresh_2`.

        `foreign_refresh` is one of another store.
        """
        if name not in self.minted:
            kind: Any = name.removeprefix("foreign_").rstrip("_0123456789")
            self.minted[name] = (
                parse_foreign_token(random_text(), kind=kind, tenant_id=self.tenant_id)
                if name.startswith("foreign_")
                else mint_token(kind, self.tenant_id)
            )
        return self.minted[name]

    def hash_of(self, name: str) -> str:
        """Return a PHC string of the password or of a client's secret."""
        if name not in self.hashes:
            raw = self.password if name == "password" else self.token(name).token
            self.hashes[name] = hash_password(raw)
        return self.hashes[name]

    @property
    def keyring(self) -> Keyring:
        return Keyring(current="key", keys={"key": self.encryption_key})

    @property
    def challenge(self) -> str:
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")

    def raw(self) -> list[Canary]:
        """Return values that must appear nowhere: of a token only its random part."""
        return [
            Canary.of("password", self.password),
            Canary.of("code_verifier", self.verifier),
            Canary.of("encryption key", self.encryption_key),
            Canary.of("private key", private_octets(self.signing_key)),
            Canary.of("TOTP secret", self.totp.secret),
            Canary.of("recovery code", self.recovery_code),
            Canary.of("typed recovery code", self.recovery_code.replace("-", "")),
            *(
                Canary.of(name, random_part(minted))
                for name, minted in self.minted.items()
            ),
        ]

    def kept(self) -> list[Canary]:
        """Return the values that the database keeps instead."""
        return [
            *(Canary.of(f"hash of {n}", m.hash) for n, m in self.minted.items()),
            *(Canary.of(f"PHC of {n}", h[-40:]) for n, h in self.hashes.items()),
        ]

    def values(self) -> list[Canary]:
        """Return other values of rows."""
        return [Canary.of("email", self.email), Canary.of("note", self.note)]


class Operations:
    """Successful operations of one store that take secrets or their hashes.

    Each is a step: the caller reads its result, and looks around before the next.
    """

    def __init__(self, store: Any, mine: Secrets) -> None:
        self.store = store
        self.mine = mine
        self.tenant = {"tenant_id": mine.tenant_id}

    def user(self, **fields: Any) -> Any:
        defaults = {
            "username": f"user-{uuid4()}",
            "email": self.mine.email,
            "display_name": self.mine.note,
            "attributes": {"note": self.mine.note},
            "password_hash": self.mine.hash_of("password"),
        }
        return self.store.users.create(**self.tenant, **{**defaults, **fields})

    def client(self, **fields: Any) -> Client:
        defaults = {"client_id": f"client-{uuid4()}", "client_type": "confidential"}
        created: Client = self.store.clients.create(
            **self.tenant, **{**defaults, **fields}
        )
        return created

    def issue(self, client: Client, name: str, kind: str, **fields: Any) -> object:
        defaults = {
            "type": kind,
            "token_hash": self.mine.token(name).hash,
            "client_uuid": client.id,
            "lifetime": HOUR,
            "payload": self.mine.note.encode(),
            "properties": {"note": self.mine.note},
        }
        return self.store.tokens.create(**self.tenant, **{**defaults, **fields})

    def issue_code(self, client: Client, name: str, **fields: Any) -> object:
        defaults = {
            "token_hash": self.mine.token(name).hash,
            "client_id": client.client_id,
            "redirect_uri": CALLBACK,
            "code_challenge": self.mine.challenge,
            "properties": {"note": self.mine.note},
            "authenticated_at": None,
        }
        return self.store.grants.issue_code(**self.tenant, **{**defaults, **fields})

    def redeem(self, client: Client, name: str, **fields: Any) -> object:
        defaults = {
            "token_hash": self.mine.token(name).hash,
            "client_id": client.client_id,
            "redemption_id": uuid4(),
            "redirect_uri": CALLBACK,
            "code_verifier": self.mine.verifier,
            "access_token": self.new("access_7"),
        }
        return self.store.redemptions.redeem_code(
            **self.tenant, **{**defaults, **fields}
        )

    def refresh(
        self, client: Client, old: str, new: str, access: str, **fields: Any
    ) -> object:
        defaults = {
            "token_hash": self.mine.token(old).hash,
            "client_id": client.client_id,
            "redemption_id": uuid4(),
            "refresh_token": self.new(new, timedelta(days=1)),
            "access_token": self.new(access),
        }
        return self.store.redemptions.refresh(**self.tenant, **{**defaults, **fields})

    def new(self, name: str, lifetime: timedelta = HOUR) -> NewToken:
        return new_token(self.mine.token(name), lifetime)

    def push(self, client: Client, **fields: Any) -> object:
        defaults = {
            "request_uri_hash": self.mine.token("request_uri").hash,
            "client_id": client.client_id,
            "parameters": {"login_hint": self.mine.email},
        }
        return self.store.pushed_requests.create(
            **self.tenant, **{**defaults, **fields}
        )

    def all(self) -> Iterator[Step]:
        """Return the steps in an order in which each succeeds."""
        client = self.client(consent_type="implicit", redirect_uris=[CALLBACK])
        yield from self._users()
        yield from self._client_secrets(client)
        yield from self._codes(client)
        yield from self._tokens(client)
        yield from self._pushed_requests(client)
        yield from self._devices()
        yield from self._signing_keys()
        yield from self._one_time_tokens()
        yield from self._licenses()
        yield from self._factors()

    def _users(self) -> Iterator[Step]:
        users = self.store.users
        yield partial(self.user, username="ann")
        found = users.get_by_username(**self.tenant, username="ANN")
        key = {**self.tenant, "user_id": found.id}
        yield partial(users.get_by_id, **key)
        yield partial(
            users.set_password_hash,
            **key,
            row_version=found.row_version,
            password_hash=hash_password(self.mine.note),
        )
        yield partial(users.list, **self.tenant)

    def _client_secrets(self, client: Client) -> Iterator[Step]:
        kept, key = self.store.client_secrets, {**self.tenant, "client_uuid": client.id}
        phc = self.mine.hash_of("client_secret")
        yield partial(kept.add, **key, secret_hash=phc)
        yield partial(kept.list_by_client, **key)
        yield partial(kept.list_live, **self.tenant, client_id=client.client_id)
        [secret] = kept.list_by_client(**key)
        own = {**self.tenant, "secret_id": secret.id}
        yield partial(kept.record_use, **own)
        yield partial(kept.expire, **own)

    def _codes(self, client: Client) -> Iterator[Step]:
        ann = self.store.users.get_by_username(**self.tenant, username="ann")
        of_ann = {"user_id": ann.id}
        yield partial(self.issue_code, client, "authorization_code", **of_ann)
        redeem = partial(self.redeem, client, "authorization_code")
        yield partial(redeem, client_id="somebody-else")
        yield redeem  # redeemed
        yield redeem  # reused: the family is revoked
        family = self.store.authorizations.create(**self.tenant, client_uuid=client.id)
        of_family = {"authorization_id": family.id}
        yield partial(self.issue, client, "device_code", "device_code", **of_family)

    def _tokens(self, client: Client) -> Iterator[Step]:
        tokens = self.store.tokens
        ann = self.store.users.get_by_username(**self.tenant, username="ann")
        family = self.store.authorizations.create(**self.tenant, client_uuid=client.id)
        of_family = {"authorization_id": family.id}
        yield partial(self.issue, client, "refresh", "refresh", **of_family)
        yield partial(self.refresh, client, "refresh", "refresh_2", "access_2")
        yield partial(self.issue, client, "access", "access", user_id=ann.id)
        yield partial(
            self.store.grants.issue_to_client,
            **self.tenant,
            token_hash=self.mine.token("access_5").hash,
            client_id=client.client_id,
            lifetime=HOUR,
        )
        access = self.mine.token("access").hash
        yield partial(
            self.store.exchanges.exchange,
            **self.tenant,
            token_hash=self.mine.token("access_6").hash,
            client_id=client.client_id,
            subject_token_hash=access,
            actor_token_hash=access,
            lifetime=HOUR,
        )
        for name in ("access", "access_2"):
            key = {**self.tenant, "token_hash": self.mine.token(name).hash}
            yield partial(tokens.get_by_hash, **key)
            yield partial(tokens.verify, **key)
            yield partial(tokens.diagnose, **key)
        yield partial(
            tokens.list_active_by_client, **self.tenant, client_uuid=client.id
        )
        revocation = {"client_id": client.client_id, "reason": "logout"}
        for name in ("access", "refresh_2"):
            key = {**self.tenant, "token_hash": self.mine.token(name).hash}
            yield partial(tokens.revoke, **key, **revocation)
        yield partial(self.refresh, client, "refresh", "refresh_3", "access_3")
        yield from self._foreign_tokens(client)

    def _foreign_tokens(self, client: Client) -> Iterator[Step]:
        family = self.store.authorizations.create(**self.tenant, client_uuid=client.id)
        of_family = {"authorization_id": family.id}
        for kind in ("access", "refresh"):
            yield partial(self.issue, client, f"foreign_{kind}", kind, **of_family)
            key = {**self.tenant, "token_hash": self.mine.token(f"foreign_{kind}").hash}
            yield partial(self.store.tokens.verify, **key, type=kind)
            yield partial(self.store.tokens.diagnose, **key)
        yield partial(self.refresh, client, "foreign_refresh", "refresh_4", "access_4")

    def _pushed_requests(self, client: Client) -> Iterator[Step]:
        yield partial(self.push, client)
        yield partial(
            self.store.pushed_requests.redeem,
            **self.tenant,
            request_uri_hash=self.mine.token("request_uri").hash,
            client_id=client.client_id,
            redemption_id=uuid4(),
        )

    def _devices(self) -> Iterator[Step]:
        client = self.client(consent_type="implicit")
        user = self.user(email=None)
        devices, code = (
            self.store.device_authorizations,
            self.mine.token("device_code_3"),
        )
        as_device = {**self.tenant, "client_id": client.client_id}
        # A user code itself is too short to be recognised in other text.
        typed = {"user_code_hash": self.mine.token("device_code_4").hash}
        as_user = {**self.tenant, **typed}
        device_code = {"device_code_hash": code.hash}
        note = {"properties": {"note": self.mine.note}}
        yield partial(devices.create, **as_device, **device_code, **typed, **note)
        yield partial(devices.get_by_user_code, **as_user)
        yield partial(devices.poll, **as_device, **device_code)
        yield partial(
            devices.approve, **as_user, user_id=user.id, authenticated_at=None
        )
        yield partial(devices.deny, **as_user, user_id=user.id)
        yield partial(devices.poll, **as_device, **device_code)
        yield partial(
            self.store.redemptions.redeem_device_code,
            **as_device,
            token_hash=code.hash,
            redemption_id=uuid4(),
            access_token=NewToken(hash=self.mine.token("access_8").hash, lifetime=HOUR),
        )

    def _signing_keys(self) -> Iterator[Step]:
        keys, mine = self.store.signing_keys, self.mine
        with_keyring = {**self.tenant, "keyring": mine.keyring}
        yield partial(keys.publish, **with_keyring, key=mine.signing_key)
        next_key = mint_signing_key("ES256")
        at_once = {"publish_ahead": timedelta(0)}
        yield partial(keys.publish, **with_keyring, key=next_key, **at_once)
        yield partial(keys.get_signing, **with_keyring, alg="ES256")
        yield partial(keys.get_jwks, **self.tenant)
        yield partial(keys.list_states, **self.tenant)
        newer = {"newer": secrets.token_bytes(32), "key": mine.encryption_key}
        keyring = Keyring(current="newer", keys=newer)
        yield partial(keys.reencrypt, **self.tenant, keyring=keyring)
        yield partial(keys.rotate, **self.tenant, alg="ES256", tokens_live_for=HOUR)
        yield partial(keys.withdraw_compromised, **self.tenant, kid=next_key.kid)

    def _one_time_tokens(self) -> Iterator[Step]:
        tokens, user = self.store.one_time_tokens, self.user()
        for number in range(2):
            # A code itself is too short to be recognised in other text.
            sent = {"code_hash": self.mine.token(f"one_time_{number + 2}").hash}
            link = {"token_hash": self.mine.token(f"one_time_{number}").hash}
            purpose = {**self.tenant, "purpose": "password_reset"}
            note = {"user_id": user.id, "properties": {"note": self.mine.note}}
            now = {"resend_after": timedelta(0)}
            yield partial(tokens.create, **purpose, **note, **sent, **link, **now)
            yield partial(tokens.get_by_token, **purpose, **link)
            yield partial(tokens.list_by_purpose, **purpose)
            used = link if number else {**sent, "user_id": user.id}
            phc = {"password_hash": self.mine.hash_of("password")}
            yield partial(tokens.reset_password, **self.tenant, **used, **phc)
            yield partial(tokens.redeem, **purpose, **link)

    def _licenses(self) -> Iterator[Step]:
        licenses = self.store.licenses
        key = {**self.tenant, "key_hash": self.mine.token("license_key").hash}
        kept = {"plan": "team", "properties": {"note": self.mine.note}}
        yield partial(licenses.create, **key, **kept)
        yield partial(licenses.get_by_key, **key)
        yield partial(licenses.validate, **key)
        own = {**self.tenant, "license_id": licenses.get_by_key(**key).id}
        yield partial(licenses.suspend, **own, reason="unpaid")
        yield partial(licenses.revoke, **own, reason="unpaid")

    def _factors(self) -> Iterator[Step]:
        user = {**self.tenant, "user_id": self.user(email=None).id}
        with_keys = {**user, "keyring": self.mine.keyring}
        totps, codes = self.store.totp_credentials, self.store.recovery_codes
        yield partial(totps.enroll, **with_keys, secret=self.mine.totp)
        code = {"code": self.mine.totp.code(int(time.time()) // 30)}
        yield partial(totps.confirm, **with_keys, **code)
        yield partial(totps.check, **with_keys, **code)
        yield partial(codes.replace, **user, codes=[self.mine.recovery_code])
        yield partial(codes.use, **user, code=self.mine.recovery_code)
        yield partial(codes.use, **user, code=self.mine.recovery_code)
        yield partial(self.store.user_credentials.list_by_user, **user)
        yield partial(self.store.user_credentials.delete_by_user, **user)
