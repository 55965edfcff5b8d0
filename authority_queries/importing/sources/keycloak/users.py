"""Users of a realm, with all that is theirs, and service accounts."""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Final

from pydantic import JsonValue

from authority_queries.importing.conversions import (
    ConversionError,
    boolean,
    epoch_milliseconds,
    epoch_seconds,
    integer,
    plain_json,
    text,
    text_list,
    username,
)
from authority_queries.importing.documents import Dropped, derive_id
from authority_queries.importing.entries import (
    AnyEntry,
    ConsentEntry,
    ServiceAccountEntry,
    UserEntry,
    UserIdentityEntry,
    UserRoleEntry,
)
from authority_queries.importing.sources.fields import Fields, normalized
from authority_queries.importing.sources.keeping import keep
from authority_queries.importing.sources.keycloak.credentials import Credentials
from authority_queries.importing.sources.keycloak.providers import issuer_of
from authority_queries.importing.sources.keycloak.realms import Realm, as_uuid
from authority_queries.importing.sources.keycloak.roles import Roles, undeclared
from authority_queries.importing.sources.objects import objects
from authority_queries.importing.sources.totp import TotpSealer
from authority_queries.importing.sources.verified_emails import VerifiedEmails

_MOST_ROLES: Final = 100
_ACCOUNT_ID: Final = re.compile(r"[^a-z0-9_.-]+")
_DERIVED: Final = (
    "totp",
    "disableablecredentialtypes",
    "access",
    "self",
    "userprofilemetadata",
)


