-- The rows of a table that belong to these keys.
select
    related.:key::text as key,
    to_jsonb(related) as document
from :related as related
where related.:key in (:keys)
order by related.:key, to_jsonb(related);
