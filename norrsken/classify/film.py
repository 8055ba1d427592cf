"""Frames as they come, judged with those before and after by a model that looks at them, too."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.typing import NaTType

from norrsken.classify.model import FrameModel, Look, Verdict, joined
from norrsken.config.site import FrameSource
from norrsken.dataset.context import Film, camera_numbers

#: Frames that are farther apart, in seconds, or whose times fall, have nothing to say of each other.
LONGEST_STEP = 3600.0


class Filming:
    """Judges frames by those before and after, and remembers the last ones for those that come later.

    model: one that looks at other frames, too. A frame whose time is not known is judged by itself.
    """

    def __init__(self, model: FrameModel) -> None:
        self._model = model
        self._last: tuple[Film, Look] | None = None

    def goes_on(self, before: Sequence[pd.Timestamp | NaTType], after: Sequence[pd.Timestamp | NaTType]) -> bool:
        """Whether frames that come after others may have to do with them. before, after: the times of both."""
        if pd.isna(before[-1]) or pd.isna(after[0]):
            return False
        last, first = (pd.Timestamp(time).timestamp() for time in (before[-1], after[0]))
        return 0 <= first - last <= LONGEST_STEP

    def judge(
        self, times: Sequence[pd.Timestamp | NaTType], look: Look, bad: NDArray[np.bool_] | None, source: FrameSource
    ) -> Verdict:
        """What is said of frames. times: of each. look: what the model sees in them. source: of their cameras."""
        stamps = pd.DatetimeIndex(list(times))
        if stamps.hasnans:
            return self._model.conclude(look, bad=bad)
        taken = stamps.tz_localize(None).to_numpy("datetime64[ms]").astype(np.int64)
        order = np.argsort(taken, kind="stable")
        film = Film(taken[order], camera_numbers(source, taken[order]), np.zeros(len(taken), np.int64))
        ordered, known = look.of(order), 0
        if self._last is not None and self._last[0].times[-1] < film.times[0]:
            known = len(self._last[0].times)
            film = Film(*map(np.concatenate, zip(self._last[0], film, strict=True)))
            ordered = joined([self._last[1], ordered])
        hidden = np.zeros(len(film.times), bool)
        if bad is not None:
            hidden[known:] = bad[order]
        self._remember(film, ordered)
        return self._model.conclude(ordered, film, hidden).of(slice(known, None)).of(np.argsort(order))

    def _remember(self, film: Film, look: Look) -> None:
        """Keep the frames that are near enough to the last one to be before those that come."""
        context = self._model.context
        minutes = 60.0 if context is None else (context.before + 1) * context.minutes
        near = film.times >= film.times[-1] - round(minutes * 60_000)
        self._last = Film(*(column[near] for column in film)), look.of(near)
