"""One module a claim: a pure function from the small tables and the settings to a finding."""
