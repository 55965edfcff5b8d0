"""The SQL that would mend a difference between a database and this release."""

import re
from collections.abc import Callable, Iterator
from typing import Final

from authority_queries.service.catalogue import Catalogue, Difference

_PRIVILEGE: Final = (
    "(?:select|insert|update|delete|truncate|references|trigger|maintain|usage|"
    "execute|connect|create)"
)
_GRANT: Final = re.compile(
    rf"(?P<role>\w+): (?P<privileges>{_PRIVILEGE}(?:, {_PRIVILEGE})*)"
    r"(?: (?P<columns>\(.*\)))?(?P<option>, and may grant it)?"
)
_NAMED: Final = re.compile(
    r"(?P<kind>column|constraint|policy) (?P<name>\"[^\"]+\"|\w+): (?P<rest>.*)", re.S
)
_INDEX: Final = re.compile(r"index CREATE (?:UNIQUE )?INDEX (?P<name>\S+) ON ")
_TRIGGER: Final = re.compile(r"trigger CREATE (?:CONSTRAINT )?TRIGGER (?P<name>\S+) ")
_RULE: Final = re.compile(r"rule CREATE RULE (?P<name>\S+) ")
_POLICY: Final = re.compile(r"(?P<mode>\w+), for (?P<command>\w+), to (?P<roles>.*)")
_OWNER: Final = re.compile(r"owner (?P<owner>[^\s,]+).*")
_COLUMN: Final = re.compile(
    r"(?P<type>.*?)(?P<not_null> not null)?(?: default (?P<default>.*))?", re.S
)
_MEMBER: Final = re.compile(r"(?P<member>\w+): a member of (?P<role>\w+)(?P<why>.*)")
_SETTING: Final = re.compile(r"setting for (?P<who>.*): (?P<name>[\w.]+)=.*")
_LAST: Final = ("constraint ", "index ", "policy ", "trigger ")


def hints(difference: Difference, expected: Catalogue) -> list[str]:
    """Return statements and comments that mend the difference, in order.

    A DBA reads them before running them: a dropped table or column comes back without
    its rows, and what was added by hand may be needed.
    """
    of = difference.object
    if difference.is_foreign and " authority." in of:
        return [f"drop {of}; -- if nobody needs it"]
    if difference.is_absent and of.startswith("table "):
        return [f"-- restore {of} from a backup: no migration creates it again"]
    if of == "migrations":
        return [*_of_migrations(difference)]
    if of == "roles" or of.startswith("database "):
        return [*_of_cluster(difference)]
    if " authority" not in of:
        return [f"-- {of}: {line}" for line in difference.unexpected]
    lines = expected.get(of, frozenset())
    return [*dict.fromkeys(_Object(difference, lines).hints())]


def _of_migrations(difference: Difference) -> Iterator[str]:
    if difference.missing:
        yield "-- run `authority migrate`"
    if any(line.startswith("lock: ") for line in difference.unexpected):
        yield "-- if no run is alive: `authority migrate --break-lock`"
    elif difference.unexpected:
        yield "-- upgrade the package: the database is newer"


def _of_cluster(difference: Difference) -> Iterator[str]:
    for line in difference.unexpected:
        if match := _GRANT.fullmatch(line):
            role = match["role"]
            yield f"revoke {match['privileges']} on {difference.object} from {role};"
        elif match := _MEMBER.fullmatch(line):
            yield f"revoke {match['role']} from {match['member']};"
        elif match := _SETTING.fullmatch(line):
            who = difference.object if match["who"] == "every login" else ""
            who = who or f"role {match['who']} in {difference.object}"
            yield f"alter {who} reset {match['name']};"
        elif ", no superuser" in line or ", superuser" in line:
            role = line.partition(":")[0]
            yield f"alter role {role} nologin nosuperuser nobypassrls;"
        elif line.endswith(": is missing"):
            yield f"create role {line.partition(':')[0]} nologin;"
        else:
            yield f"-- {difference.object}: {line}"


