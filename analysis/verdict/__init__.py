"""From the tables to the verdict: the claims under one error rate, and what is said beside them."""
