"""The stores and drivers that benchmarks.comparison compares.

Each module is one of them. `prepare` creates and fills its database. `connected`
connects in a process of its own and yields what it measures: a function for each call,
which makes the call so many times. They need the extra `benchmark`.
"""
