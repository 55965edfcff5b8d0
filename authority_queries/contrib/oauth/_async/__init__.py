"""The asynchronous form, written by hand."""
