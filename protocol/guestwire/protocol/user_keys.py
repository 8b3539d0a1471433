"""What a person signs to show a controller that a key is theirs. Signed under `Domain.USER_KEY`, it is good for nothing else.

The key itself need not be named: a signature that verifies with it is proof enough, for this person and this challenge.
"""

CHALLENGE_BYTES = 32


def proof(challenge: bytes, person: str) -> bytes:
    """The bytes to sign, after the domain: the challenge as it was given, then the person's name in UTF-8."""
    return challenge + person.encode()
