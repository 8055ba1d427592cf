"""The page of the frames that the annotators labelled differently, to discuss and to settle (section 2.2)."""

from norrsken import tables
from norrsken.config.label_set import LabelSet
from norrsken.curation.settling import Group, write_settling_page
from norrsken.dataset.agreement import annotators


def write_disagreement_page(
    labelled: str, adjudicated: str | None, release: str, label_set: LabelSet, output: str
) -> None:
    """Write `index.html` and, beside it, the frames as PNG.

    labelled: `labelled.parquet`. adjudicated: see `write_settling_page`. Frames that it has settled are there too, with
    their label.
    """
    table = tables.read_labelled(labelled)
    names = annotators(table)
    columns = [f"label_{name}" for name in names]
    differing = table[(table[columns].nunique(axis=1) > 1) & (table["verdict"] != "incomplete")]
    groups = sorted(differing.groupby(columns), key=lambda group: len(group[1]), reverse=True)
    write_settling_page(
        labelled,
        release,
        f"Disagreements in {release}",
        "These are the frames that the annotators labelled differently, grouped by what they said.",
        [
            Group(
                ", ".join(f"{name}: {label_set.titles[str(label)]}" for name, label in zip(names, labels, strict=True)),
                members["frame_id"].tolist(),
            )
            for labels, members in groups
        ],
        label_set,
        adjudicated,
        output,
    )
