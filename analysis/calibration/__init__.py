"""How often the verdict is wrong: simulated runs decided in bulk, and hostile ones searched for mistakes."""
