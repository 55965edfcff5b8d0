"""Typed access to the queries, one module a file of them."""
