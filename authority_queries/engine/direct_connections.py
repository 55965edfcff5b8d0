"""The connections that have no pooler before the server, and so may prepare statements.

psycopg uses the same names for prepared statements in every process. A pooler that does
not track them lends one server connection to many clients: one client then executes
another's statement. A pooler sends its clients an invented process id when they
connect, which differs from the id of the server process that answers.
"""

from typing import Final, TypeAlias
from weakref import WeakKeyDictionary

from psycopg import AsyncConnection, Connection

AnyConnection: TypeAlias = "AsyncConnection[object] | Connection[object]"

_direct: Final[WeakKeyDictionary[AnyConnection, bool]] = WeakKeyDictionary()

is_direct: Final = _direct.get


def note_process(connection: AnyConnection, process_id: int) -> bool:
    """Remember and return whether the announced process is the one that answers.

    Otherwise psycopg prepares no statement on the connection from then on, for any user
    of it.
    """
    direct = process_id == connection.info.backend_pid
    if not direct:
        connection.prepare_threshold = None
    _direct[connection] = direct
    return direct
