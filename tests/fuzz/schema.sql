-- The schema that random queries are drawn over: every kind of column, and every known
-- reason why a column that looks never null can be null after all.
-- Samples of values by column name are in data.py; foreign keys point to earlier
-- tables.

create schema fuzz;

create type fuzz.mood as enum ('calm', 'busy');

create domain fuzz.positive as int check (value > 0);

-- An empty scalar subquery puts a null into a column of this domain (data.py does).
create domain fuzz.required as text not null;

create table fuzz.people (
    id int primary key,
    name text not null,
    nick text unique,
    status text not null check (status in ('open', 'closed', 'held')),
    grade text check (grade in ('a', 'b')),
    mood fuzz.mood,
    active bool not null,
    born timestamptz,
    settings jsonb not null check (jsonb_typeof(settings) = 'object'),
    extra jsonb,
    tags text[] not null check (array_position(tags, null) is null),
    labels text[],
    score numeric,
    name_length int generated always as (length(name)) stored,
    boss_id int references fuzz.people
);

create table fuzz.orders (
    id bigint primary key,
    person_id int not null references fuzz.people,
    helper_id int references fuzz.people,
    total numeric not null,
    placed_at timestamptz not null,
    shipped_at timestamptz,
    mood fuzz.mood not null,
    note text,
    payload jsonb check (jsonb_typeof(payload) = 'object'),
    quantity fuzz.positive,
    ref uuid not null unique,
    marks text[] check (array_position(marks, null) is null)
);

create table fuzz.items (
    order_id bigint not null references fuzz.orders,
    line int not null,
    label fuzz.required,
    price numeric not null,
    doubled numeric generated always as (price * 2) stored,
    amount int,
    active bool,
    ref uuid,
    points int[],
    list jsonb not null check (jsonb_typeof(list) = 'array'),
    primary key (order_id, line)
);

-- A parent whose child keeps less than it: the check is not inherited.
create table fuzz.events (
    id int not null,
    kind text not null,
    level text,
    note text,
    happened_at timestamptz not null,
    actor_id int,
    constraint level_known check (level in ('low', 'high')) no inherit
);
create table fuzz.old_events (reason text) inherits (fuzz.events);

create table fuzz.metrics (
    id int not null,
    kind text not null check (kind in ('x', 'y')),
    reading float8,
    day date not null,
    amount int default 7,
    primary key (id, kind)
) partition by list (kind);
create table fuzz.metrics_x partition of fuzz.metrics for values in ('x');
create table fuzz.metrics_rest partition of fuzz.metrics default;

-- A trigger swallows rows and forgets values.
create table fuzz.logs (
    id int primary key default 50,
    message text,
    level text not null default 'low',
    amount int,
    at timestamptz default now()
);
create function fuzz.forget() returns trigger language plpgsql as $$
begin
    if new.id % 4 = 0 then
        return null;
    end if;
    new.message := null;
    if new.id % 3 = 0 then
        new.amount := null;
    end if;
    return new;
end
$$;
create trigger forget before insert or update on fuzz.logs
for each row execute function fuzz.forget();

-- Rows that came before the checks: a check that is not valid proves nothing.
create table fuzz.legacy (id int, code text, state text, body jsonb);
insert into fuzz.legacy values
    (1, null, 'unknown', '[]'), (2, 'two', null, '{}'), (null, null, 'new', 'null');
alter table fuzz.legacy
    add constraint state_known check (state in ('new', 'old')) not valid,
    add constraint body_object check (jsonb_typeof(body) = 'object') not valid,
    add constraint code_given check (code is not null) not valid;

create view fuzz.people_orders as
select people.id, people.name, people.status, orders.total, orders.mood, orders.ref,
    orders.placed_at
from fuzz.people left join fuzz.orders on orders.person_id = people.id;

create view fuzz.totals as
select person_id, count(*) as orders, sum(total) as total, max(note) as note,
    count(*) filter (where note is null) as silent
from fuzz.orders group by person_id;

-- Nothing may be inserted that it does not show, and it may be written to.
create view fuzz.open_people as
select id, name, nick, status, grade, active, settings, tags from fuzz.people
where status = 'open' and nick is not null;

create materialized view fuzz.people_moods as
select id, mood, coalesce(nick, name) as shown from fuzz.people;

-- RETURNING returns the row that its trigger returns: not a row of the table.
create view fuzz.desk as
select id, name, status, active from fuzz.people;
create function fuzz.at_the_desk() returns trigger language plpgsql as $$
begin
    if new.id % 3 = 0 then
        return null;
    end if;
    new.name := null;
    new.active := null;
    return new;
end
$$;
create trigger at_the_desk instead of insert or update on fuzz.desk
for each row execute function fuzz.at_the_desk();

-- Strict, and null all the same.
create function fuzz.odd_only(n int) returns int language sql immutable strict
as $$ select case when n % 2 = 1 then n end $$;
-- One row, its columns all null.
create function fuzz.nobody() returns fuzz.people language sql stable
as $$ select people from fuzz.people where false $$;
create function fuzz.some_people(n int) returns setof fuzz.people language sql stable
as $$ select people from fuzz.people where id <= n $$;
create function fuzz.pairs(n int) returns table (id int, note text)
language sql immutable
as $$ select i, case when i % 2 = 0 then 'even' end from generate_series(1, n) as i $$;
-- An aggregate of a user's own, null over no rows.
create aggregate fuzz.total(int) (sfunc = int4pl, stype = int);
