"""One folder per system: its algorithm, its baselines, its experiments. No scenario imports another."""
