"""The base of all settings."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from norrsken.errors import NorrskenError

#: A name that becomes a folder or a part of a file name, so that it consists of letters, digits and hyphens.
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]*$")]


class Settings(BaseModel):
    """Base of all parts of the configuration: unknown keys are errors, values do not change after the check."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def plain(self) -> dict[str, Any]:
        """The settings as plain dicts, lists, strings and numbers with sorted keys: for Snakemake's params and JSON."""
        result: dict[str, Any] = _sorted(self.model_dump(mode="json"))
        return result


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [_sorted(item) for item in value]
    return value


class ConfigError(NorrskenError):
    """The configuration, or what it points to, cannot be worked with; the message is for the user."""
