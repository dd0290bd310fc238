"""The base of SDK models: pydantic 2 underneath, with the methods that implementations know from pydantic 1."""

from __future__ import annotations

import builtins
import json
from collections.abc import Callable
from typing import Any, Self

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """A validated value. Unknown keys are ignored and numbers given for text become text, as in pydantic 1."""

    model_config = ConfigDict(
        arbitrary_types_allowed=True, coerce_numbers_to_str=True, protected_namespaces=()
    )

    def dict(self, **options: Any) -> builtins.dict[str, Any]:
        """The fields as a dictionary; options as of `model_dump`."""
        return self.model_dump(**options)

    def json(
        self,
        *,
        encoder: Callable[[Any], Any] | None = None,
        include: Any = None,
        exclude: Any = None,
        by_alias: bool | None = None,
        exclude_unset: bool = False,
        exclude_defaults: bool = False,
        exclude_none: bool = False,
        **dumps: Any,
    ) -> str:
        """The fields as JSON text; `dumps` go to `json.dumps` (indent, sort_keys ...)."""
        fields = self.model_dump(
            mode="json" if encoder is None else "python",
            include=include,
            exclude=exclude,
            by_alias=by_alias,
            exclude_unset=exclude_unset,
            exclude_defaults=exclude_defaults,
            exclude_none=exclude_none,
        )
        return json.dumps(fields, default=encoder, **dumps)

    @classmethod
    def parse_obj(cls, obj: Any) -> Self:
        """The model from a dictionary; ValueError (with every fault) when it does not fit."""
        return cls.model_validate(obj)

    @classmethod
    def parse_raw(cls, b: str | bytes, **_options: Any) -> Self:
        """The model from JSON text; ValueError when it is not JSON or does not fit."""
        return cls.parse_obj(json.loads(b))

    @classmethod
    def construct(cls, _fields_set: set[str] | None = None, **values: Any) -> Self:
        """The model without validation."""
        return cls.model_construct(_fields_set, **values)

    def copy(
        self,
        *,
        include: Any = None,
        exclude: Any = None,
        update: builtins.dict[str, Any] | None = None,
        deep: bool = False,
    ) -> Self:
        """A copy, with `update` put over it unvalidated; `include` and `exclude` choose fields."""
        if include is None and exclude is None:
            return self.model_copy(update=update, deep=deep)
        kept = self.model_dump(include=include, exclude=exclude).keys()
        values = {name: getattr(self, name) for name in kept} | (update or {})
        return type(self).model_construct(set(values), **values)
