-- name: record_sales(customer_id, track_id, paid)*!
-- A sale each; one that is there already is not repeated.
-- @row Sale
insert into shop.sales (customer_id, track_id, paid)
values (:customer_id, :track_id, :paid)
on conflict do nothing;

-- name: empty_shop()#
-- Nothing is left.
delete from shop.sales;
delete from shop.customers;
delete from shop.tracks;
delete from shop.artists;
insert into shop.artists (id, name) values (1, 'Nina Simone');
