"""The figure of where a network puts the frames."""

import os

import numpy as np
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnnotationBbox, OffsetImage
from numpy.typing import NDArray

from norrsken.config.label_set import LabelSet
from norrsken.figures.style import save

#: The picture has so many by so many cells; in each stands at most one thumbnail.
GRID = 7


def embed(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Features before the softmax in two dimensions, by t-SNE (section 3.2): (n, width) → (n, 2), within 0 to 1."""
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    perplexity = min(30.0, (len(features) - 1) / 3)
    with threadpool_limits(1):  # several threads add up in another order each time, and the picture differs
        positions = TSNE(perplexity=perplexity, init="pca", random_state=0).fit_transform(features)
    low, high = positions.min(axis=0), positions.max(axis=0)
    places: NDArray[np.float32] = (positions - low) / np.maximum(high - low, 1e-9)
    return places


def draw_embedding(
    places: NDArray[np.float32],
    labels: NDArray[np.str_],
    frames: NDArray[np.uint8],
    label_set: LabelSet,
    title: str,
    path: str | os.PathLike[str],
) -> None:
    """Test frames where the network puts them, as the paper's Figure 5, some of them as pictures.

    places: (n, 2) within 0 to 1. labels: (n,). frames: (n, 128, 128, 3).
    """
    figure = Figure(figsize=(7.6, 6.4), layout="constrained")
    axes = figure.subplots()
    for label in label_set.classes:
        of_class = labels == label.name
        if of_class.any():
            said = f"{label.title} ({of_class.sum()})"
            axes.plot(places[of_class, 0], places[of_class, 1], ".", markersize=7, color=label.colour, label=said)
    for i in spread_out(places):
        picture = OffsetImage(frames[i], zoom=0.2, interpolation="nearest")
        frame = {"edgecolor": label_set.colours[labels[i]], "linewidth": 1.5}
        axes.add_artist(AnnotationBbox(picture, places[i].tolist(), frameon=True, pad=0.1, bboxprops=frame))
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_xlim(-0.06, 1.06)
    axes.set_ylim(-0.06, 1.06)
    axes.set_xlabel("t-SNE of the features before the softmax: only neighbourhoods mean something", fontsize=8)
    axes.set_title(title, fontsize=10, loc="left")
    axes.spines[:].set_color("#bbbbbb")
    axes.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    save(figure, path)


def spread_out(places: NDArray[np.float32]) -> list[int]:
    """The point nearest to the middle of each cell of a grid, for every second cell, so that points can be seen."""
    cells = np.minimum((places * GRID).astype(int), GRID - 1)
    distance = np.abs(places * GRID - cells - 0.5).sum(axis=1)
    chosen = []
    for row, column in np.ndindex(GRID, GRID):
        (members,) = np.nonzero((cells == [row, column]).all(axis=1))
        if (row + column) % 2 == 0 and len(members):
            chosen.append(int(members[distance[members].argmin()]))
    return chosen
