"""What people read of a finding."""

import pytest

from guestwire.cli.findings import Finding


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (Finding("tls", "fail", "It is over.", "Renew it."), "It is over. -> Renew it."),
        (Finding("tls", "warn", "9 days left", "Renew it."), "9 days left. -> Renew it."),
        (Finding("tls", "fail", "OUT: Ask the owner.", "Ask the owner."), "OUT: Ask the owner."),
        (Finding("tls", "fail", "It is over."), "It is over."),
        (Finding("tls", "ok", "well", "Renew it."), "well"),
    ],
)
def test_text_and_remedy(found: Finding, said: str) -> None:
    assert found.said == said
