"""Spooled segments become Parquet files and the tables beside them: `python -m attempts.store`."""
