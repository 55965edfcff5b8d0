-- The families of refresh tokens of django-oauth-toolkit: those of one token_family, or
-- one token without it.
select
    coalesce(tokens.:family::text, tokens.:key::text) as key,
    jsonb_agg(to_jsonb(tokens) order by tokens.:key) as documents
from :tokens as tokens
where
    :after is null
    or coalesce(tokens.:family::text, tokens.:key::text) collate "C" > :after
group by coalesce(tokens.:family::text, tokens.:key::text)
order by coalesce(tokens.:family::text, tokens.:key::text) collate "C";
