"""Frames as they come, judged with those before and after by a model that looks at them, too."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.typing import NaTType

from norrsken.classify.verdict import FrameModel, Look, Verdict, joined
from norrsken.config.context import FARTHEST_MINUTES
from norrsken.config.site import FrameSource
from norrsken.dataset.context import Film, camera_numbers

#: Milliseconds before the last frame from which frames are remembered for those that come.
_REMEMBERED = round(FARTHEST_MINUTES * 60_000)


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
        return 0 <= first - last <= FARTHEST_MINUTES * 60

    def judge(
        self,
        times: Sequence[pd.Timestamp | NaTType],
        look: Look,
        bad: NDArray[np.bool_] | None,
        source: FrameSource,
    ) -> Verdict:
        """What is said of frames. times: of each. look: what the model sees in them. source: of their cameras."""
        stamps = pd.DatetimeIndex(list(times))
        known = ~np.asarray(stamps.isna())
        hidden = np.zeros(len(stamps), bool) if bad is None else bad
        verdict = self._model.conclude(look, bad=hidden)
        if known.any():
            taken = stamps[known].tz_localize(None).to_numpy("datetime64[ms]").astype(np.int64)
            verdict = verdict.but(known, self._together(taken, look.of(known), hidden[known], source))
        return verdict

    def _together(
        self, taken: NDArray[np.int64], look: Look, hidden: NDArray[np.bool_], source: FrameSource
    ) -> Verdict:
        """The same of frames whose times are known, with those that are remembered. taken: milliseconds."""
        film = Film(taken, camera_numbers(source, taken), np.zeros(len(taken), np.int64))
        earlier = 0
        if self._last is not None:
            others = ~np.isin(self._last[0].times, taken)
            known = self._last[0].of(others)
            earlier = len(known.times)
            film = Film.joined([known, film])
            look = joined([self._last[1].of(others), look])
            hidden = np.append(np.zeros(earlier, bool), hidden)
        order = np.argsort(film.times, kind="stable")  # a frame may come late
        film, look = film.of(order), look.of(order)
        verdict = self._model.conclude(look, film, hidden[order])
        near = film.times >= film.times[-1] - _REMEMBERED
        self._last = film.of(near), look.of(near)
        return verdict.of(np.argsort(order)[earlier:])
