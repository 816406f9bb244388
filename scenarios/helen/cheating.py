"""What a party says when it stops: which check failed, and who is to blame where anybody can see it."""


class Cheating(Exception):  # noqa: N818 - what happened, not a fault of ours
    """A check failed. `culprit` is the party to blame, or None if what was seen does not show who it was."""

    def __init__(self, check: str, culprit: int | None, detail: str) -> None:
        super().__init__(detail)
        self.check, self.culprit, self.detail = check, culprit, detail
