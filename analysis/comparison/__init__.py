"""The view of the tables that claims read, and the rule by which two groups are compared."""
