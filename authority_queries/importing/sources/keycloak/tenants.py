"""Tenants of realms."""

from collections.abc import Mapping
from typing import Final
from uuid import UUID

from authority_queries.importing.conversions import (
    boolean,
    epoch_seconds,
    integer,
    plain_json,
    text,
)
from authority_queries.importing.entries import AnyEntry, TenantEntry
from authority_queries.importing.sources.fields import Fields
from authority_queries.importing.sources.keeping import keep

# The id of the tenant, and what becomes rows of its own.
_CONVERTED: Final = ("id", "roles", "clients", "clientscopes")
_DROPPED: Final[Mapping[str, tuple[str, ...]]] = {
    "each user of a group gets its roles": ("defaultgroups",),
    "see the roles of each user": ("defaultrole", "defaultroles"),
    "the flows of Keycloak have no place here": (
        "authenticationflows",
        "authenticatorconfig",
        "requiredactions",
        "browserflow",
        "registrationflow",
        "directgrantflow",
        "resetcredentialsflow",
        "clientauthenticationflow",
        "dockerauthenticationflow",
        "firstbrokerloginflow",
        "requiredcredentials",
    ),
    "the rules of Keycloak's administrators have no place here": (
        "clientprofiles",
        "clientpolicies",
        "adminpermissionsenabled",
    ),
    "may have secrets: configure it in the service": (
        "components",
        "smtpserver",
        "identityproviders",
        "identityprovidermappers",
        "userfederationproviders",
        "userfederationmappers",
    ),
    "a key of Keycloak": ("privatekey", "publickey", "certificate", "codesecret"),
    "scopes have no roles here": ("scopemappings", "clientscopemappings"),
    "texts of Keycloak's pages": ("localizationtexts", "browsersecurityheaders"),
    "organizations have no place here": ("organizations",),
    "an old form: export again with a newer Keycloak": (
        "applications",
        "oauthclients",
        "clienttemplates",
        "applicationscopemappings",
        "socialproviders",
    ),
}


def tenant_entries(fields: Fields, *, code: str, tenant_id: UUID) -> list[AnyEntry]:
    """Convert the settings of a realm. The groups are kept, since roles have none."""
    for reason, names in _DROPPED.items():
        fields.drop(reason, *names)
    for converted in _CONVERTED:
        fields.take(converted, plain_json, None)
    name = fields.need("realm", text)
    not_before = fields.take("notbefore", integer, 0)
    entry: dict[str, object] = {
        "id": tenant_id,
        "code": code,
        "display_name": fields.take("displayname", text, "") or name,
        "status": "active"
        if fields.take("enabled", boolean, otherwise=True)
        else "suspended",
        "tokens_valid_after": epoch_seconds(not_before) if not_before else None,
    }
    settings = keep("keycloak", {"realm": name} | fields.rest(), fields.dropped)
    return [TenantEntry.model_validate(entry | {"settings": settings})]
