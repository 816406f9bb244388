"""Histories from the logs of other tools. `read` in `sim.linearizability.readers.files` is the entrance."""
