"""One JSON line for each event, with the keys that the agent's log has."""

import io
import json

import pytest

from guestwire.comm.logs import make_logger


@pytest.mark.parametrize("level", ["debug", "info", "warning", "error"])
def test_a_line_says_what_when_and_how_bad(level):
    out = io.StringIO()
    getattr(make_logger(out), level)("attached", guest="a\n", path=object)
    said = json.loads(out.getvalue())
    assert (said["event"], said["level"], said["guest"]) == ("attached", level, "a\n")
    assert said["timestamp"].endswith("Z")
    assert out.getvalue().count("\n") == 1


def test_an_error_is_told_with_where_it_came_from():
    out = io.StringIO()
    log = make_logger(out)
    try:
        raise KeyError("missing")
    except KeyError as err:
        log.error("one", exc_info=err)
        log.error("two", exc_info=True)
    for line in out.getvalue().splitlines():
        assert "test_an_error_is_told" in json.loads(line)["exception"]


def test_a_stream_that_is_gone_is_nobodys_trouble():
    out = io.StringIO()
    log = make_logger(out)
    out.close()
    log.info("unheard")
