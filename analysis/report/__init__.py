"""The verdict for people and for CI: the page, its figures, the summary, the JUnit file and their sentences."""
