"""Executes named queries: psycopg and aiosql, and nothing of an authority."""
