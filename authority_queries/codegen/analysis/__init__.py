"""Nullability and other facts, proven from PostgreSQL's own analysis of a statement."""
