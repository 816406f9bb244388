"""What `windtunnel doctor` asks of emulation: whether it can run here, and whether killed runs left something."""

from emulation import ledger, needs


class Checkup:
    """The entry point `windtunnel.checkups`."""

    @staticmethod
    def check() -> tuple[bool, str]:
        """Fine unless something was left behind; what is missing is said, as only emulated runs need it."""
        left = ledger.leftovers()
        if left:
            return False, f"{len(left)} killed runs left something; `windtunnel doctor --clean` clears it"
        return True, needs.missing() or "can run here"

    @staticmethod
    def clean() -> list[str]:
        """Clears what killed runs left; a line each."""
        return ledger.clean()
