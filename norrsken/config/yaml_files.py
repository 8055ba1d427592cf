"""YAML files that people write: configurations and label sets."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from norrsken.config.base import ConfigError

# The loader in C, where PyYAML was built with it, is ten times as fast.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_yaml(path: str | os.PathLike[str], such_as: str, remedy: str = "") -> dict[str, Any]:
    """The keys and values of a YAML file in UTF-8, with or without a byte-order mark.

    such_as: keys that are expected, for the message. remedy: what to do where there is no such file. Raises
    `ConfigError` where the file cannot be read, is not YAML, has a key twice, or holds something else.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(f"{path}: there is no such file{remedy}") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: is not in UTF-8; save it in UTF-8") from None
    return parse_yaml(text, str(path), such_as)


def parse_yaml(text: str, source: str, such_as: str) -> dict[str, Any]:
    """The keys and values of a YAML text. source: where it is from, for messages. Errors are as in `read_yaml`."""
    loader = None
    try:
        loader = _LOADER(text)
        node = loader.get_single_node()
        raw = None if node is None else loader.construct_document(node)
    except Exception as error:  # besides YAMLError, a date such as 2015-13-01 raises whatever its reader stumbles over
        raise ConfigError(f"{source}: not YAML: {error}") from None
    finally:
        if loader is not None:
            loader.dispose()
    if not isinstance(raw, dict):
        raise ConfigError(f"{source}: expected keys and values, such as {such_as}, found {type(raw).__name__}")
    for key, line, before in _repeated_keys(node):
        raise ConfigError(f"{source}:{line}: the key {key!r} is there already, in line {before}; YAML would drop that")
    return raw


def reject_repeated_keys(path: str | os.PathLike[str]) -> None:
    """Raise `ConfigError` where a configuration file that was read already has a key twice, of which one was lost."""
    read_yaml(path, such_as="site: and cameras:")


def _repeated_keys(node: yaml.Node | None) -> Iterator[tuple[str, int, int]]:
    """Each key that its mapping has already: the key, its line, and the line in which it was first."""
    todo, seen = [node], set[int]()
    while todo:
        current = todo.pop()
        if id(current) in seen:  # an alias may lead back
            continue
        seen.add(id(current))
        if isinstance(current, yaml.MappingNode):
            lines: dict[tuple[str, str], int] = {}
            for key, value in current.value:
                line = key.start_mark.line + 1
                if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                    first = lines.setdefault((key.tag, key.value), line)
                    if first != line:
                        yield key.value, line, first
                todo += [key, value]
        elif isinstance(current, yaml.SequenceNode):
            todo += current.value
