-- NOT NULL has become a constraint, which can be not valid, or not inherited.
alter table fuzz.legacy add constraint id_given not null id not valid;
alter table fuzz.legacy
    add constraint code_short check (length(code) < 9) not enforced;

create table fuzz.notes (
    id int primary key,
    kind text constraint kind_given not null no inherit,
    grade text constraint grade_known check (grade in ('a', 'b')) not enforced,
    amount int not null,
    shifted int generated always as (amount + nullif(amount, 1)) virtual
);
create table fuzz.old_notes (reason text) inherits (fuzz.notes);
