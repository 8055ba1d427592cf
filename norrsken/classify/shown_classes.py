"""The titles and colours in which pages show the classes of a model, whose file tells their names alone."""

import os
from collections.abc import Iterator, Sequence
from itertools import cycle
from typing import NamedTuple

from norrsken.config.base import ConfigError
from norrsken.config.label_set import DEFAULT, LabelSet, read_label_set, shipped_label_sets
from norrsken.config.yaml_files import read_yaml

#: Colours of classes that no label set knows: those of Okabe & Ito (2008), which colour-blind readers tell apart, but
#: black, which is not seen on a dark page; and grey.
COLOURS = ("#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7", "#8A8F99")


class ShownClass(NamedTuple):
    """A class as pages show it. colour: such as `#D55E00`. definition: a sentence; empty where none is known."""

    name: str
    title: str
    colour: str
    definition: str = ""


def shown_classes(classes: Sequence[str], config: str | os.PathLike[str] | None) -> list[ShownClass]:
    """How classes are shown, by the label set that has all of the classes; in the order of the classes.

    config: a configuration, whose releases may name label sets: they go before those that come with the program. Where
    no set has the classes, they keep their names and get `COLOURS`, which begin again after the eighth.
    """
    known = next((one for one in _label_sets(config) if set(classes) <= set(one.class_names)), None)
    if known is None:
        return [ShownClass(name, name, colour) for name, colour in zip(classes, cycle(COLOURS), strict=False)]
    of = {label.name: ShownClass(label.name, label.title, label.colour, label.definition) for label in known.classes}
    return [of[name] for name in classes]


def _label_sets(config: str | os.PathLike[str] | None) -> Iterator[LabelSet]:
    """The sets of the releases of a configuration, whatever else it has or lacks, and those of the program."""
    releases = {} if config is None else read_yaml(config, "site: and cameras:").get("releases")
    named = [release.get("label_set", DEFAULT) for release in _values(releases) if isinstance(release, dict)]
    for name in [*named, DEFAULT, *shipped_label_sets()]:
        try:
            yield read_label_set(str(name))
        except ConfigError:
            continue  # the workflow says what is wrong with it; here it only lends its colours


def _values(keys: object) -> list[object]:
    """The values of a mapping; none of what is no mapping."""
    return list(keys.values()) if isinstance(keys, dict) else []
