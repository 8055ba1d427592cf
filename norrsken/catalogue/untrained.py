"""How the classifier judges labelled frames that it was never trained on: above all those that fit no class."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from norrsken import schemas, tables
from norrsken.classes import NOT_CLASSIFIED
from norrsken.classify.condition import conditions, read_condition
from norrsken.classify.model import Ensemble
from norrsken.config.label_set import LabelNames
from norrsken.dataset.agreement import annotators
from norrsken.dataset.splits import read_split


def judge_untrained(labelled: str, dataset: str, classifier: str, condition: str) -> pd.DataFrame:
    """What the classifier says of frames of each verdict, by what each annotator called them.

    On a split by night only frames of its test nights count, of which neither the classifier nor the model of the sky's
    condition has seen any; on another split, all that have no class, though others of their nights were trained on.

    Columns: verdict (an exclusion, disagreement; agreed: the test frames, to compare with), annotator, given (the
    annotator's label), frames, clear (share with a sky that is taken for clear; `sky_clear` where a class is named
    clear), classified (share that got a class), confidence (mean), and how many got each class.
    """
    said = tables.label_names(labelled)
    ensemble, sky = Ensemble(classifier), read_condition(condition)
    division = read_split(dataset, ensemble.settings.name.split("/")[0])
    test, nights = division.test, pa.array(np.unique(division.test.nights))
    names = annotators(tables.read_without_images(labelled))
    columns = ["frame_id", "night", "verdict", "image", *(f"label_{name}" for name in names)]
    parts = []
    with tables.opened(labelled, schemas.labelled_table(names), columns) as file:
        for group in range(file.num_row_groups):
            rows = file.read_row_group(group, columns)
            wanted = pc.is_in(rows["frame_id"], pa.array(test.frame_ids))
            unfit = pc.is_in(rows["verdict"], pa.array([*said.exclusions, "disagreement"]))
            if division.by_night:
                unfit = pc.and_(unfit, pc.is_in(rows["night"], nights))
            rows = rows.filter(pc.or_(wanted, unfit))
            if len(rows):
                images = tables.images(rows["image"])
                probabilities = ensemble.predict(images)
                judged = rows.drop_columns(["frame_id", "night", "image"]).to_pandas()
                judged["sky"] = conditions(images, sky) == "clear"
                judged["confidence"] = probabilities.max(axis=1)
                labels = pd.Categorical(ensemble.labels(probabilities), (*said.classes, NOT_CLASSIFIED))
                parts.append(judged.join(pd.get_dummies(labels, dtype=int)))
    frames = pd.concat(parts)
    tabulated = [_by_label(frames, name, said) for name in names]
    return pd.concat(tabulated).sort_values(["verdict", "annotator", "given"]).reset_index(drop=True)


def _by_label(frames: pd.DataFrame, annotator: str, said: LabelNames) -> pd.DataFrame:
    """The rows of the table for one annotator."""
    labels = pd.Categorical(frames[f"label_{annotator}"], said.labels, ordered=True)
    verdicts = ("agreed", "adjudicated", *said.exclusions, "disagreement")
    verdict = pd.Categorical(frames["verdict"], verdicts, ordered=True)
    groups = frames.groupby([verdict, labels], observed=True)
    counts = groups[[*said.classes, NOT_CLASSIFIED]].sum()
    clear = "sky_clear" if "clear" in said.classes else "clear"
    shares = {clear: groups["sky"].mean(), "confidence": groups["confidence"].mean()}
    table = pd.DataFrame({"frames": groups.size(), **shares})
    table.insert(2, "classified", 1 - counts[NOT_CLASSIFIED] / table["frames"])
    table = table.join(counts).rename_axis(["verdict", "given"]).reset_index()
    table.insert(1, "annotator", annotator)
    return table
