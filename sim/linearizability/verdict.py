"""What a check comes to."""

from dataclasses import dataclass

from sim.linearizability.history import Operation


@dataclass(frozen=True, slots=True)
class Verdict:
    """Linearizable, not (then with operations that contradict each other), or unknown (then with the reason)."""

    linearizable: bool | None
    witness: tuple[Operation, ...] = ()
    reason: str = ""

    def __str__(self) -> str:
        if self.linearizable:
            return "linearizable"
        if self.linearizable is None:
            return f"unknown: {self.reason}"
        return f"not linearizable: {self.reason}: " + "; ".join(str(operation) for operation in self.witness)
