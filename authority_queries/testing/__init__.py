"""What a service's own tests need: an authority, clean tenants, and a clock that moves.

pytest finds the fixtures of `plugin.py` by itself.
"""

from authority_queries.testing.clock import Clock
from authority_queries.testing.tenants import SampleTenant

__all__ = ["Clock", "SampleTenant"]
