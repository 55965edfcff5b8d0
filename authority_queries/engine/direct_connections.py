"""Whether a connection may prepare statements: not where a pooler may stand between.

psycopg gives prepared statements the same names in every process, and a pooler that
does not know of them lends one server connection to many: a client then executes the
statement of another. Whoever pools connections makes up the process id that it tells
its clients at their beginning, which is how it is seen.
"""

from typing import Final, TypeAlias
from weakref import WeakKeyDictionary

from psycopg import AsyncConnection, Connection

AnyConnection: TypeAlias = "AsyncConnection[object] | Connection[object]"

_direct: Final[WeakKeyDictionary[AnyConnection, bool]] = WeakKeyDictionary()

is_direct: Final = _direct.get


def note_process(connection: AnyConnection, process_id: int) -> bool:
    """Remember whether the process that answers is the one that was announced.

    Where it is another one psycopg prepares nothing from then on, also for others who
    use the connection.
    """
    direct = process_id == connection.info.backend_pid
    if not direct:
        connection.prepare_threshold = None
    _direct[connection] = direct
    return direct
