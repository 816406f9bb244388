"""The text after SQL's WHERE as a query, in PostgreSQL's dialect; all but conjunctions of predicates is refused."""

from collections.abc import Iterator

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from scenarios.naru.column import Value
from scenarios.naru.predicate import Between, Comparison, IsNull, OneOf, Operator, Predicate
from sim.errors import UserError

_OPERATORS: dict[type[exp.Expr], Operator] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
}
_MIRRORED: dict[Operator, Operator] = {"=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_OPPOSITE: dict[Operator, Operator] = {"=": "<>", "<>": "=", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}


def parse(text: str) -> tuple[Predicate, ...]:
    """The predicates of `text`; none for an empty text. Raises `UserError` for SQL that is broken or not supported.

    >>> parse("age BETWEEN 3 AND 5 AND 'NY' = state AND NOT color IN ('RED', 'BLUE')")[1]
    Comparison(column='state', operator='=', literal='NY')
    """
    if not text.strip():
        return ()
    try:
        statements = sqlglot.parse(f"SELECT 1 WHERE {text}", dialect="postgres")
    except SqlglotError as error:
        raise UserError(f"{text!r} is no SQL condition: {str(error).splitlines()[0]}") from error
    select = statements[0]
    if len(statements) != 1 or not isinstance(select, exp.Select) or set(_given(select)) != {"expressions", "where"}:
        raise UserError(f"{text!r} is more than one SQL condition; only what stands after WHERE is taken")
    return tuple(_predicate(part, False) for part in _conjuncts(select.args["where"].this))


def _given(select: exp.Select) -> Iterator[str]:
    return (name for name, value in select.args.items() if value)


def _conjuncts(tree: exp.Expr) -> Iterator[exp.Expr]:
    if isinstance(tree, exp.Paren):
        yield from _conjuncts(tree.this)
    elif isinstance(tree, exp.And):
        yield from _conjuncts(tree.left)
        yield from _conjuncts(tree.right)
    else:
        yield tree


def _predicate(tree: exp.Expr, negated: bool) -> Predicate:
    if isinstance(tree, exp.Paren):
        return _predicate(tree.this, negated)
    if isinstance(tree, exp.Not):
        return _predicate(tree.this, not negated)
    if type(tree) in _OPERATORS:
        return _comparison(tree, _OPERATORS[type(tree)], negated)
    if isinstance(tree, exp.Between) and not tree.args.get("symmetric"):
        return Between(_column(tree.this), _literal(tree.args["low"]), _literal(tree.args["high"]), negated)
    if isinstance(tree, exp.In) and tree.expressions:
        return OneOf(_column(tree.this), tuple(_literal(each) for each in tree.expressions), negated)
    if isinstance(tree, exp.Is) and isinstance(tree.expression, exp.Null):
        return IsNull(_column(tree.this), negated is not bool(tree.args.get("negate")))
    raise _unsupported(tree)


def _comparison(tree: exp.Expr, operator: Operator, negated: bool) -> Comparison:
    left, right = tree.this, tree.expression
    if isinstance(right, exp.Column) and not isinstance(left, exp.Column):
        left, right, operator = right, left, _MIRRORED[operator]
    return Comparison(_column(left), _OPPOSITE[operator] if negated else operator, _literal(right))


def _column(tree: exp.Expr) -> str:
    if isinstance(tree, exp.Paren):
        return _column(tree.this)
    if not isinstance(tree, exp.Column):
        raise _unsupported(tree)
    return tree.name


def _literal(tree: exp.Expr) -> Value:
    if isinstance(tree, exp.Paren):
        return _literal(tree.this)
    if isinstance(tree, exp.Neg):
        number = _literal(tree.this)
        if isinstance(number, int | float):
            return -number
    if isinstance(tree, exp.Cast) and tree.to.sql("postgres") in ("DATE", "TIMESTAMP"):
        return _literal(tree.this)
    if isinstance(tree, exp.Null):
        return None
    if isinstance(tree, exp.Boolean):
        return bool(tree.this)
    if isinstance(tree, exp.Literal):
        return str(tree.this) if tree.is_string else _number(str(tree.this))
    raise _unsupported(tree)


def _number(text: str) -> int | float:
    return int(text) if text.isdigit() else float(text)


def _unsupported(tree: exp.Expr) -> UserError:
    allowed = "comparisons, BETWEEN, IN and IS NULL of one column with literals, joined by AND"
    return UserError(f"{tree.sql('postgres')!r} is not supported; allowed: {allowed}")
