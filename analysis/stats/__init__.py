"""The statistics, over plain arrays: nothing here knows of attempts, tables or claims."""
