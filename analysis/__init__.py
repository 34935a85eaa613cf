"""From the table of attempts to a verdict: pure functions over small tables, and a thin shell."""
