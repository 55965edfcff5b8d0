"""Fixtures for the tests of a service: an authority, clean tenants, a moving clock.

pytest finds the fixtures of `plugin.py` by itself.
"""

from authority_queries.testing.clock import Clock
from authority_queries.testing.tenants import SampleTenant

__all__ = ["Clock", "SampleTenant"]
