"""`authority demo`: stores sample tenants and shows each use of the store."""

import sys

from authority_queries.cli.demo import (
    scenes,
    sign_in_scenes,
    tenant_scenes,
    token_scenes,
)
from authority_queries.cli.demo.narrator import Narrator
from authority_queries.cli.demo.sample import load_samples
from authority_queries.service._sync.authority import Authority
from authority_queries.service._sync.maintenance import Maintenance
from authority_queries.service.backend import running_backend
from authority_queries.service.migrations import migrate
from authority_queries.service.settings import Settings


def run_demo(settings: Settings) -> None:
    """Migrate, load the samples and run every scene. Can be run again.

    Everything except the migrations runs as the roles of services and operators.
    """
    print(f"PostgreSQL: {settings.describe()}")
    print("Each unit of a tenant begins with tenants.enter, which sets the tenant.\n")
    narrator = Narrator()
    with running_backend(settings) as conninfo:
        with narrator.step("Apply the migrations with yoyo") as step:
            applied = migrate(conninfo)
            step.row("yoyo apply", f"{len(applied)} applied", sql="schema/migrations")
        with (
            Maintenance.open(settings) as maintenance,
            Authority.open(settings) as authority,
        ):
            with narrator.step("Load three tenants from examples/") as step:
                tenants = load_samples(authority, maintenance, step)
            acme, globex = tenants["acme"], tenants["globex"]
            with authority.tenant(acme.tenant_id, autocommit=True) as store:
                scenes.rotate_client_secret(store, narrator, acme)
                ann = scenes.sign_in(store, narrator, acme)
                token_scenes.use_tokens(store, narrator, acme, ann)
                sign_in_scenes.sign_in_with_two_factors(store, narrator, acme, ann)
                sign_in_scenes.rotate_signing_keys(store, narrator, acme)
                token_scenes.act_as_service_account(store, narrator, acme)
                token_scenes.sign_out_everywhere(store, narrator, acme, ann)
                scenes.meter_license(store, narrator, acme)
            sign_in_scenes.reset_password_and_erase(
                authority, maintenance, narrator, acme
            )
            tenant_scenes.stay_apart(authority, maintenance, narrator, acme, globex)
            tenant_scenes.suspend(authority, maintenance, narrator, globex)
            tenant_scenes.prune(authority, maintenance, narrator, acme)
    print(f"Look at the rows: {sys.argv[0]} psql -c '\\d+ authority.tokens'")
