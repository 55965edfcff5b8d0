"""Brings tenants from other identity stores here, and compares them.

A source reads documents. Each document becomes entries: typed values, one for each row
of the authority, which refer to each other by natural keys. The importer writes the
rows of entries, and the comparison reads them back.
"""
