"""Benchmarks. Each one's result is committed beside it as text."""
