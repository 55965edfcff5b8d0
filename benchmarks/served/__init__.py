"""The applications that benchmarks.endpoints compares, each with its own server.

`prepare` of a module creates and fills its database, and `app` makes its application.
"""
