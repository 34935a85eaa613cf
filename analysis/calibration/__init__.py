"""Error rates of the verdict: simulated runs decided in bulk, and hostile ones searched for mistakes."""
