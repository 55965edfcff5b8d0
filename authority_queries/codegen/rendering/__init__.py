"""Python source for typed queries."""
