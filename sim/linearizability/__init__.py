"""Is a history of operations linearizable: could each have taken effect at one moment between call and return?

`check` in `sim.linearizability.check` decides histories of operations, `sim.linearizability.zones` columns of
millions of register operations, `sim.linearizability.readers` reads the logs of other tools. An operation
precedes another when its response comes strictly before the other's invocation; times matter only by their
order, so a simulation whose clock has ties may give the running number of the event instead.
"""
