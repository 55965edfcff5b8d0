"""A client that no program of the examples is: an application in the browser."""

from uuid import UUID

from authority_queries import Store


def add_spa(store: Store, tenant_id: UUID, app: str) -> None:
    """Create the public client `spa`, whose pages are at this origin."""
    store.clients.create(
        tenant_id=tenant_id,
        client_id="spa",
        client_type="public",
        display_name="Notes in the browser",
        redirect_uris=[f"{app}/callback.html", f"{app}/silent.html"],
        post_logout_redirect_uris=[f"{app}/"],
        frontchannel_logout_uri=f"{app}/frame.html",
        frontchannel_logout_session_required=True,
    )
