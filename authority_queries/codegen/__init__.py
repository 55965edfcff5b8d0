"""From SQL files and a live catalogue to typed Python modules."""
