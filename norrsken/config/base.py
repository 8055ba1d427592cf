"""The base of all settings."""

import difflib
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from norrsken.errors import NorrskenError

#: A name that becomes a folder or a part of a file name, so that it consists of letters, digits and hyphens.
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]*$")]


def is_none(value: object) -> bool:
    """For `exclude_if`: a key that says nothing is not written, so that nothing that was made before it is repeated."""
    return value is None


class Settings(BaseModel):
    """Base of all parts of the configuration: unknown keys are errors, values do not change after the check."""

    # What checks a part is built when it is first needed: most processes need few of them, and all start with them.
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

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


def keys_of(schema: Mapping[str, Any]) -> set[str]:
    """All keys of all parts of a JSON schema, for the hint at a misspelled one."""
    parts = [schema, *schema["$defs"].values()]
    return {key for part in parts for key in part.get("properties", {})}


def problem_sentence(source: str, problem: Mapping[str, Any], known: Iterable[str]) -> str:
    """One pydantic problem as a sentence that names the key, what was found and what was expected.

    source: the file. problem: of `ValidationError.errors()`. known: the keys that there are.
    """
    location = problem["loc"]
    key = ".".join(str(part) for part in location if not str(part).startswith(("dict[", "constrained-str")))
    source = f"{source}: {key}" if key else source
    value = problem["input"]
    match problem["type"]:
        case "extra_forbidden":
            close = difflib.get_close_matches(str(location[-1]), known, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            return f"{source}: there is no such key{hint}"
        case "missing":
            return f"{source}: this key is missing"
        case "value_error":
            return f"{source}: {problem['ctx']['error']}"
        case _:
            ending = f", found {value!r}" if not isinstance(value, dict | list) else ""
            return f"{source}: {problem['msg'][0].lower()}{problem['msg'][1:]}{ending}"


def located(problem: Mapping[str, Any]) -> dict[str, Any]:
    """A pydantic problem of a configuration, with the place that a person knows it by; see `problem_sentence`."""
    # pydantic puts the discriminator's value into the path of a union: models.resnet18.network.epochs.
    location = list(problem["loc"])
    if location[:1] in (["features"], ["models"], ["releases"]) and location[2:3] not in ([], ["[key]"]):
        del location[2]
    problem = {**problem, "loc": location}
    if problem["type"] in ("model_type", "model_attributes_type", "dict_type", "union_tag_not_found"):
        found = ", found a list" if isinstance(problem["input"], list) else ""
        problem["msg"] = f"expected keys and values{found}"
        if isinstance(problem["input"], dict):  # the key that tells what an entry of features or models is
            problem |= {"type": "missing", "loc": [*location, "kind"]}
    return problem