class _Object:
    """The hints for one object of the schema."""

    def __init__(self, difference: Difference, expected: frozenset[str]) -> None:
        self._difference = difference
        self._expected = expected
        self._kind, _, self._name = difference.object.partition(" ")
        is_relation = self._kind in {"table", "view"}
        self._granted = self._name if is_relation else difference.object

    def hints(self) -> Iterator[str]:
        for line in self._difference.unexpected:
            yield from self._removal(line)
        missing = sorted(self._difference.missing, key=self._rank)
        for line in missing:
            yield from self._addition(line)

    def _rank(self, line: str) -> int:
        """Order by need: definition and columns, owner, then what names columns."""
        if line.startswith(("definition: ", "column ")):
            return 0
        return 3 if _GRANT.fullmatch(line) else 2 if line.startswith(_LAST) else 1

    def _removal(self, line: str) -> Iterator[str]:
        name = self._name
        if match := _GRANT.fullmatch(line):
            columns = f" {match['columns']}" if match["columns"] else ""
            privileges = f"{match['privileges']}{columns}"
            yield f"revoke {privileges} on {self._granted} from {match['role']};"
        elif match := _NAMED.fullmatch(line):
            yield from self._named_removal(match)
        elif match := _INDEX.match(line):
            yield f"drop index concurrently if exists authority.{match['name']};"
        elif match := _TRIGGER.match(line):
            yield f"drop trigger if exists {match['name']} on {name};"
        elif match := _RULE.match(line):
            yield f"drop rule {match['name']} on {name};"
        elif line.startswith("triggers of foreign key "):
            yield f"alter table {name} enable trigger all;"
        elif line == "stored: unlogged" or line.startswith("stored: unlogged, "):
            yield f"alter table {name} set logged;"

    def _named_removal(self, match: re.Match[str]) -> Iterator[str]:
        what, name = match["kind"], self._name
        if what == "policy":
            yield f"drop policy if exists {match['name']} on {name};"
        elif what == "constraint":
            yield f"alter table {name} drop constraint if exists {match['name']};"
        elif not self._has(f"column {match['name']}: ", self._difference.missing):
            yield f"alter table {name} drop column {match['name']}; -- if unneeded"

    @staticmethod
    def _has(start: str, lines: tuple[str, ...]) -> bool:
        return any(line.startswith(start) for line in lines)

    def _addition(self, line: str) -> Iterator[str]:
        if match := _GRANT.fullmatch(line):
            columns = f" {match['columns']}" if match["columns"] else ""
            option = " with grant option" if match["option"] else ""
            privileges = f"{match['privileges']}{columns}"
            yield f"grant {privileges} on {self._granted} to {match['role']}{option};"
        elif line.startswith("definition: "):
            yield from self._definition(line.removeprefix("definition: "))
        elif match := _NAMED.fullmatch(line):
            add: dict[str, Callable[[re.Match[str]], Iterator[str]]] = {
                "column": self._column,
                "constraint": self._constraint,
                "policy": self._policy,
            }
            yield from add[match["kind"]](match)
        elif line.startswith(("index ", "trigger ")):
            text = line.partition(" ")[2]
            yield f"{text.replace(' INDEX ', ' INDEX CONCURRENTLY ', 1)};"
        elif match := _OWNER.fullmatch(line):
            yield from self._owner(line, match["owner"])
        elif self._kind == "table":
            yield from self._storage(line)

    def _definition(self, text: str) -> Iterator[str]:
        if self._kind == "view":
            start = "stored: permanently, with "
            [stored] = (line for line in self._expected if line.startswith(start))
            options = stored.removeprefix(start)
            yield f"create or replace view {self._name} with ({options}) as{text}"
            return
        yield f"{text.rstrip()};"
        if self._difference.is_absent:
            yield f"revoke execute on {self._granted} from public;"

    def _owner(self, line: str, owner: str) -> Iterator[str]:
        yield f"alter {self._kind} {self._name} owner to {owner};"
        if "row security on" in line:
            yield f"alter table {self._name} enable row level security;"
            yield f"alter table {self._name} force row level security;"
        if "reads as its caller" in line:
            yield f"alter view {self._name} set (security_invoker = true);"
        if self._kind in {"function", "procedure"}:
            power = "definer" if "runs as its owner" in line else "invoker"
            yield f"alter {self._kind} {self._name} security {power};"

    def _storage(self, line: str) -> Iterator[str]:
        if options := line.partition(", with ")[2]:
            yield f"alter table {self._name} set ({options});"
        if line.startswith("partition of "):
            parent, _, bound = line.removeprefix("partition of ").partition(" ")
            yield f"alter table {parent} attach partition {self._name} {bound};"

    def _column(self, match: re.Match[str]) -> Iterator[str]:
        column, rest = match["name"], match["rest"]
        table = f"alter table {self._name}"
        start = f"column {column}: "
        for line in self._difference.unexpected:
            if line.startswith(start):
                yield from _changed_column(
                    f"{table} alter column {column}", rest, line.removeprefix(start)
                )
                return
        yield f"{table} add column {column} {rest}; -- restore its values"

    def _constraint(self, match: re.Match[str]) -> Iterator[str]:
        name, rest = match["name"], match["rest"]
        table = f"alter table {self._name}"
        if rest.startswith(("CHECK", "FOREIGN KEY")):
            yield f"{table} add constraint {name} {rest} not valid;"
            yield f"{table} validate constraint {name};"
        else:
            yield f"{table} add constraint {name} {rest};"

    def _policy(self, match: re.Match[str]) -> Iterator[str]:
        policy = match["name"]
        start = f"policy {policy}: "
        found = [text for text in self._expected if text.startswith(start)]
        texts = [text.removeprefix(start) for text in found]
        facts = next(f for text in texts if (f := _POLICY.fullmatch(text)))
        rule = next(text for text in texts if text.startswith("using ("))
        rule = rule.removeprefix("using () ").replace(" with check ()", "")
        roles = facts["roles"].replace("everybody", "public")
        yield f"drop policy if exists {policy} on {self._name};"
        yield (
            f"create policy {policy} on {self._name} as {facts['mode']} "
            f"for {facts['command']} to {roles} {rule};"
        )


def _changed_column(start: str, expected: str, found: str) -> Iterator[str]:
    ours, theirs = (_COLUMN.fullmatch(text) for text in (expected, found))
    if ours is None or theirs is None:
        return
    if ours["type"] != theirs["type"]:
        yield f"{start} type {ours['type']}; -- rewrites the table"
    if ours["not_null"] != theirs["not_null"]:
        yield f"{start} {'set' if ours['not_null'] else 'drop'} not null;"
    if ours["default"] != theirs["default"]:
        default = ours["default"]
        yield f"{start} set default {default};" if default else f"{start} drop default;"
