"""Issuers on one database, and the stages of their cases."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from authority_queries import Authority, Maintenance, Settings
from authority_queries.testing import Clock, SampleTenant
from tests.cluster import Cluster
from tests.contrib.clients.cases import Case
from tests.contrib.clients.drivers import Library
from tests.contrib.clients.issuers import Issuers, serving_issuers
from tests.contrib.clients.stage import Stage, make_clients


@dataclass
class World:
    """Served issuers. Each case has a person of its own in one of two tenants."""

    issuers: Issuers
    authority: Authority
    maintenance: Maintenance
    cluster: Cluster | None = None
    _tenants: list[SampleTenant] = field(default_factory=list)

    @contextmanager
    def stage(
        self, case: Case, kind: type[Library], clock: Clock | None = None
    ) -> Iterator[Stage]:
        while len(self._tenants) < 2:
            self._tenants.append(self._new_tenant())
        stage = Stage(
            kind=kind,
            issuers=self.issuers,
            tenant=self._new_tenant() if case.is_alone else self._tenants[0],
            other_tenant=self._tenants[1],
            maintenance=self.maintenance,
            clock=clock,
            cluster=self.cluster,
        )
        try:
            yield stage
        finally:
            stage.close()

    def _new_tenant(self) -> SampleTenant:
        code = f"clients-{len(self.issuers.tenants)}"
        with self.maintenance.store() as store:
            row = store.tenants.create(code=code, display_name=code)
        tenant = SampleTenant(self.authority, row)
        self.issuers.secrets[code] = make_clients(tenant, self.issuers)
        self.issuers.tenants[code] = row.id
        return tenant


@contextmanager
def world_on(settings: Settings, cluster: Cluster | None = None) -> Iterator[World]:
    """Serve issuers on this database during the block."""
    with (
        Authority.open(settings) as authority,
        Maintenance.open(settings) as maintenance,
        serving_issuers(settings) as issuers,
    ):
        yield World(issuers, authority, maintenance, cluster)


def played(cases: Sequence[Case]) -> "pytest.MarkDecorator":
    """Return the parameters of a test: each case with each of its libraries."""
    return pytest.mark.parametrize(
        ("case", "kind"),
        [
            pytest.param(case, kind, id=f"{case.flow}-{case.name}-{kind.name}")
            for case in cases
            for kind in case.libraries
        ],
    )
