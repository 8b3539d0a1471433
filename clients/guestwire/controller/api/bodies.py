"""Bodies of requests as our models judge them: strictly, by what JSON has.

FastAPI hands on what JSON became in Python, where a list is no tuple and a text no bytes, which a strict model rightly refuses.
A router therefore marks every body:

    async def put_group(name: Name, body: Annotated[GroupBody, FROM_JSON], ...) -> Group: ...

The application does not start with one that is not marked.
"""

import json
from typing import Any, Final

from pydantic import GetCoreSchemaHandler, TypeAdapter
from pydantic_core import CoreSchema, core_schema


class FromJson:
    """The marker: the body is validated as JSON. What is wrong is told with its place, as ever."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        judge: TypeAdapter[Any] | None = None

        def judged(value: Any, as_python: core_schema.ValidatorFunctionWrapHandler) -> Any:
            nonlocal judge
            if type(value) is bytes:  # it was not sent as JSON
                return as_python(value)
            if judge is None:
                judge = TypeAdapter(source)
            return judge.validate_json(json.dumps(value, ensure_ascii=False, separators=(",", ":")))

        return core_schema.no_info_wrap_validator_function(judged, handler(source))


FROM_JSON: Final = FromJson()
