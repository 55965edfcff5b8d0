"""Authlib's own suites on contrib.authlib. They are run by hand, with a checkout."""
