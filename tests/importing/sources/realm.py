"""A realm of Keycloak with each field that an export has, and known passwords."""

import base64
import hashlib
import json
from typing import Final

from argon2.low_level import Type, hash_secret_raw
from pydantic import JsonValue

ANN: Final = "0b9d8d1e-7c43-4f0a-9d0b-6f0c2b8f7a01"
BOB: Final = "0b9d8d1e-7c43-4f0a-9d0b-6f0c2b8f7a02"
ROBOT: Final = "0b9d8d1e-7c43-4f0a-9d0b-6f0c2b8f7a03"
OLD: Final = "0b9d8d1e-7c43-4f0a-9d0b-6f0c2b8f7a04"
REALM_ID: Final = "0b9d8d1e-7c43-4f0a-9d0b-6f0c2b8f7a05"
ANNS_PASSWORD: Final = "ann's long password"
BOBS_PASSWORD: Final = "bob's long password"
OLD_PASSWORD: Final = "an old password"
PLAIN_PASSWORD: Final = "plain-words-4711"
SECRET: Final = "a-secret-of-32-random-characters"
ROTATED: Final = "the-secret-before-that-one"
TOTP_SECRET: Final = "aTotpSecretOf20Chars"
CREATED: Final = 1693887631918
_SALT: Final = b"0123456789abcdef"


def _hash(password: str, digest: str = "sha512", rounds: int = 1000) -> str:
    found = hashlib.pbkdf2_hmac(digest, password.encode(), _SALT, rounds)
    return base64.b64encode(found).decode()


def _argon2(password: str) -> str:
    found = hash_secret_raw(password.encode(), _SALT, 1, 64, 1, 32, Type.ID)
    return base64.b64encode(found).decode()


def _password(value: str, data: JsonValue, **more: JsonValue) -> dict[str, JsonValue]:
    secret = {"value": value, "salt": base64.b64encode(_SALT).decode()}
    return {
        "type": "password",
        "secretData": json.dumps(secret | {"additionalParameters": {}}),
        "credentialData": json.dumps(data),
        **more,
    }


