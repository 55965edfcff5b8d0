"""Templates of expressions by the type of their result, and their places.

`{int}` is an expression of that type; `{t}` and `{u}` are of one random type each, the
same in a whole template; `{c}` is one column (of type t, if there is one), the same in
a whole template; `{any}` is of any type; `{row}` is a whole row;
`{query:t}` is a subquery with a column of type t, `{query:t,u}` with two; `{one:t}` is
a subquery that usually returns one row.
"""

from collections.abc import Mapping
from typing import Final

from tests.fuzz.conditions import CONDITIONS

Templates = Mapping[str, tuple[str, ...]]

# For every type, with {t} for it.
GENERIC: Final = (
    "coalesce({t}, {t})",
    "coalesce({t}, {t}, {t})",
    "case when {bool} then {t} else {t} end",
    "case when {bool} then {t} end",
    "case {int} when {int} then {t} when {int} then {t} else {t} end",
    "case {u} when {u} then {t} end",
    "(case when {bool} then {t} when {bool} then {t} else {t} end)",
    "(array[{t}, {t}])[1]",
    "case when {c} is not null then {c} else {t} end",
    "case when {c} is null then {t} else {c} end",
    "case when {bool} and {c} is not null then {c} end",
    "({one:t})",
    "({one:t})",
)
# For every type whose values have an order.
ORDERED: Final = (
    "nullif({t}, {t})",
    "greatest({t}, {t})",
    "least({t}, {t}, {t})",
)
BY_TYPE: Final[Templates] = {
    "bool": CONDITIONS,
    "int": (
        "{int} + {int}",
        "-{int}",
        "{int} / 2",
        "abs({int})",
        "length({text})",
        "strpos({text}, {text})",
        "cardinality({texts})",
        "array_length({ints}, 1)",
        "array_position({texts}, {text})",
        "({ints})[1]",
        "({ints})[{int}]",
        "(extract(year from {date}))::int % 7",
        "fuzz.odd_only({int})",
        "num_nulls({t}, {u})",
        "({jsonb} -> 'a')::int",
        "({jsonb} -> 'a')::int",
        "('null'::jsonb)::int",
        "nullif(regexp_replace({text}, '[^1-9]', '', 'g'), '')::int",
        "{bool}::int",
        "sign({int})::int",
    ),
    "bigint": (
        "{bigint} + {int}",
        "{int}::bigint",
        "length({text})::bigint * 2",
        "coalesce({bigint}, 0)",
    ),
    "numeric": (
        "{numeric} * {numeric}",
        "{numeric} / nullif({numeric}, 0)",
        "round({numeric}, 1)",
        "extract(year from {timestamptz})",
        "extract(month from {timestamptz})",
        "extract(epoch from {interval})",
        "extract(dow from {date})",
        "{int}::numeric",
        "({jsonb} ->> 'a')::numeric",
        "mod({int}, 4)::numeric",
    ),
    "float": (
        "{float} + {float}",
        "date_part('day', {timestamptz})",
        "{numeric}::double precision",
        "sqrt(abs({int}))",
    ),
    "text": (
        "{text} || {text}",
        "concat({text}, {int})",
        "concat_ws('-', {text}, {text})",
        "format('%s %L', {t}, {u})",
        "lower({text})",
        "substring({text} from 'a+')",
        "substring({text} from '%#\"o#\"_' for '#')",
        "substring({text} from 2 for 1)",
        "split_part({text}, 'a', 1)",
        "to_char({timestamptz}, 'YYYY-MM')",
        "to_char({numeric}, '999.9')",
        "to_char({interval}, 'HH24')",
        "{jsonb} ->> 'a'",
        "{jsonb} #>> '{a,b}'",
        "jsonb_typeof({jsonb})",
        "{t}::text",
        "quote_literal({text})",
        "quote_nullable({text})",
        "array_to_string({texts}, ',')",
        "({texts})[1]",
        "md5({text})",
        "pg_typeof({t})::text",
        "current_setting('fuzz.unknown', true)",
        "inet_client_addr()::text",
        "to_regclass({text})::text",
        "{row}::text",
        "{mood}::text",
        "nullif({text}, '')",
        "(regexp_match({text}, 'o(.)'))[1]",
        "regexp_replace({text}, 'a', 'b')",
    ),
    "timestamptz": (
        "now()",
        "current_timestamp",
        "{timestamptz} + {interval}",
        "date_trunc('month', {timestamptz})",
        "{date}::timestamptz",
        "({timestamptz} at time zone 'UTC') at time zone 'UTC'",
        "make_timestamptz(2024, 1, 1, {int} % 5 + 5, 0, 0)",
        "to_timestamp({int})",
    ),
    "date": ("{timestamptz}::date", "{date} + {int}", "current_date"),
    "interval": ("{interval} * 2", "make_interval({int})", "justify_days({interval})"),
    "jsonb": (
        "{jsonb} -> 'a'",
        "{jsonb} -> 0",
        "{jsonb} #> '{b,0}'",
        "({jsonb})['b']",
        "to_jsonb({t})",
        "to_jsonb({row})",
        "row_to_json({row})::jsonb",
        "jsonb_build_object('a', {t}, 'b', {u})",
        "jsonb_build_array({t}, {u})",
        "jsonb_strip_nulls({jsonb})",
        "jsonb_path_query_array({jsonb}, '$.b[*]')",
        "jsonb_path_query_first({jsonb}, '$.a')",
        "{jsonb} || {jsonb}",
        "jsonb_set('{\"a\": 1}', '{a}', {jsonb})",
    ),
    "texts": (
        "array[{text}, {text}]",
        "{texts} || {text}",
        "{texts} || {texts}",
        "array_remove({texts}, {text})",
        "array_append({texts}, {text})",
        "string_to_array({text}, 'a')",
        "regexp_split_to_array({text}, 'o')",
        "regexp_match({text}, 'o.')",
        "({texts})[1:1]",
        "array({query:text})",
    ),
    "ints": (
        "array[{int}, {int}]",
        "{ints} || {int}",
        "array_fill({int}, array[2])",
        "({ints})[2:]",
        "array({query:int})",
    ),
    "uuid": ("({uuid})::text::uuid",),
    "mood": (
        "enum_first({mood})",
        "(case when {bool} then 'calm' end)::fuzz.mood",
        "enum_last({mood})",
    ),
}
# With the version that they came with.
MODERN: Final[tuple[tuple[int, str, str], ...]] = (
    (16, "bool", "({text}) is json"),
    (17, "text", "json_value({jsonb}, '$.a')"),
    (17, "bool", "json_exists({jsonb}, '$.a')"),
    (17, "jsonb", "json_query({jsonb}, '$.b')"),
    (17, "int", "json_value({jsonb}, '$.a' returning int default 1 on empty)"),
    (18, "ints", "array_reverse({ints})"),
)
