-- Before 18 a child may drop the NOT NULL that it inherited.
alter table fuzz.old_events alter column kind drop not null;
alter table fuzz.old_events alter column happened_at drop not null;
