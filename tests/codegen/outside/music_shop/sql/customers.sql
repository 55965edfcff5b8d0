-- name: create_customer(customer_id, name, home, last_address)<!
-- The new customer.
-- @row Customer
-- @param last_address -- where the browser was, if it was one
insert into shop.customers (id, name, home, last_address)
values (:customer_id, :name, :home, :last_address)
returning
    customers.id,
    customers.name,
    customers.status,
    customers.home,
    customers.last_address,
    customers.joined_at;

-- name: get_customer(customer_id)^
-- The customer with this id, or no row.
select
    customers.id,
    customers.name,
    customers.status,
    customers.home,
    customers.last_address,
    customers.joined_at
from shop.customers
where customers.id = :customer_id;

-- name: set_status(customer_id, status)!
-- How many customers changed: one, or none.
update shop.customers set status = :status
where customers.id = :customer_id and customers.status <> :status;

-- name: list_customers_by_ids(customer_ids)
-- A customer's spending, of those with these ids who bought something.
select
    customers.name,
    sum(sales.paid) as spent,
    array_agg(sales.track_id order by sales.track_id) as track_ids
from shop.customers
inner join shop.sales on customers.id = sales.customer_id
where customers.id = any(:customer_ids)
group by customers.id, customers.name
order by customers.name;
