"""What a verdict looks like: the page, its figures, the summary, the JUnit file and their sentences."""
