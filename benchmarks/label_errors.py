"""How many planted errors are among the labels that are worth a second look, beside those that a classifier doubts.

Usage: python benchmarks/label_errors.py FOLDER [SHARE] [SEEDS]

FOLDER has `labelled.parquet` of `benchmarks/paper_size.py`, whose two annotators are simulated. In SHARE of the labels
of each that are classes (0.05), a neighbouring class takes the place of the right one, with each of SEEDS (5) seeds.
Prints how many of the first hundred labels were planted: ranked by CROWDLAB, by the probability of the label alone, and
of one annotator's labels alone; and the noise that is estimated beside that which was planted, by class. The labels
have natural errors too, which are counted as none.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from norrsken import tables
from norrsken.classify.label_quality import noise_of, out_of_sample, rated, what_is_seen
from norrsken.paper import CLASSES

#: What a class is taken for by mistake.
NEIGHBOUR = {
    "breakup": "colored",
    "colored": "breakup",
    "arcs": "discrete",
    "discrete": "arcs",
    "patchy": "edge",
    "edge": "patchy",
    "faint": "arcs",
}

FIRST = 100


def planted(votes: pd.DataFrame, share: float, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Votes with errors, and which they are. votes: codes, a column for each annotator, nan where none is a class."""
    random = np.random.default_rng(seed)
    other = np.array([CLASSES.index(NEIGHBOUR[name]) for name in CLASSES], float)
    wrong = pd.DataFrame(random.random(votes.shape) < share, columns=votes.columns) & votes.notna()
    changed = votes.map(lambda code: code if np.isnan(code) else other[int(code)])
    return votes.where(~wrong, changed), wrong


def share_found(table: pd.DataFrame, wrong: pd.DataFrame) -> float:
    """The share of planted ones among the first labels of a ranking."""
    return float(
        np.mean([wrong.loc[int(row["frame_id"]), row["annotator"]] for _, row in table.head(FIRST).iterrows()])
    )


def main() -> None:
    path = Path(sys.argv[1]) / "labelled.parquet"
    share, seeds = float((sys.argv[2:] or ["0.05"])[0]), int((sys.argv[3:] or ["5"])[0])
    table = tables.read_labelled(path)
    codes = {name: code for code, name in enumerate(CLASSES)}
    votes = pd.DataFrame({name: table[f"label_{name}"].map(codes) for name in ("one", "two")}).astype(float)
    seen, nights = what_is_seen(path, table["frame_id"].tolist()), pd.factorize(table["night"])[0].astype(np.int64)
    frames = np.arange(len(votes)).astype(str).tolist()
    rows, noises = [], []
    for seed in range(seeds):
        given, wrong = planted(votes, share, seed)
        chances = out_of_sample(seen, given, nights, len(CLASSES))
        ranked = rated(frames, given, chances, CLASSES)
        own = [
            chances[int(frame), codes[label]] for frame, label in zip(ranked["frame_id"], ranked["label"], strict=True)
        ]
        alone = ranked.assign(quality=own).sort_values("quality", kind="stable")
        first = given[["one"]].dropna()
        places = first.index.to_numpy()
        one = out_of_sample(seen[places], first.reset_index(drop=True), nights[places], len(CLASSES))
        single = rated([frames[place] for place in places], first.reset_index(drop=True), one, CLASSES)
        found = (share_found(ranked, wrong), share_found(alone, wrong), share_found(single, wrong))
        rows.append(found)
        print(f"seed {seed}: CROWDLAB {found[0]:.2f}, probability alone {found[1]:.2f}, one annotator {found[2]:.2f}")
        for name in ("one", "two"):
            noise = noise_of(given[name], chances, nights, CLASSES)
            true = [wrong.loc[given[name] == codes[label], name].mean() for label in noise["label"]]
            noises.append(noise.assign(planted=true))
    means, deviations = np.mean(rows, axis=0), np.std(rows, axis=0, ddof=1)
    heads = ("CROWDLAB", "probability alone", "one annotator")
    cells = (f"{head} {m:.2f} ± {d:.2f}" for head, m, d in zip(heads, means, deviations, strict=True))
    print(f"of the first {FIRST}, planted in {share:.0%} of the labels: {', '.join(cells)}")
    together = pd.concat(noises).groupby("label", sort=False)[["noise", "planted"]].mean()
    clean = out_of_sample(seen, votes, nights, len(CLASSES))
    natural = pd.concat([noise_of(votes[name], clean, nights, CLASSES) for name in votes])
    together["without"] = natural.groupby("label")["noise"].mean()
    print(together.to_string(float_format="{:.3f}".format))


if __name__ == "__main__":
    main()
