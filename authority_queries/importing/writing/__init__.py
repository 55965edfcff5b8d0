"""Writes documents: entries become rows, and batches of rows become transactions."""
