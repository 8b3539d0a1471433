"""Telemetry over HTTP: /api/v1/metrics."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import StreamingResponse
from pydantic import ValidationError

from guestwire.controller.api.bodies import FROM_JSON
from guestwire.controller.api.doors import Doors
from guestwire.controller.api.paging import Listing, Page, listing, page
from guestwire.controller.telemetry.csv_text import csv_text
from guestwire.controller.telemetry.now import Current
from guestwire.controller.telemetry.query import Queries
from guestwire.controller.telemetry.query_models import (
    MOST_BY,
    Across,
    Aggregate,
    ClockShown,
    GapShown,
    MetricAnswer,
    MetricName,
    MetricQuery,
    SeriesShown,
    TopAnswer,
)
from guestwire.controller.telemetry.selectors import LONGEST
from guestwire.controller.users.person import Person
from guestwire.model.base import Model
from guestwire.model.errors import GuestwireError
from guestwire.protocol.trust import FOREVER

CSV = "text/csv"
_EXAMPLE = 'guestwire_host_load{site="plant",window="1m"}'
_TEXT = r"^[^\x00]*$"
SelectorParam = Annotated[
    str,
    Query(
        min_length=1, max_length=LONGEST, pattern=_TEXT, examples=[_EXAMPLE],
        description='Which series: `name{label="value"}`, with =, !=, =~ and !~; `site` and `host` are labels too.',
    ),
]  # fmt: skip
ByParam = Annotated[
    list[Annotated[str, Query(pattern=r"^([a-zA-Z_][a-zA-Z0-9_]{0,63})?$")]] | None,
    Query(
        max_length=MOST_BY,
        description="Series that agree in these labels become one; given once and empty: all become one.",
    ),
]
AcrossParam = Annotated[Across | None, Query(description="How they become one; none: as it suits the aggregate.")]
Format = Annotated[Literal["json", "csv"], Query(description="csv: a row for each point.")]
TimeParam = Annotated[int, Query(ge=0, le=FOREVER, description="Unix milliseconds.")]
_Slug = Annotated[str | None, Query(pattern=r"^[a-z0-9-]{1,36}$")]
_ANSWER: dict[int | str, dict[str, Any]] = {200: {"content": {CSV: {"schema": {"type": "string"}}}}}


class Gaps(Model):
    """What is missing, and whose clocks were wrong. `gaps`: the newest first, at most a thousand."""

    gaps: tuple[GapShown, ...]
    clocks: tuple[ClockShown, ...]


def router(queries: Queries, current: Current, doors: Doors) -> APIRouter:
    routes = APIRouter(prefix="/metrics", tags=["metrics"])
    _as_it_is(routes, current, doors)
    _as_it_was(routes, queries, doors)
    return routes


def _as_it_is(routes: APIRouter, current: Current, doors: Doors) -> None:
    @routes.get("", operation_id="listMetrics", summary="The metrics of which there are series")
    async def list_metrics(
        person: Annotated[Person, Depends(doors.person)], page: Annotated[Page, Depends(page)]
    ) -> Listing[MetricName]:
        after = page.after(str)
        names = [one for one in current.names(person) if after is None or one.name > after[0]]
        return listing(names[: page.fetch], page, lambda one: (one.name,))

    @routes.get(
        "/series", operation_id="listSeries", summary="The series that a selector means, with their newest values"
    )
    async def list_series(
        selector: SelectorParam, person: Annotated[Person, Depends(doors.person)], page: Annotated[Page, Depends(page)]
    ) -> Listing[SeriesShown]:
        after = page.after(int)
        some = current.series(person, selector, after=None if after is None else after[0], limit=page.fetch)
        return listing(some, page, lambda one: (one.id,))

    @routes.get(
        "/top", operation_id="topSeries", summary="The highest now: gauges by value, counters by how fast they grow"
    )
    async def top_series(
        selector: SelectorParam, person: Annotated[Person, Depends(doors.person)],
        n: Annotated[int, Query(ge=1, le=100, description="How many.")] = 10, by: ByParam = None,
        across: Annotated[Across, Query(description="How series become one.")] = "sum",
    ) -> TopAnswer:  # fmt: skip
        return current.top(person, selector, n, _by(by), across)


def _as_it_was(routes: APIRouter, queries: Queries, doors: Doors) -> None:
    @routes.get(
        "/query", operation_id="queryMetrics", summary="History in steps of time", response_model=MetricAnswer,
        responses=_ANSWER,
    )  # fmt: skip
    async def query_metrics(
        selector: SelectorParam, start: TimeParam, end: TimeParam,
        step: Annotated[int, Query(ge=1, le=FOREVER, description="Milliseconds.")],
        person: Annotated[Person, Depends(doors.person)], aggregate: Annotated[Aggregate, Query()] = "avg",
        by: ByParam = None, across: AcrossParam = None, format: Format = "json",
    ) -> Response:  # fmt: skip
        asked = _asked(selector, start, end, step, aggregate, _by(by), across)
        return _shown(await queries.query(person, asked), format)

    @routes.post(
        "/query", operation_id="postMetricsQuery", summary="History in steps of time: for long selectors",
        response_model=MetricAnswer, responses=_ANSWER, dependencies=[Depends(doors.reads)],
    )  # fmt: skip
    async def post_metrics_query(
        body: Annotated[MetricQuery, FROM_JSON],
        person: Annotated[Person, Depends(doors.person)],
        format: Format = "json",
    ) -> Response:
        return _shown(await queries.query(person, body), format)

    @routes.get("/gaps", operation_id="listGaps", summary="What is missing in history, and whose clocks were wrong")
    async def list_gaps(
        person: Annotated[Person, Depends(doors.person)], site: _Slug = None, host: _Slug = None,
        since: TimeParam = 0, until: TimeParam = FOREVER,
    ) -> Gaps:  # fmt: skip
        refs = [
            ref
            for ref in queries.hosts(person)
            if (site is None or ref.site == site) and (host is None or ref.host == host)
        ]
        return Gaps(gaps=await queries.gaps(person, refs, since, until), clocks=queries.clocks(refs))


def _by(given: Sequence[str] | None) -> tuple[str, ...] | None:
    return None if given is None else tuple(label for label in given if label)


def _asked(
    selector: str,
    start: int,
    end: int,
    step: int,
    aggregate: Aggregate,
    by: tuple[str, ...] | None,
    across: Across | None,
) -> MetricQuery:
    """Raises INVALID-BODY."""
    try:
        return MetricQuery(
            selector=selector, start=start, end=end, step=step, aggregate=aggregate, by=by, across=across
        )  # fmt: skip
    except ValidationError as err:
        wrong = err.errors()[0]
        field = str(wrong["loc"][0]) if wrong["loc"] else "end"
        raise GuestwireError("INVALID-BODY", f"{field}: {wrong['msg']}", field=field) from err


def _shown(answer: MetricAnswer, format_: str) -> Response:
    """As JSON made by the model itself: an answer may have a hundred thousand points."""
    if format_ == "json":
        return Response(answer.model_dump_json(), media_type="application/json")
    disposition = f'attachment; filename="{answer.name}.csv"'
    return StreamingResponse(csv_text(answer), media_type=CSV, headers={"Content-Disposition": disposition})
