"""Mapping files: how the documents of any store become entries.

A person edits such a file, in TOML. `language` has its parts, `compiling` checks them
against the entries, and `mapper` converts documents by them.
"""
