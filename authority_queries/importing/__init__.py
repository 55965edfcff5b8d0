"""Brings tenants from other identity stores here, and compares them.

A source reads documents. Each document becomes entries: typed values, one for each row
of the authority, which refer to each other by natural keys. The importer writes the
rows of entries, and the comparison reads them back.

    with Importer.open(Settings()) as importer:
        summary = importer.run(source, ImportOptions(tenant="acme"))

- `importer` has `Importer`, with the login of the owner of the database.
- `writing.tables` has the table of each kind of entry: key, columns, references.
- `writing.rows`: `row_of` makes the values of a row, `names_in` lists what it names.
- `writing.drafts`: `find_ids` looks up the ids of rows by their natural keys.
- `writing.journal` and `writing.summaries`: what was committed, and the sum of it.
"""
