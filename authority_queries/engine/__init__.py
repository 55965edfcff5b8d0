"""Executes named queries with psycopg and aiosql. It depends on no schema."""
