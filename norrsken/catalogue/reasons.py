"""Why frames of a catalogue are not classified, and the warning where most of an archive is strange to it."""

from collections import Counter
from collections.abc import Iterable, Mapping

import pyarrow.compute as pc

from norrsken import schemas, tables

#: What frames count as that got a class.
CLASSIFIED = "classified"

#: A catalogue of which a larger share of the frames that are not bad is unfamiliar has the wrong classifier, or the
#: archive is read wrongly.
MOST = 0.5


def count_reasons(months: Iterable[str]) -> Counter[str]:
    """How many frames of the catalogue got a class, and how many got none for each reason. months: its directories."""
    counts = Counter[str]()
    for path in tables.night_tables(months):
        reasons = tables.read(path, schemas.catalogue_table(), ["reason"])["reason"].cast("string")
        found = pc.value_counts(pc.fill_null(reasons, CLASSIFIED))
        counts.update({one["values"]: one["counts"] for one in found.to_pylist()})
    return counts


def unlike(counts: Mapping[str, int]) -> str | None:
    """A warning where most frames are unlike those that the classifier was trained on. counts: see `count_reasons`."""
    usable = sum(count for reason, count in counts.items() if reason != "bad")
    unfamiliar = counts.get("unfamiliar", 0)
    if unfamiliar <= MOST * usable:
        return None
    return (
        f"The archive looks unlike what the classifier was trained on: {100 * unfamiliar / usable:.0f} % of the frames "
        "that are not bad are unfamiliar to it and get no class. Check the camera's lens, its orientation, its mask "
        "and its colours (docs/cameras.md). If these are right, label some frames, so that a model can be trained on "
        "them (docs/labelling.md)."
    )
