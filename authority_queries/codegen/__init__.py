"""The generator: from SQL files and a live catalogue to typed Python modules.

Imports go down only, from folder to folder, in this order from the top:

    generate, plans, filling   the commands, with their settings and databases
    rendering                  typed queries as Python source
    describing                 queries with Python's types
    analysis                   facts that PostgreSQL's query trees prove
    reading                    SQL files and their annotations, as aiosql reads them
    query, facts, sent, …      modules that several of these use
"""
