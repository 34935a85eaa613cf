"""How many hosts and hours an effect needs, before the run."""
