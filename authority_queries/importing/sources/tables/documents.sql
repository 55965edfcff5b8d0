-- The rows of a table after a key, in the order of the key.
select
    documents.:key::text as key,
    to_jsonb(documents) as document
from :documents as documents
where documents.:key > :after or :after is null
order by documents.:key;
