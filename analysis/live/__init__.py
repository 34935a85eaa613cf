"""The analysis beside a run that goes on: what can be said so far, and at once the verdict when it ends."""
