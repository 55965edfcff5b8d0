"""PostgreSQL's enumerations, with the numbers that query trees contain."""

from enum import IntEnum


class Kind(IntEnum):
    """PostgreSQL's kinds of entries in a range table."""

    RELATION = 0
    SUBQUERY = 1
    JOIN = 2
    FUNCTION = 3
    TABLE_FUNCTION = 4
    VALUES = 5
    CTE = 6
    TRANSITION_TABLE = 7
    NOTHING = 8
    GROUP = 9


class Command(IntEnum):
    """PostgreSQL's kinds of statements."""

    SELECT = 1
    UPDATE = 2
    INSERT = 3
    DELETE = 4
    MERGE = 5


class Join(IntEnum):
    """PostgreSQL's kinds of joins in a parse tree."""

    INNER = 0
    LEFT = 1
    FULL = 2
    RIGHT = 3


class SetOperation(IntEnum):
    """PostgreSQL's kinds of set operations."""

    UNION = 1
    INTERSECT = 2
    EXCEPT = 3


class GroupingSet(IntEnum):
    """PostgreSQL's kinds of grouping sets."""

    EMPTY = 0
    SIMPLE = 1
    ROLLUP = 2
    CUBE = 3
    SETS = 4


class Match(IntEnum):
    """PostgreSQL's kinds of WHEN in a MERGE."""

    MATCHED = 0
    NOT_MATCHED_BY_SOURCE = 1
    NOT_MATCHED_BY_TARGET = 2


class OnConflict(IntEnum):
    """PostgreSQL's kinds of ON CONFLICT."""

    NOTHING = 1
    UPDATE = 2


class Sublink(IntEnum):
    """PostgreSQL's kinds of queries in expressions."""

    EXISTS = 0
    ALL = 1
    ANY = 2
    ROW_COMPARISON = 3
    VALUE = 4
    SEVERAL_VALUES = 5
    ARRAY = 6


class Param(IntEnum):
    """PostgreSQL's kinds of parameters in a tree. The statement's own are `GIVEN`."""

    GIVEN = 0
    EXECUTOR = 1
    SUBLINK = 2
    SEVERAL_VALUES = 3


class NullTest(IntEnum):
    """PostgreSQL's kinds of NullTest."""

    IS_NULL = 0
    IS_NOT_NULL = 1


class Version(IntEnum):
    """The version of a row that RETURNING names."""

    UNSAID = 0
    OLD = 1
    NEW = 2


class CallForm(IntEnum):
    """The syntax of a function call."""

    CALL = 0
    CAST = 1
    IMPLICIT_CAST = 2
    SQL_SYNTAX = 3


class SystemColumn(IntEnum):
    """The system columns of tables. They are never null."""

    TABLE_OID = -6
    CTID = -1


class ValueFunction(IntEnum):
    """The value function that can be null; CURRENT_DATE and the others cannot."""

    CURRENT_SCHEMA = 14
