-- What a user has allowed an application of OpenIddict for good: one row for both,
-- in the order of their octets, as a subject may have any collation.
select
    authorizations.:application::text as applicationid,
    authorizations.:subject::text as subject,
    jsonb_agg(
        jsonb_build_object(
            'Scopes',
            authorizations.:scopes,
            'CreationDate',
            authorizations.:created,
            'Properties',
            authorizations.:properties
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
        or (
            convert_to(authorizations.:application::text, 'UTF8'),
            convert_to(authorizations.:subject, 'UTF8')
        ) > (convert_to(:after_application, 'UTF8'), convert_to(:after_subject, 'UTF8'))
    )
group by authorizations.:application, authorizations.:subject
order by
    convert_to(authorizations.:application::text, 'UTF8'),
    convert_to(authorizations.:subject, 'UTF8');
