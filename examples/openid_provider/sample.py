"""Two tenants with users, scopes and clients, made once."""

from uuid import UUID

from authority_queries import (
    Authority,
    Maintenance,
    Settings,
    Store,
    hash_client_secret,
    hash_password,
)
from authority_queries.errors import DuplicateError

PASSWORD = "correct horse battery staple"  # noqa: S105 -- a sample
SECRET = "a-secret-of-the-sample-that-nobody-should-use"  # noqa: S105 -- a sample
TENANTS = {"north": "North Trading", "south": "South Library"}
USERS = {"ann": "Ann Archer", "bob": "Bob Baker"}
SCOPES = {
    "notes.read": ("Read your notes", "See the titles and texts of all your notes."),
    "notes.write": ("Change your notes", "Create, change and delete notes."),
}
APP = "http://127.0.0.1:8001"


def load_sample(settings: Settings, *, app: str = APP) -> None:
    """Create the tenants that are missing. `app` is the origin of their clients."""
    with (
        Maintenance.open(settings) as maintenance,
        Authority.open(settings) as authority,
    ):
        for code, name in TENANTS.items():
            try:
                with maintenance.store() as store:
                    tenant = store.tenants.create(code=code, display_name=name)
            except DuplicateError:
                continue
            with authority.tenant(tenant.id) as store:
                _load_users(store, tenant.id, code)
                _load_clients(store, tenant.id, app)


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


def _load_clients(store: Store, tenant_id: UUID, app: str) -> None:
    for name, (display_name, description) in SCOPES.items():
        store.scopes.create(
            tenant_id=tenant_id,
            name=name,
            display_name=display_name,
            description=description,
        )
    store.clients.create(
        tenant_id=tenant_id,
        client_id="notes",
        client_type="public",
        display_name="Notes",
        redirect_uris=[f"{app}/callback.html", f"{app}/silent.html"],
        post_logout_redirect_uris=[f"{app}/"],
        frontchannel_logout_uri=f"{app}/frame.html",
        frontchannel_logout_session_required=True,
    )
    reports = store.clients.create(
        tenant_id=tenant_id,
        client_id="reports",
        client_type="confidential",
        display_name="Monthly reports",
        redirect_uris=[f"{app}/reports/callback"],
        post_logout_redirect_uris=[f"{app}/reports"],
        backchannel_logout_uri=f"{app}/reports/signed_out",
        token_endpoint_auth_method="client_secret_basic",  # noqa: S106 -- a method
    )
    store.client_secrets.add(
        tenant_id=tenant_id,
        client_uuid=reports.id,
        secret_hash=hash_client_secret(SECRET),
    )
    store.clients.create(
        tenant_id=tenant_id,
        client_id="television",
        client_type="public",
        application_type="native",
        display_name="The television",
    )
