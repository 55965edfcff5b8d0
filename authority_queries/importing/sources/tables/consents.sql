-- What a user has allowed an application of OpenIddict for good: one row for both.
select
    authorizations.:application::text as applicationid,
    authorizations.:subject as subject,
    jsonb_agg(
        jsonb_build_object(
            'Scopes',
            authorizations.:scopes,
            'CreationDate',
            authorizations.:created
        )
        order by authorizations.:key
    ) as authorizations
from :authorizations as authorizations
where
    authorizations.:type = 'permanent'
    and authorizations.:status = 'valid'
    and authorizations.:subject is not null
    and (
        :after_subject is null
        or (authorizations.:application::text, authorizations.:subject collate "C")
        > (:after_application collate "C", :after_subject)
    )
group by authorizations.:application, authorizations.:subject
order by authorizations.:application::text collate "C", authorizations.:subject collate "C";
