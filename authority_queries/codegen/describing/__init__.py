"""Python's types of parameters and columns."""
