"""The shop's own package: authority generate adds records.py and queries/ to it."""
