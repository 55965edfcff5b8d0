"""What a check constraint proves of a column, read from its expression."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pglast
from pglast import ast
from pglast.enums.parsenodes import A_Expr_Kind
from pglast.enums.primnodes import BoolExprType, NullTestType

_TEXTS = frozenset({"text", "varchar"})
_SIZES = frozenset({"char_length", "character_length", "length", "octet_length"})


@dataclass(slots=True)
class Proof:
    """What holds of a column's values when they are not null."""

    not_null: bool = False
    elements_not_null: bool = False
    values: frozenset[str] | None = None
    json_kind: str | None = None
    size: tuple[int, int | None] | None = None
    rule: tuple[str | int, ...] | None = None


@dataclass(slots=True)
class Proofs:
    """Proofs by column. `value` is what a domain's checks call its value."""

    by_column: dict[str, Proof] = field(default_factory=dict)

    def of(self, column: str) -> Proof:
        """Give the proof for a column, to read or to add to."""
        return self.by_column.setdefault(column, Proof())

    def add(self, expression: str) -> None:
        """Learn from a check, as pg_get_expr spells it."""
        (statement,) = pglast.parse_sql(f"select {expression}")
        select = statement.stmt
        if isinstance(select, ast.SelectStmt) and select.targetList:
            self._learn(select.targetList[0].val)

    def _learn(self, node: object) -> None:
        # A check passes when it is not false. Each shape below is true or false, not
        # null, for a column that is not null.
        match node:
            case ast.BoolExpr(boolop=BoolExprType.AND_EXPR, args=args):
                for argument in args or ():
                    self._learn(argument)
            case ast.BoolExpr(boolop=BoolExprType.OR_EXPR, args=args):
                self._learn_from_choices(args or ())
            case ast.NullTest(nulltesttype=NullTestType.IS_NOT_NULL, arg=arg):
                if column := _column(arg):
                    self.of(column).not_null = True
            case ast.NullTest(
                nulltesttype=NullTestType.IS_NULL, arg=ast.FuncCall() as call
            ):
                self._learn_of_elements(call)
            case ast.FuncCall(args=[value, *others]):
                if column := _column(value):
                    numbers = [_number(other) for other in others]
                    known = [number for number in numbers if number is not None]
                    self.of(column).rule = (_function(node), *known)
            case _:
                self._learn_values(node)
                self._learn_size(node)

    def _learn_size(self, node: object) -> None:
        """Learn from `char_length(x) <= 256`, `octet_length(x) = 32`, `x <> ''`."""
        match node:
            case ast.A_Expr(lexpr=left, rexpr=right) if _constant(right) == "":
                if _operator(node) == "<>" and (column := _column(left)):
                    _, most = self.of(column).size or (0, None)
                    self.of(column).size = 1, most
                return
            case ast.A_Expr(lexpr=ast.FuncCall(args=[value]) as call, rexpr=right):
                column, number = _column(value), _number(right)
            case _:
                return
        if not column or number is None or _function(call) not in _SIZES:
            return
        least, most = self.of(column).size or (0, None)
        match _operator(node):
            case "=":
                self.of(column).size = number, number
            case "<=":
                self.of(column).size = least, min(number, most or number)
            case ">=":
                self.of(column).size = max(number, least), most

    def _learn_of_elements(self, call: ast.FuncCall) -> None:
        """Learn from `array_position(x, null) is null`."""
        match call.args:
            case [array, null] if _function(call) == "array_position":
                constant = _uncast(null)
                column = _column(array)
                if column and isinstance(constant, ast.A_Const) and constant.isnull:
                    self.of(column).elements_not_null = True

    def _learn_from_choices(self, choices: Sequence[object]) -> None:
        """Learn from `x is null or x in (…)`, or from `x = 'a' or x = 'b'`."""
        sets = [_allowed(choice) for choice in choices if not _is_null_test(choice)]
        columns = {column for column, _ in sets}
        nulls = {_is_null_test(choice) for choice in choices} - {""}
        if len(columns) == 1 and nulls <= columns and "" not in columns:
            (column,) = columns
            self._allow(column, frozenset().union(*(values for _, values in sets)))

    def _learn_values(self, node: object) -> None:
        column, values = _allowed(node)
        if column:
            self._allow(column, values)
        match node:
            case ast.A_Expr(lexpr=ast.FuncCall(args=[argument]) as call, rexpr=kind):
                if _operator(node) == "=" and _function(call) == "jsonb_typeof":
                    self.of(_column(argument)).json_kind = _constant(kind)

    def _allow(self, column: str, values: frozenset[str]) -> None:
        known = self.of(column).values
        self.of(column).values = values if known is None else known & values


def _allowed(node: object) -> tuple[str, frozenset[str]]:
    """Read `x = 'a'`, `x in ('a', 'b')` and `x = any (array['a', 'b'])`."""
    match node:
        case ast.A_Expr(kind=A_Expr_Kind.AEXPR_OP, lexpr=left, rexpr=right):
            constants: Sequence[object] = (right,)
        case ast.A_Expr(kind=A_Expr_Kind.AEXPR_IN, lexpr=left, rexpr=right):
            constants = right if isinstance(right, tuple) else ()
        case ast.A_Expr(kind=A_Expr_Kind.AEXPR_OP_ANY, lexpr=left, rexpr=right):
            array = _uncast(right)
            found = array.elements if isinstance(array, ast.A_ArrayExpr) else ()
            constants = found or ()
        case _:
            return "", frozenset()
    values = [_constant(constant) for constant in constants]
    if _operator(node) != "=" or not values or None in values:
        return "", frozenset()
    return _column(left), frozenset(value for value in values if value is not None)


def _uncast(node: object) -> object:
    while isinstance(node, ast.TypeCast):
        node = node.arg
    return node


def _column(node: object) -> str:
    match node:
        # A cast that cuts, to varchar(3), says nothing of the whole, and equality of
        # another type's values nothing of texts.
        case ast.TypeCast(arg=arg, typeName=ast.TypeName(typmods=None, names=names)):
            return _column(arg) if names and names[-1].sval in _TEXTS else ""
        case ast.ColumnRef(fields=[ast.String(sval=name)]):
            return str(name)
    return ""


def _constant(node: object) -> str | None:
    match _uncast(node):
        case ast.A_Const(val=ast.String(sval=text)):
            return str(text)
    return None


def _number(node: object) -> int | None:
    match _uncast(node):
        case ast.A_Const(val=ast.Integer(ival=number)):
            return number
    return None


def _operator(node: object) -> str:
    match node:
        case ast.A_Expr(name=[ast.String(sval=name)]):
            return str(name)
    return ""


def _function(call: ast.FuncCall) -> str:
    names = call.funcname or ()
    return str(names[-1].sval) if names else ""


def _is_null_test(node: object) -> str:
    """Give the column of `x is null`, or nothing."""
    match node:
        case ast.NullTest(nulltesttype=NullTestType.IS_NULL, arg=arg):
            return _column(arg)
    return ""
