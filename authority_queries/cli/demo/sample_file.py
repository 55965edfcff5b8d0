"""The format of the files in examples/."""

import tomllib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from authority_queries.errors import ConfigurationError
from authority_queries.records import (
    ClientApplicationType,
    ClientConsentType,
    ClientType,
    LicenseUsagePeriod,
    UserStatus,
)

Names = Annotated[list[str], Field(default_factory=list)]
Object = Annotated[dict[str, JsonValue], Field(default_factory=dict)]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TenantEntry(_Entry):
    """The tenant itself."""

    code: str
    display_name: str
    status: Literal["active", "trial"] = "active"
    settings: Object


class ScopeEntry(_Entry):
    """A scope beside the standard ones."""

    name: str
    display_name: str = ""
    description: str = ""
    resources: Names


class RoleEntry(_Entry):
    """A role beside the system's."""

    name: str
    description: str = ""
    permissions: Names


class UserEntry(_Entry):
    """A user. Only the hash of the password is stored."""

    username: str
    password: str
    email: str | None = None
    display_name: str = ""
    status: UserStatus = "active"
    roles: Names


class ClientEntry(_Entry):
    """A client, with the fields of an OpenIddict application."""

    client_id: str
    client_type: ClientType
    application_type: ClientApplicationType = "web"
    consent_type: ClientConsentType = "explicit"
    display_name: str = ""
    display_names: Object
    redirect_uris: Names
    post_logout_redirect_uris: Names
    grant_types: list[str] | None = None
    permissions: Names
    requirements: Names


class ServiceAccountEntry(_Entry):
    """A service account. `authorized_clients` are client_ids in the same file."""

    account_id: str
    display_name: str = ""
    description: str = ""
    allowed_scopes: Names
    authorized_clients: Names


class LicenseEntry(_Entry):
    """The tenant's licence. Each run creates a new key."""

    plan: str
    seats: int = 0
    features: Names
    usage_period: LicenseUsagePeriod = "month"
    limits: dict[str, Annotated[int, Field(ge=0, le=20)]]


class SampleFile(_Entry):
    """A whole file."""

    tenant: TenantEntry
    scopes: list[ScopeEntry] = []
    roles: list[RoleEntry] = []
    users: list[UserEntry] = []
    clients: list[ClientEntry] = []
    service_accounts: list[ServiceAccountEntry] = []
    license: LicenseEntry | None = None


def read_sample(path: Path) -> SampleFile:
    """Read a file. Raises ConfigurationError with the file's name and the fault."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        return SampleFile.model_validate(content)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        message = f"{path.name} is not TOML: {error}"
        raise ConfigurationError(message) from error
    except ValidationError as error:
        # Not chained: pydantic's message repeats the input, including passwords.
        faults = "; ".join(
            f"{'.'.join(map(str, detail['loc']))}: {detail['msg']}"
            for detail in error.errors()
        )
        message = f"{path.name}: {faults}"
        raise ConfigurationError(message) from None
