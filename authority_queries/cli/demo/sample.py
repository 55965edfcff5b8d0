"""Loads the sample tenants of examples/*.toml; creates only missing rows."""

from dataclasses import dataclass
from uuid import UUID

from authority_queries.cli.demo.narrator import Step
from authority_queries.cli.demo.sample_file import SampleFile, UserEntry, read_sample
from authority_queries.credentials import hash_password
from authority_queries.errors import ConfigurationError, NotFoundError
from authority_queries.records import (
    Client,
    Tenant,
    User,
)
from authority_queries.repositories._sync.store import Store
from authority_queries.resources import EXAMPLES
from authority_queries.service._sync.authority import Authority
from authority_queries.service._sync.maintenance import Maintenance


@dataclass(frozen=True)
class Sample:
    """A tenant in the store, and its file."""

    tenant: Tenant
    file: SampleFile

    @property
    def tenant_id(self) -> UUID:
        """The tenant's id."""
        return self.tenant.id

    def client(self, store: Store, client_id: str) -> Client:
        """Get a client of the tenant. Raises NotFoundError."""
        client = store.clients.get_by_client_id(
            tenant_id=self.tenant_id, client_id=client_id
        )
        if client is None:
            message = f"{self.tenant.code} has no client {client_id}"
            raise NotFoundError(message)
        return client

    def user_entry(self, username: str) -> UserEntry:
        """Get a user's entry in the file. Raises ConfigurationError."""
        for entry in self.file.users:
            if entry.username == username:
                return entry
        message = f"{self.tenant.code}.toml has no user {username}"
        raise ConfigurationError(message)


def load_samples(
    authority: Authority, maintenance: Maintenance, step: Step
) -> dict[str, Sample]:
    """Load all files; return samples by tenant code. Raises ConfigurationError."""
    files = [read_sample(path) for path in sorted(EXAMPLES.glob("*.toml"))]
    samples = [_load(authority, maintenance, file, step) for file in files]
    by_code = {sample.tenant.code: sample for sample in samples}
    missing = {"acme", "globex"} - by_code.keys()
    if missing:
        message = f"the demo needs tenants that examples/ lacks: {', '.join(missing)}"
        raise ConfigurationError(message)
    return by_code


def _load(
    authority: Authority, maintenance: Maintenance, file: SampleFile, step: Step
) -> Sample:
    with maintenance.store() as store:
        tenant = store.tenants.get_by_code(code=file.tenant.code)
        found = tenant is not None
        tenant = tenant or store.tenants.create(**file.tenant.model_dump())
    step.row(f"tenant {tenant.code}", _outcome(found))
    sample = Sample(tenant, file)
    with authority.tenant(tenant.id, autocommit=True) as store:
        _load_scopes(store, sample, step)
        _load_roles(store, sample, step)
        _load_users(store, sample, step)
        _load_clients(store, sample, step)
        _load_service_accounts(store, sample, step)
    return sample


def _outcome(found: object) -> str:
    return "already there" if found else "created"


def _load_scopes(store: Store, sample: Sample, step: Step) -> None:
    for entry in sample.file.scopes:
        found = store.scopes.get_by_name(tenant_id=sample.tenant_id, name=entry.name)
        if found is None:
            store.scopes.create(tenant_id=sample.tenant_id, **entry.model_dump())
        step.row(f"  scope {entry.name}", _outcome(found))


def _load_roles(store: Store, sample: Sample, step: Step) -> None:
    for entry in sample.file.roles:
        found = store.roles.get_by_name(tenant_id=sample.tenant_id, name=entry.name)
        if found is None:
            store.roles.create(tenant_id=sample.tenant_id, **entry.model_dump())
        step.row(f"  role {entry.name}", _outcome(found))


def _load_users(store: Store, sample: Sample, step: Step) -> None:
    for entry in sample.file.users:
        found = store.users.get_by_username(
            tenant_id=sample.tenant_id, username=entry.username
        )
        user = found or store.users.create(
            tenant_id=sample.tenant_id,
            password_hash=hash_password(entry.password),
            **entry.model_dump(exclude={"password", "roles"}),
        )
        for name in entry.roles:
            _assign_role(store, user, name)
        step.row(f"  user {user.username}: {', '.join(entry.roles)}", _outcome(found))


def _assign_role(store: Store, user: User, name: str) -> None:
    role = store.roles.get_by_name(tenant_id=user.tenant_id, name=name)
    if role is None:
        message = f"the user {user.username} has an unknown role {name}"
        raise ConfigurationError(message)
    store.user_roles.assign(
        tenant_id=user.tenant_id, user_id=user.id, role_id=role.id, granted_by="demo"
    )


def _load_clients(store: Store, sample: Sample, step: Step) -> None:
    for entry in sample.file.clients:
        found = store.clients.get_by_client_id(
            tenant_id=sample.tenant_id, client_id=entry.client_id
        )
        if found is None:
            store.clients.create(tenant_id=sample.tenant_id, **entry.model_dump())
        step.row(f"  client {entry.client_id}", _outcome(found))


def _load_service_accounts(store: Store, sample: Sample, step: Step) -> None:
    for entry in sample.file.service_accounts:
        found = store.service_accounts.get_by_account_id(
            tenant_id=sample.tenant_id, account_id=entry.account_id
        )
        if found is None:
            store.service_accounts.create(
                tenant_id=sample.tenant_id,
                authorized_client_uuids=[
                    sample.client(store, name).id for name in entry.authorized_clients
                ],
                **entry.model_dump(exclude={"authorized_clients"}),
            )
        step.row(f"  service account {entry.account_id}", _outcome(found))
