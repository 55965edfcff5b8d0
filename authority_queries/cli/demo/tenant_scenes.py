"""Scenes of isolation between tenants, and of operators."""

from datetime import timedelta

from authority_queries.cli.demo.narrator import Narrator, Step
from authority_queries.cli.demo.sample import Sample
from authority_queries.cli.demo.token_scenes import issue_access_token
from authority_queries.errors import (
    CrossTenantError,
    PermissionDeniedError,
    TenantInactiveError,
)
from authority_queries.records import User
from authority_queries.repositories._sync.store import Store
from authority_queries.service._sync.authority import Authority
from authority_queries.service._sync.maintenance import Maintenance


def stay_apart(
    authority: Authority,
    maintenance: Maintenance,
    narrator: Narrator,
    acme: Sample,
    globex: Sample,
) -> None:
    """Read a tenant's rows as another tenant, and as an operator."""
    with narrator.step("Globex cannot see Acme's rows") as step:
        with authority.tenant(acme.tenant_id, autocommit=True) as store:
            ann = store.users.get_by_username(tenant_id=acme.tenant_id, username="ann")
            step.row("ann, as Acme", ann.display_name if ann else "nobody")
            token = issue_access_token(store, acme.client(store, "acme-web"))
        if ann is None:
            return
        with authority.tenant(globex.tenant_id, autocommit=True) as store:
            _ask_as_globex(store, step, globex, ann)
        with maintenance.store() as store:
            try:
                store.users.get_by_id(tenant_id=acme.tenant_id, user_id=ann.id)
            except PermissionDeniedError as error:
                step.row("Acme's Ann, as an operator", type(error).__name__)
        live = authority.verify_token(token.token)
        step.row("Acme's token, in one trip", "live" if live else "not live")


def _ask_as_globex(store: Store, step: Step, globex: Sample, ann: User) -> None:
    tenant_id = globex.tenant_id
    namesake = store.users.get_by_username(tenant_id=tenant_id, username="ann")
    step.row("ann, as Globex", namesake.display_name if namesake else "nobody")
    foreign = store.users.get_by_id(tenant_id=tenant_id, user_id=ann.id)
    step.row("Acme's Ann by id, as Globex", "visible" if foreign else "no row")
    deleted = store.users.delete(tenant_id=tenant_id, user_id=ann.id)
    step.row("Acme's Ann deleted, as Globex", "deleted" if deleted else "no row")
    try:
        store.users.get_by_id(tenant_id=ann.tenant_id, user_id=ann.id)
    except CrossTenantError as error:
        step.row("Acme's Ann in Globex's unit", type(error).__name__)


def suspend(
    authority: Authority, maintenance: Maintenance, narrator: Narrator, globex: Sample
) -> None:
    """Suspend a tenant and resume it."""
    tenant_id = globex.tenant_id
    with narrator.step("Suspend a tenant") as step, maintenance.store() as operator:
        suspended = operator.tenants.suspend(tenant_id=tenant_id)
        step.row("globex", suspended.status)
        try:
            with authority.tenant(tenant_id) as store:
                store.users.list(tenant_id=tenant_id)
            step.row("a unit of work", "open")
        except TenantInactiveError as error:
            step.row("a unit of work", str(error))
        step.row("globex", operator.tenants.resume(tenant_id=tenant_id).status)


def prune(
    authority: Authority, maintenance: Maintenance, narrator: Narrator, acme: Sample
) -> None:
    """Delete expired rows in batches."""
    with narrator.step("Prune") as step:
        with authority.tenant(acme.tenant_id) as store:
            client = acme.client(store, "acme-web")
            for _ in range(3):
                issue_access_token(store, client, lifetime=timedelta(microseconds=1))
        step.row("three tokens for a microsecond", "issued")
        with maintenance.store() as store:
            _prune_all(store, step)


def _prune_all(store: Store, step: Step) -> None:
    step.row("expired tokens", f"{store.tokens.prune_expired()} deleted")
    families = store.authorizations.prune_expired()
    step.row("ended families", f"{families} deleted")
    step.row("revocations", f"{store.revocations.prune_expired()} deleted")
    step.row("throttles", f"{store.login_attempts.prune_throttles()} deleted")
    made = store.login_attempts.create_partitions()
    step.row("missing partitions of the log", f"{made} created")
    dropped = store.login_attempts.drop_partitions()
    step.row("partitions older than 400 days", f"{dropped} dropped")
