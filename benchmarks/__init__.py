"""What is measured, against whom. Results are committed beside the programs as text."""
