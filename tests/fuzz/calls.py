"""Aggregates, window functions, functions that make rows: see templates.py."""

from typing import Final

from tests.fuzz.templates import Templates

AGGREGATES: Final[Templates] = {
    "bigint": (
        "count(*)",
        "count({t})",
        "count(distinct {t})",
        "sum({int})",
        "regr_count({float}, {float})",
        "rank(1) within group (order by {int})",
    ),
    "int": ("max({int})", "min({int})", "bit_or({int})", "fuzz.total({int})"),
    "numeric": ("sum({numeric})", "avg({int})", "max({numeric})", "stddev({int})"),
    "float": ("sum({float})", "corr({float}, {float})", "var_pop({float})"),
    "text": (
        "max({text})",
        "string_agg({text}, ',')",
        "string_agg(distinct {text}, ',')",
        "mode() within group (order by {text})",
        "percentile_disc(0.5) within group (order by {text})",
    ),
    "bool": ("bool_and({bool})", "bool_or({bool})", "every({bool})"),
    "timestamptz": ("max({timestamptz})", "min({timestamptz})"),
    "date": ("max({date})",),
    "interval": ("sum({interval})", "avg({interval})"),
    "jsonb": (
        "jsonb_agg({t})",
        "jsonb_agg({t} order by {u})",
        "jsonb_object_agg(coalesce({text}, 'k'), {t})",
    ),
    "texts": ("array_agg({text})", "array_agg({text} order by {int} desc)"),
    "ints": ("array_agg({int})", "array_agg(distinct {int})"),
    "mood": ("max({mood})",),
    "uuid": (),
}
WINDOW_FUNCTIONS: Final[Templates] = {
    "bigint": ("row_number()", "rank()", "dense_rank()", "count({t})", "sum({int})"),
    "float": ("percent_rank()", "cume_dist()"),
    "int": ("ntile(2)", "max({int})"),
    "numeric": ("sum({numeric})", "avg({int})"),
    "text": ("string_agg({text}, ',')",),
    "bool": ("bool_or({bool})",),
    "texts": ("array_agg({text})",),
}
# For every type, with {t} for it.
WINDOW_GENERIC: Final = (
    "lag({t})",
    "lag({t}, 1, {t})",
    "lead({t}, {int})",
    "lead({t}, 1, {t})",
    "first_value({t})",
    "last_value({t})",
    "nth_value({t}, 2)",
)
# In a select list they make several rows of one, or none.
SET_RETURNING: Final[Templates] = {
    "int": ("generate_series(1, least({int}, 3))", "unnest({ints})"),
    "text": ("unnest({texts})", "regexp_split_to_table({text}, 'o')"),
    "texts": ("regexp_matches({text}, 'o', 'g')",),
    "jsonb": ("jsonb_path_query({jsonb}, '$.b[*]')",),
}
# In FROM: the call, and its columns, None for those of fuzz.people.
FUNCTIONS: Final[tuple[tuple[str, tuple[tuple[str, str], ...] | None], ...]] = (
    ("generate_series(1, least({int}, 4))", (("n", "int"),)),
    ("unnest({texts})", (("e", "text"),)),
    ("unnest({texts}) with ordinality", (("e", "text"), ("o", "bigint"))),
    (
        "rows from (unnest({texts}), generate_series(1, least({int}, 3)))",
        (("e", "text"), ("n", "int")),
    ),
    (
        "rows from (unnest({ints}), unnest({texts})) with ordinality",
        (("n", "int"), ("e", "text"), ("o", "bigint")),
    ),
    (
        'jsonb_to_recordset(\'[{"a": 1, "b": null}, {}]\'::jsonb)',
        (("a", "int"), ("b", "text")),
    ),
    ('jsonb_each(\'{"a": 1, "b": null}\'::jsonb)', (("k", "text"), ("v", "jsonb"))),
    ('jsonb_each_text(\'{"a": 1, "b": null}\')', (("k", "text"), ("v", "text"))),
    ("jsonb_array_elements_text('[1, null]'::jsonb)", (("v", "text"),)),
    ("jsonb_path_query({jsonb}, '$.*')", (("v", "jsonb"),)),
    ("regexp_split_to_table({text}, 'o')", (("e", "text"),)),
    ("coalesce({text}, 'none')", (("e", "text"),)),
    ("lower({text})", (("e", "text"),)),
    ("fuzz.odd_only({int})", (("n", "int"),)),
    ("fuzz.pairs(least({int}, 4))", (("i", "int"), ("note", "text"))),
    ("fuzz.nobody()", None),
    ("fuzz.some_people({int})", None),
)
