"""What a loop does while something it needs is away: wait longer and longer, and say so once."""

from structlog.stdlib import BoundLogger

FIRST_SECONDS = 0.1
LONGEST_SECONDS = 5.0


class Trouble:
    """One thing that can be away. Logs when that begins and when it ends, not at each attempt in between."""

    def __init__(self, log: BoundLogger, what: str) -> None:
        self.log = log
        self.what = what
        self.seconds = 0.0

    def met(self, error: object) -> float:
        """Seconds to wait before the next attempt."""
        if not self.seconds:
            self.log.warning(f"{self.what}_away", error=str(error), error_type=type(error).__name__)
        self.seconds = min(self.seconds * 2 or FIRST_SECONDS, LONGEST_SECONDS)
        return self.seconds

    def over(self) -> None:
        if self.seconds:
            self.log.info(f"{self.what}_back")
        self.seconds = 0.0
