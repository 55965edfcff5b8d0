"""The generator: from SQL files and a live catalogue to typed Python modules.

Its floors, of which each imports only itself and those below:

    generate, plans         the commands; output and settings, throwaway databases
    rendering               typed queries as Python source
    describing              queries with Python's types
    analysis                what PostgreSQL's query trees prove of nulls and values
    reading                 SQL files, their annotations, and what aiosql makes of them
    query, facts, sent, …   what several of these use
"""
