"""Executes named queries with psycopg and aiosql. It knows no authority."""
