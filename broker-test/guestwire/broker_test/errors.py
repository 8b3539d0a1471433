"""What can go wrong in starting a test broker. This package stands alone, so it has its own small error type."""


class BrokerError(Exception):
    """A test broker could not be found, started or stopped.

    Codes: BROKER-BINARY-MISSING (no mosquitto on this machine), BROKER-START-FAILED (it ended, refused its options or
    was not ready in time; the message ends with the broker's own last lines).
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