class Users:
    """Converts the users of one realm."""

    def __init__(self, realm: Realm, roles: Roles, sealer: TotpSealer) -> None:
        self._realm = realm
        self._roles = roles
        self._sealer = sealer
        self._emails = VerifiedEmails()
        self._clients = {str(each.get("clientId")) for each in realm.objects("clients")}

    def entries(self, user: Mapping[str, JsonValue], fields: Fields) -> list[AnyEntry]:
        """Convert a user or a service account."""
        client = fields.take("serviceaccountclientid", text, None)
        if client is not None:
            return [self._account(fields, client)]
        key = fields.take("username", text, "")
        if not key and str(user.get("id")).startswith("f:"):
            message = "the user is of a federated store, and the export has no username"
            raise ConversionError(message)
        sub = fields.take("id", text, None) or str(
            derive_id(self._realm.code, "user", key)
        )
        return self._user(user, fields, sub, username(key))

    def skip(self, user: Mapping[str, JsonValue]) -> None:
        """Remember what a user before the first one claims."""
        with suppress(ConversionError):
            self._emails.take(Fields(user), "emailVerified")

    def _user(
        self, user: Mapping[str, JsonValue], fields: Fields, sub: str, name: str
    ) -> list[AnyEntry]:
        user_id = as_uuid(sub) or derive_id(self._realm.code, "user", sub)
        created_at = fields.take("createdtimestamp", epoch_milliseconds, None)
        not_before = fields.take("notbefore", integer, 0)
        credentials = Credentials(
            realm=self._realm,
            reported=fields,
            sealer=self._sealer,
            user=sub,
            user_id=user_id,
        )
        for number, each in enumerate(fields.take("credentials", objects, [])):
            credentials.add(number, each)
        rest = [
            *self._user_roles(user, fields, sub),
            *self._identities(fields, sub),
            *self._consents(fields, sub),
            *credentials.entries,
        ]
        fields.drop("computed by Keycloak", *_DERIVED)
        entry: dict[str, object] = {
            "id": user_id,
            "subject_id": sub,
            "username": name,
            "password_hash": credentials.password_hash,
            "tokens_valid_after": epoch_seconds(not_before) if not_before else None,
            "status": (
                "active"
                if fields.take("enabled", boolean, otherwise=False)
                else "suspended"
            ),
            "created_at": created_at,
            **self._emails.take(fields, "emailVerified"),
            **_profile(fields),
        }
        return [UserEntry.model_validate(entry), *rest]

    def _user_roles(
        self, user: Mapping[str, JsonValue], fields: Fields, sub: str
    ) -> Iterator[AnyEntry]:
        for name in ("realmroles", "clientroles"):
            fields.take(name, plain_json, None)
        keys, own = self._roles.of_user(user)
        if own:
            reason = "roles of Keycloak's own clients"
            fields.dropped.append(Dropped(field="clientRoles", reason=reason))
        if len(keys) > _MOST_ROLES:
            reason = f"a user has at most {_MOST_ROLES} roles"
            fields.dropped.append(Dropped(field="realmRoles", reason=reason))
            return
        yield from undeclared(keys, self._roles)
        for key in keys:
            yield UserRoleEntry(user=sub, role=self._roles.name_of(key))

    def _identities(self, fields: Fields, sub: str) -> Iterator[UserIdentityEntry]:
        for name, alias, subject, label in (
            ("federatedIdentities", "identityprovider", "userid", "username"),
            # Before Keycloak 1.2.
            ("socialLinks", "socialprovider", "socialuserid", "socialusername"),
        ):
            for each in fields.take(normalized(name), objects, []):
                linked = Fields(each)
                known_as = linked.take(label, text, None)
                yield UserIdentityEntry(
                    issuer=issuer_of(linked.need(alias, text), self._realm),
                    subject=linked.need(subject, text),
                    user=sub,
                    profile={"preferred_username": known_as} if known_as else {},
                )
                linked.drop_rest()
                fields.report(name, linked)

    def _consents(self, fields: Fields, sub: str) -> Iterator[ConsentEntry]:
        for each in fields.take("clientconsents", objects, []):
            consent = Fields(each)
            client = consent.need("clientid", text)
            is_own = self._realm.is_own_client(client)
            if is_own or (self._clients and client not in self._clients):
                reason = "a consent to a client that is not imported"
                fields.dropped.append(Dropped(field="clientConsents", reason=reason))
                continue
            scopes = consent.take("grantedclientscopes", text_list, ())
            yield ConsentEntry(
                user=sub,
                client=client,
                # Keycloak asks about the other scopes only.
                scopes=tuple(dict.fromkeys(("openid", *scopes))),
                created_at=consent.take("createddate", epoch_milliseconds, None),
                updated_at=consent.take("lastupdateddate", epoch_milliseconds, None),
                properties=keep("keycloak", consent.rest(), fields.dropped),
            )

    def _account(self, fields: Fields, client: str) -> ServiceAccountEntry:
        """Convert the service account of a client. It keeps the `sub` of its tokens."""
        name = fields.need("username", text)
        sub = fields.take("id", text, None) or _ACCOUNT_ID.sub("-", name.lower())
        created_at = fields.take("createdtimestamp", epoch_milliseconds, None)
        not_before = fields.take("notbefore", integer, 0)
        fields.drop("a service account has no e-mail address", "emailverified", "email")
        fields.drop("computed by Keycloak", *_DERIVED)
        fields.drop("a service account has no credentials", "credentials")
        scopes = self._scopes_of(client)
        return ServiceAccountEntry(
            id=as_uuid(sub),
            account_id=sub.lower(),
            display_name=name,
            enabled=fields.take("enabled", boolean, otherwise=False),
            tokens_valid_after=epoch_seconds(not_before) if not_before else None,
            allowed_scopes=scopes,
            authorized_clients=(client,),
            attributes=keep("keycloak", fields.rest(), fields.dropped),
            created_at=created_at,
        )

    def _scopes_of(self, client: str) -> tuple[str, ...]:
        """Return the scopes that a client may request."""
        for each in self._realm.objects("clients"):
            if each.get("clientId") == client:
                fields = Fields(each)
                names = ("defaultclientscopes", "optionalclientscopes")
                lists = (fields.take(name, text_list, ()) for name in names)
                return tuple(dict.fromkeys(name for each in lists for name in each))
        return ()


def _profile(fields: Fields) -> dict[str, object]:
    """Convert the names of a user to claims, and keep what is left."""
    given = fields.take("firstname", text, "")
    family = fields.take("lastname", text, "")
    claims = {"given_name": given, "family_name": family}
    attributes = {name: value for name, value in claims.items() if value}
    kept = keep("keycloak", fields.rest(), fields.dropped)
    return {
        "display_name": f"{given} {family}".strip(),
        "attributes": attributes | kept,
    }
