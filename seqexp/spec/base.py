"""What every part of a spec has in common: frozen, no unknown keys, no silent conversion."""

from __future__ import annotations

from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, Strict

Item = TypeVar("Item")


class Frozen(BaseModel):
    """A validated piece of an experiment; it never changes after it was made."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, protected_namespaces=())


Many = Annotated[tuple[Item, ...], Strict(False)]  # YAML gives lists; a frozen spec holds tuples
Steps = Annotated[int, Field(ge=1, le=100_000)]
Text = Annotated[str, Field(min_length=1)]
Count = Annotated[int, Field(ge=1, le=1_000_000_000)]
