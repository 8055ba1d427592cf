"""What the annotators say of each frame, as a distribution over the classes; most frames fit more than one.

Section 2.2 leaves out the frames on which two people disagree, 46 % of all. Section 4 proposes to use them.
"""

import os
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from norrsken import tables
from norrsken.config.label_set import LabelNames
from norrsken.dataset.agreement import annotators, was_settled


class Votes(NamedTuple):
    """What all annotators together say of n frames, to each of which one of them gives a class at least.

    frame_ids: (n,). nights: (n,) datetime64[D]. shares: (n, classes) float32, of the labels that are classes those of
    each; rows sum to 1. usable: (n,) float32, the share of the labels that are classes; the others call the frame
    unusable. agreed: (n,), whether the frame has a class of its own, since all agree, or since it was settled.
    """

    frame_ids: NDArray[np.str_]
    nights: NDArray[np.datetime64]
    shares: NDArray[np.float32]
    usable: NDArray[np.float32]
    agreed: NDArray[np.bool_]

    def of(self, rows: NDArray[np.bool_]) -> "Votes":
        """Some of the frames: rows (n,)."""
        return self._at(np.flatnonzero(rows))

    def of_frames(self, frame_ids: NDArray[np.str_]) -> "Votes":
        """The same of these frames, in their order; raises `KeyError` for one that is not there."""
        places = pd.Index(self.frame_ids).get_indexer(pd.Index(frame_ids))
        if (places < 0).any():
            raise KeyError(str(frame_ids[int((places < 0).argmax())]))
        return self._at(places)

    def _at(self, places: NDArray[np.intp]) -> "Votes":
        return Votes(
            self.frame_ids[places], self.nights[places], self.shares[places], self.usable[places], self.agreed[places]
        )


def read_votes(labelled: str | os.PathLike[str]) -> Votes:
    """The votes on the frames of `labelled.parquet` that every annotator has labelled.

    An annotator who saw a frame twice has half a vote each time, so that all annotators count alike. Of a frame whose
    label was settled only that label counts. A published data set says only what was agreed.
    """
    table = tables.read_labelled(labelled)
    return votes_of(table[table["verdict"] != "incomplete"], tables.label_names(labelled))


def votes_of(labelled: pd.DataFrame, names: LabelNames) -> Votes:
    """The same of rows of `labelled.parquet`."""
    people = annotators(labelled)
    votes = np.zeros((len(labelled), len(names.classes) + 1))
    for person in people:
        first, again = (_one_hot(labelled, f"{said}_{person}", names) for said in ("label", "repeat"))
        twice = again.any(axis=1, keepdims=True)
        votes += np.where(twice, (first + again) / 2, first) / len(people)
    # Of what was settled, and of what was published without annotators, only the label counts.
    settled = was_settled(labelled).to_numpy() if people else np.ones(len(labelled), bool)
    votes[settled] = _one_hot(labelled, "label", names)[settled]
    classes, usable = votes[:, :-1], votes[:, :-1].sum(axis=1)
    some = usable > 0
    return Votes(
        labelled["frame_id"].to_numpy(str)[some],
        labelled["night"].to_numpy("datetime64[D]")[some],
        (classes[some] / usable[some, None]).astype(np.float32),
        usable[some].astype(np.float32),
        labelled["label"].notna().to_numpy()[some],
    )


def _one_hot(labelled: pd.DataFrame, column: str, names: LabelNames) -> NDArray[np.float64]:
    """(n, classes + 1): 1 where the column has the class, in the last place where it has another label; 0 without."""
    hot = np.zeros((len(labelled), len(names.classes) + 1))
    if column in labelled:
        given = labelled[column]
        (rows,) = np.nonzero(given.notna().to_numpy())
        places = {name: place for place, name in enumerate(names.classes)}
        hot[rows, [places.get(label, len(places)) for label in given.iloc[rows]]] = 1
    return hot
