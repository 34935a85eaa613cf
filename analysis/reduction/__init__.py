"""From the rows of a run to small tables: one scan, whatever the number of rows."""
