"""`authority demo`: a sample authority, stored and used in front of the reader."""

import sys

from authority_queries._backend import running_backend
from authority_queries._sync.authority import Authority
from authority_queries.cli.demo import scenes, token_scenes
from authority_queries.cli.demo.narrator import Narrator
from authority_queries.cli.demo.sample import load_samples
from authority_queries.migrations import migrate
from authority_queries.settings import Settings


def run_demo(settings: Settings) -> None:
    """Migrate, load the samples and play every scene. Can be run again."""
    print(f"PostgreSQL: {settings.describe()}\n")
    narrator = Narrator()
    with running_backend(settings) as conninfo:
        with narrator.step("Apply the migrations with yoyo") as step:
            applied = migrate(conninfo)
            step.row("yoyo apply", f"{len(applied)} applied", sql="schema/migrations")
        with Authority.open(settings) as authority, authority.store() as store:
            with narrator.step("Load three tenants from examples/") as step:
                tenants = load_samples(store, step)
            acme, globex = tenants["acme"], tenants["globex"]
            scenes.rotate_client_secret(store, narrator, acme)
            ann = scenes.sign_in(store, narrator, acme)
            token_scenes.use_tokens(store, narrator, acme, ann)
            token_scenes.act_as_service_account(store, narrator, acme)
            token_scenes.sign_out_everywhere(store, narrator, acme, ann)
            scenes.meter_license(store, narrator, acme)
            scenes.stay_apart(store, narrator, acme, globex)
            scenes.suspend(store, narrator, globex)
            scenes.prune(store, narrator, acme)
    print(f"Look at the rows: {sys.argv[0]} psql -c '\\d+ authority.tokens'")
