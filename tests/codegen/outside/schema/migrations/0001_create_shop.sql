-- Creates the catalogue, the customers and the sales of a music shop.

create schema shop;

create type shop.medium as enum ('vinyl', 'cd', 'download');
create type shop.address as (street text, city text);
create domain shop.price as numeric(8, 2) check (value >= 0);

create table shop.artists (
    id bigint constraint artists_id_pk primary key,
    name text not null
);

create table shop.tracks (
    id bigint constraint tracks_id_pk primary key,
    artist_id bigint constraint tracks_artist_id_fk references shop.artists (id),
    title text not null,
    medium shop.medium not null,
    price shop.price not null,
    genres text[] not null,
    released_on date,
    details jsonb not null default '{}',
    constraint tracks_genres_check
    check (cardinality(genres) > 0 and array_position(genres, null) is null)
);

create table shop.customers (
    id uuid constraint customers_id_pk primary key,
    name text not null,
    status text not null default 'active',
    home shop.address,
    last_address inet,
    joined_at timestamptz not null default now(),
    constraint customers_status_check check (status in ('active', 'closed'))
);

create table shop.sales (
    customer_id uuid not null,
    track_id bigint not null,
    paid shop.price not null,
    constraint sales_customer_id_track_id_pk primary key (customer_id, track_id),
    constraint sales_customer_id_fk foreign key (customer_id)
    references shop.customers (id),
    constraint sales_track_id_fk foreign key (track_id) references shop.tracks (id)
);
