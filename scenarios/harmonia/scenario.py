"""Harmonia in the testbed: a protocol, a switch, a load; what does it deliver, and is every answer linearizable?"""

from scenarios.harmonia.config import METRICS, HarmoniaConfig
from sim.scenario import Context, Outcome


class Harmonia:
    """Wires rack, chip, protocol and load; what each does stands in its own module."""

    name, version = "harmonia", 1
    question = "How far do reads of replicated storage scale when the switch detects conflicts?"
    config = HarmoniaConfig
    metrics = METRICS
    preload = ("scenarios.harmonia.as_requests", "scenarios.harmonia.as_messages")

    def run(self, config: HarmoniaConfig, context: Context) -> Outcome:
        """Place the switch program on the chip, then let the clients go."""
        from scenarios.harmonia import as_messages, as_requests, pipeline

        if config.detects:
            placed = pipeline.detecting(config.dirty_stages, config.dirty_slots, config.chip)
        else:
            placed = pipeline.forwarding(config.chip)
        if config.backend == "mininet":
            from scenarios.harmonia.emulated import run

            return run.run(config, placed, context)
        if config.backend == "messages":
            return as_messages.run(config, placed, context)
        return as_requests.run(config, placed, context)
