"""The page of the frames that the annotators labelled differently, to discuss and to settle (section 2.2)."""

from norrsken import tables
from norrsken.config.label_set import LabelSet
from norrsken.dataset.agreement import annotators
from norrsken.files import directory_written_aside
from norrsken.pages import write_frame, write_page

#: Frames that are held in memory at a time.
AT_A_TIME = 1000


def write_disagreement_page(labelled: str, release: str, label_set: LabelSet, output: str) -> None:
    """Write `index.html` and, beside it, the frames as PNG.

    labelled: `labelled.parquet`. Frames that a table of adjudications has settled are there too, with their label.
    """
    table = tables.read_without_images(labelled)
    names = annotators(table)
    columns = [f"label_{name}" for name in names]
    differing = table[(table[columns].nunique(axis=1) > 1) & (table["verdict"] != "incomplete")]
    settled = differing[differing["verdict"] != "disagreement"].set_index("frame_id")
    with directory_written_aside(output) as folder:
        (folder / "frames").mkdir()
        frames = differing["frame_id"].tolist()
        for i in range(0, len(frames), AT_A_TIME):
            some = frames[i : i + AT_A_TIME]
            for frame, image in zip(some, tables.images_of(labelled, some), strict=True):
                write_frame(image, folder / "frames" / f"{frame}.png")
        groups = sorted(differing.groupby(columns), key=lambda group: len(group[1]), reverse=True)
        page = {
            "release": release,
            "groups": [
                {"said": list(zip(names, labels, strict=True)), "frames": members["frame_id"].tolist()}
                for labels, members in groups
            ],
            "settled": settled["label"].fillna(settled["verdict"]).to_dict(),
            "labels": [label.plain() for label in (*label_set.classes, *label_set.exclusions)],
        }
        write_page("disagreements", page, folder / "index.html")
