"""Two tenants with users, scopes and clients, made once."""

from collections.abc import Mapping
from uuid import UUID

from authority_queries import (
    Authority,
    Maintenance,
    Settings,
    Store,
    hash_client_secret,
    hash_password,
)

PASSWORD = "correct horse battery staple"  # noqa: S105 -- a sample
SECRET = "a-secret-of-the-sample-that-nobody-should-use"  # noqa: S105 -- a sample
TENANTS = {"north": "North Trading", "south": "South Library"}
USERS = {"ann": "Ann Archer", "bob": "Bob Baker"}
SCOPES = {
    "notes.read": ("Read your notes", "See the titles and texts of all your notes."),
    "notes.write": ("Change your notes", "Create, change and delete notes."),
}


def load_sample(settings: Settings, apps: Mapping[str, str]) -> None:
    """Create what is missing. `apps` has the origin of each tenant's application."""
    with (
        Maintenance.open(settings) as maintenance,
        Authority.open(settings) as authority,
    ):
        for code, name in TENANTS.items():
            tenant_id = authority.find_tenant(code)
            is_new = tenant_id is None
            if tenant_id is None:
                with maintenance.store() as store:
                    tenant_id = store.tenants.create(code=code, display_name=name).id
            with authority.tenant(tenant_id) as store:
                if is_new:
                    _load_users(store, tenant_id, code)
                    _load_scopes(store, tenant_id)
                _load_clients(store, tenant_id, apps[code])


def _load_users(store: Store, tenant_id: UUID, code: str) -> None:
    for username, display_name in USERS.items():
        store.users.create(
            tenant_id=tenant_id,
            username=username,
            display_name=display_name,
            email=f"{username}@{code}.example",
            email_verified=username == "ann",
            password_hash=hash_password(PASSWORD),
        )


def _load_scopes(store: Store, tenant_id: UUID) -> None:
    for name, (display_name, description) in SCOPES.items():
        store.scopes.create(
            tenant_id=tenant_id,
            name=name,
            display_name=display_name,
            description=description,
        )


def _load_clients(store: Store, tenant_id: UUID, app: str) -> None:
    """Create the clients. One that had another port loses its consents."""
    redirect_uris = [f"{app}/callback"]
    known = store.clients.get_by_client_id(tenant_id=tenant_id, client_id="notes")
    if known is not None and list(known.redirect_uris) == redirect_uris:
        return
    if known is not None:
        store.clients.delete(tenant_id=tenant_id, client_uuid=known.id)
    notes = store.clients.create(
        tenant_id=tenant_id,
        client_id="notes",
        client_type="confidential",
        display_name="Notes",
        redirect_uris=redirect_uris,
        post_logout_redirect_uris=[f"{app}/signed_out"],
        backchannel_logout_uri=f"{app}/backchannel_logout",
        backchannel_logout_session_required=True,
        token_endpoint_auth_method="client_secret_basic",  # noqa: S106 -- a method
    )
    store.client_secrets.add(
        tenant_id=tenant_id,
        client_uuid=notes.id,
        secret_hash=hash_client_secret(SECRET),
    )
    if known is None:
        store.clients.create(
            tenant_id=tenant_id,
            client_id="television",
            client_type="public",
            application_type="native",
            display_name="The television",
        )