PASSKEY: Final[dict[str, JsonValue]] = {
    "id": "0b9d8d1e-7c43-4f0a-9d0b-6f0c2b8f7a21",
    "type": "webauthn-passwordless",
    "userLabel": "Ann's telephone",
    "createdDate": 1693888572800,
    "secretData": "{}",
    "credentialData": json.dumps(
        {
            "aaguid": "00112233-4455-6677-8899-aabbccddeeff",
            "credentialId": base64.b64encode(b"a credential's identifier").decode(),
            "counter": 7,
            "credentialPublicKey": base64.urlsafe_b64encode(b"\xa5\x01\x02").decode(),
            "attestationStatementFormat": "none",
            "transports": ["internal"],
        }
    ),
}
TOTP: Final[dict[str, JsonValue]] = {
    "id": "0b9d8d1e-7c43-4f0a-9d0b-6f0c2b8f7a22",
    "type": "otp",
    "userLabel": "Ann's application",
    "createdDate": 1693888572900,
    "secretData": json.dumps({"value": TOTP_SECRET}),
    "credentialData": json.dumps(
        {
            "subType": "totp",
            "digits": 6,
            "counter": 0,
            "period": 30,
            "algorithm": "HmacSHA1",
        }
    ),
}
ANN_THERE: Final[dict[str, JsonValue]] = {
    "id": ANN,
    "createdTimestamp": CREATED,
    "username": "ann",
    "enabled": True,
    "totp": True,
    "emailVerified": True,
    "firstName": "Ann",
    "lastName": "Acme",
    "email": "ann@acme.example",
    "attributes": {"costCentre": ["4711"], "api_secret": ["do-not-keep-this"]},
    "credentials": [
        _password(
            _hash(ANNS_PASSWORD),
            {"hashIterations": 1000, "algorithm": "pbkdf2-sha512"},
            id="0b9d8d1e-7c43-4f0a-9d0b-6f0c2b8f7a23",
            userLabel="first",
            createdDate=1693888572700,
            priority=10,
        ),
        PASSKEY,
        TOTP,
        {"type": "recovery-authn-codes", "secretData": "{}", "credentialData": "{}"},
    ],
    "disableableCredentialTypes": ["password"],
    "requiredActions": ["CONFIGURE_TOTP"],
    "federatedIdentities": [
        {"identityProvider": "work", "userId": "w-1", "userName": "ann.acme"},
        {"identityProvider": "google", "userId": "1234567890", "userName": "ann@g"},
        {"identityProvider": "other", "userId": "o-1"},
    ],
    "realmRoles": ["default-roles-acme"],
    "clientRoles": {"web": ["Editor"], "account": ["manage-account"]},
    "clientConsents": [
        {
            "clientId": "web",
            "grantedClientScopes": ["profile", "orders"],
            "createdDate": 1693888572000,
            "lastUpdatedDate": 1693888573000,
        },
        {"clientId": "account-console", "grantedClientScopes": ["profile"]},
    ],
    "notBefore": 1693887000,
    "groups": ["/staff/editors"],
    "federationLink": "a-directory",
    "unheardOf": "of a later version",
}
USERS: Final[list[JsonValue]] = [
    ANN_THERE,
    {
        "id": BOB,
        "username": "bob",
        "enabled": False,
        "email": "ANN@acme.example",
        "emailVerified": True,
        "credentials": [
            _password(
                _argon2(BOBS_PASSWORD),
                {
                    "hashIterations": 1,
                    "algorithm": "argon2",
                    "additionalParameters": {
                        "type": ["id"],
                        "version": ["1.3"],
                        "memory": ["64"],
                        "parallelism": ["1"],
                        "hashLength": ["32"],
                    },
                },
            )
        ],
        "realmRoles": ["admin", "undeclared"],
    },
    {
        "id": ROBOT,
        "username": "service-account-web",
        "enabled": True,
        "serviceAccountClientId": "web",
        "createdTimestamp": CREATED,
        "realmRoles": ["reader"],
        "notBefore": 0,
    },
    {
        "id": OLD,
        "username": "old",
        "enabled": True,
        "credentials": [
            {
                "type": "password",
                "hashedSaltedValue": _hash(OLD_PASSWORD, "sha1"),
                "salt": base64.b64encode(_SALT).decode(),
                "hashIterations": 1000,
                "algorithm": "pbkdf2",
            }
        ],
        "socialLinks": [
            {
                "socialProvider": "google",
                "socialUserId": "555",
                "socialUsername": "old@g",
            }
        ],
    },
    {
        "username": "plain",
        "enabled": True,
        "credentials": [{"type": "password", "value": PLAIN_PASSWORD}],
    },
]
WEB: Final[dict[str, JsonValue]] = {
    "id": "0b9d8d1e-7c43-4f0a-9d0b-6f0c2b8f7a31",
    "clientId": "web",
    "name": "The shop",
    "description": "Where people buy.",
    "rootUrl": "https://shop.example",
    "baseUrl": "/home",
    "enabled": True,
    "clientAuthenticatorType": "client-secret",
    "secret": SECRET,
    "registrationAccessToken": "a-token-of-keycloak",
    "redirectUris": ["/callback", "https://shop.example/app/*", "com.shop:/cb"],
    "webOrigins": ["+"],
    "notBefore": 1693887001,
    "bearerOnly": False,
    "consentRequired": True,
    "standardFlowEnabled": True,
    "implicitFlowEnabled": False,
    "directAccessGrantsEnabled": False,
    "serviceAccountsEnabled": True,
    "publicClient": False,
    "frontchannelLogout": False,
    "protocol": "openid-connect",
    "attributes": {
        "post.logout.redirect.uris": "https://shop.example/bye##+",
        "backchannel.logout.url": "https://shop.example/logout",
        "backchannel.logout.session.required": "true",
        "pkce.code.challenge.method": "S256",
        "access.token.lifespan": "300",
        "oauth2.device.authorization.grant.enabled": "true",
        "oidc.ciba.grant.enabled": "false",
        "client.secret.creation.time": "1693887002",
        "client.secret.rotated": ROTATED,
        "client.secret.rotated.expiration.time": "4102444800",
        "use.jwks.url": "true",
        "jwks.url": "https://shop.example/keys",
        "saml.signing.private.key": "do-not-keep-this",
        "display.on.consent.screen": "false",
    },
    "authenticationFlowBindingOverrides": {"browser": "a-flow"},
    "fullScopeAllowed": True,
    "nodeReRegistrationTimeout": -1,
    "protocolMappers": [{"name": "a mapper", "config": {"claim.name": "a-claim"}}],
    "defaultClientScopes": ["profile", "orders"],
    "optionalClientScopes": ["offline_access"],
    "authorizationSettings": {"policyEnforcementMode": "ENFORCING"},
    "access": {"view": True},
}
CLIENTS: Final[list[JsonValue]] = [
    WEB,
    {"clientId": "spa", "publicClient": True, "redirectUris": ["http://[::1]/cb"]},
    {"clientId": "api", "bearerOnly": True, "secret": "**********"},
    {"clientId": "wiki", "protocol": "saml"},
    {"clientId": "account", "rootUrl": "${authBaseUrl}"},
]
ROLES: Final[dict[str, JsonValue]] = {
    "realm": [
        {
            "id": "0b9d8d1e-7c43-4f0a-9d0b-6f0c2b8f7a41",
            "name": "default-roles-acme",
            "description": "Everybody",
            "composite": True,
            "composites": {
                "realm": ["reader"],
                "client": {"account": ["manage-account"]},
            },
            "clientRole": False,
            "containerId": REALM_ID,
            "attributes": {"a": ["b"]},
        },
        {"name": "reader"},
        {"name": "admin", "description": "Of the shop"},
        {"name": "Reader"},
    ],
    "client": {
        "web": [{"name": "Editor"}, {"name": "author"}],
        "account": [{"name": "manage-account"}],
    },
}
REALM: Final[dict[str, JsonValue]] = {
    "id": REALM_ID,
    "realm": "acme",
    "displayName": "Acme Corporation",
    "notBefore": 1693887003,
    "enabled": True,
    "accessTokenLifespan": 301,
    "passwordPolicy": "length(12)",
    "webAuthnPolicyPasswordlessUserVerificationRequirement": "required",
    "webAuthnPolicyPasswordlessRequireResidentKey": "Yes",
    "roles": ROLES,
    "groups": [
        {
            "name": "staff",
            "path": "/staff",
            "realmRoles": ["Reader"],
            "subGroups": [
                {
                    "name": "editors",
                    "path": "/staff/editors",
                    "attributes": {"floor": ["3"]},
                    "clientRoles": {"web": ["author"]},
                }
            ],
        }
    ],
    "clients": CLIENTS,
    "clientScopes": [
        {
            "id": "0b9d8d1e-7c43-4f0a-9d0b-6f0c2b8f7a51",
            "name": "orders",
            "description": "The orders",
            "protocol": "openid-connect",
            "attributes": {"consent.screen.text": "Your orders"},
        },
        {"name": "profile", "protocol": "openid-connect"},
        {"name": "role_list", "protocol": "saml"},
    ],
    "identityProviders": [
        {
            "alias": "work",
            "providerId": "oidc",
            "config": {"issuer": "https://work.example", "clientSecret": "hidden"},
        }
    ],
    "smtpServer": {"host": "mail.example", "password": "do-not-keep-this"},
    "components": {"keys": [{"config": {"privateKey": ["do-not-keep-this"]}}]},
    "authenticationFlows": [{"alias": "browser"}],
    "keycloakVersion": "26.3.1",
    "attributes": {"frontendUrl": "https://login.acme.example"},
}


def with_users() -> dict[str, JsonValue]:
    """One file with everything."""
    return {**REALM, "users": USERS}
