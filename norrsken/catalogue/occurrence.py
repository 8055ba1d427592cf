"""Occurrence: how much of the observed time each class was seen, by hour, season, year and magnetic activity."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from norrsken import schemas
from norrsken.catalogue.correction import Correction, corrected
from norrsken.catalogue.events import cadence, monthly_frames
from norrsken.catalogue.kp import kp_bins, read_kp
from norrsken.classes import AURORA, DECISIONS, NOT_CLASSIFIED, UNDECIDED
from norrsken.config.label_set import LabelSet
from norrsken.evaluation.bootstrap import DRAWS, MIN_UNITS, NORMAL, redrawn, share_intervals, wilson

#: A night counts as observed from so many seconds on, and a label as seen on it from so many frames on.
NIGHT_SECONDS = 1800
NIGHT_FRAMES = 3

#: The most seconds for which a frame may stand: the median step of a few scattered frames says nothing.
LONGEST_STEP = 600.0

#: The seconds for which a frame stands where its night has no step.
USUAL_STEP = 60.0

#: The bins into which frames of a night fall.
BINS = {"all": range(1), "hour": range(24), "mlt": range(24), "kp": range(10)}
_OFFSETS = np.cumsum([0, *map(len, BINS.values())])


class Nights(NamedTuple):
    """What the nights of a month, or of all months, hold in each of the bins `BINS`.

    dates: (n,). seconds: for which a frame of each stands, (n,). labelled: its observed frames by label, and by the
    decision on aurora, (n, bins, `_columns`). estimated: its observed frames by class that can be observed, as the
    first fit of the correction estimates them, and as the other fits do, (fits, n, bins, classes).
    """

    dates: NDArray[np.datetime64]
    seconds: NDArray[np.float64]
    labelled: NDArray[np.float64]
    estimated: NDArray[np.float32]


def tabulate_occurrence(
    months: Iterable[str], kp: str | None, correction: Correction, label_set: LabelSet
) -> pd.DataFrame:
    """How much of the observed time each label was seen: one row for each bin and label.

    months: directories of the nights' tables. kp: table of the Kp index; see `read_kp`. Only clear frames count, each
    for the median step of its night; and of these not those with a label that stands for a sky that cannot be judged.

    Columns: by, value: the bin: `all`; `hour` (UT) and `mlt` from 0 to 23; `month` from 1 to 12 and `year`, those of
    the night's date; `kp`, rounded down, with a table of it, of frames in its hours. label: the classes and
    `not_classified`; `aurora` where the decision is that there was some, and `undecided`; without such decisions
    `aurora` is all auroral classes together. It is left out where a class has that name. frames_observed,
    hours_observed: of any label; of `aurora` those that are decided. frames, hours: of this label. share: hours /
    hours_observed, empty where nothing was observed. low, high: its 95 % interval, empty for fewer than 10 nights.
    estimate, estimate_low, estimate_high: the share of the class as estimated from probabilities; see `correction`.
    Its interval holds the nights that were drawn and the nights that the correction was fitted to. method: `corrected`;
    or `counted` where there is no correction, so that the estimate is the share. Both are empty where nothing is
    estimated. nights_observed: nights of at least 30 observed minutes in the bin. nights: those of them with at least 3
    frames of the label. nights_share: nights / nights_observed, with nights_low and nights_high, its 95 % interval
    (binomial, Wilson's).
    """
    index = None if kp is None else read_kp(kp)
    columns = ["aurora", *map(schemas.p, correction.classes)]
    frames_by_month = monthly_frames(months, columns, label_set.class_names)
    monthly = [_count(frames, index, correction, label_set) for frames in frames_by_month]
    nights = _all_nights(monthly, correction, label_set)
    dates = pd.DatetimeIndex(nights.dates)
    values: dict[str, range] = {**BINS, "month": range(1, 13), "year": range(0)}
    if len(dates):
        values["year"] = range(dates.year.min(), dates.year.max() + 1)
    order = [by for by in ("all", "hour", "mlt", "month", "year", "kp") if by != "kp" or index is not None]
    parts = []
    for by in order:
        within = None
        if by not in BINS:
            within = getattr(dates, by).to_numpy()[:, None] == np.arange(values[by].start, values[by].stop)
        part = nights._replace(
            labelled=_bins(nights.labelled, by, within), estimated=_bins(nights.estimated, by, within)
        )
        bins = pd.DataFrame({"by": by, "value": pd.array([pd.NA] if by == "all" else values[by], "Int64")})
        parts.append(_table(bins, part, correction, label_set))
    return pd.concat(parts, ignore_index=True)


def _bins(counts: NDArray[Any], by: str, within: NDArray[np.bool_] | None) -> NDArray[Any]:
    """The bins of one kind: (…, nights, bins, k). within: which nights a bin has, where a night has but one."""
    if within is not None:
        return counts[..., :1, :] * within[..., None]
    start = _OFFSETS[list(BINS).index(by)]
    return counts[..., start : start + len(BINS[by]), :]


def _columns(label_set: LabelSet) -> list[str]:
    """What frames are counted by: labels, and decisions."""
    return [*label_set.catalogue_labels, *DECISIONS]


def _all_nights(monthly: Sequence[Nights], correction: Correction, label_set: LabelSet) -> Nights:
    none = Nights(
        np.empty(0, "datetime64[s]"),
        np.empty(0),
        np.empty((0, _OFFSETS[-1], len(_columns(label_set)))),
        np.empty((len(correction.fits), 0, _OFFSETS[-1], len(correction.classes)), np.float32),
    )
    dates, seconds, labelled, estimated = zip(none, *monthly, strict=True)
    return Nights(
        np.concatenate(dates), np.concatenate(seconds), np.concatenate(labelled), np.concatenate(estimated, axis=1)
    )


def _count(frames: pd.DataFrame, kp: pd.Series | None, correction: Correction, label_set: LabelSet) -> Nights:
    """The nights of a month."""
    night, nights = pd.factorize(frames["night"])
    seconds = np.empty(len(nights))
    seconds[night] = cadence(frames, LONGEST_STEP).fillna(USUAL_STEP)
    clear = (frames["condition"] == "clear").to_numpy() & ~frames["label"].isin(label_set.hidden_sky).to_numpy()
    frames, night = frames[clear], night[clear]
    hour, mlt = frames["time"].dt.hour.to_numpy(), frames["mlt"].to_numpy().astype(np.intp) % 24
    places = np.stack([np.zeros_like(mlt), hour, mlt, kp_bins(frames["time"], kp)])
    # Frames that follow each other are mostly of the same bins, so they are summed before they are put into these.
    runs = np.flatnonzero(np.diff(np.stack([night, *places]), prepend=-2).any(axis=0))
    night_of_run, places_of_run = night[runs], places[:, runs]

    def put(values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sums over the frames of each night and bin: (frames, k) → (nights, bins, k)."""
        sums = np.zeros((len(nights), _OFFSETS[-1], values.shape[1]))
        of_run = np.add.reduceat(values, runs) if len(runs) else values
        for offset, place in zip(_OFFSETS, places_of_run, strict=False):
            known = place >= 0
            np.add.at(sums, (night_of_run[known], offset + place[known]), of_run[known])
        return sums

    label = frames["label"].cat.set_categories(label_set.catalogue_labels)
    decision = frames["aurora"].cat.set_categories(DECISIONS)
    labelled = put(pd.concat([pd.get_dummies(label), pd.get_dummies(decision)], axis=1).to_numpy(np.float64))
    estimated = np.empty((len(correction.fits), *labelled.shape[:2], len(correction.classes)), np.float32)
    for fit, chances in enumerate(_chances(frames, night, hour, seconds, correction)):
        estimated[fit] = put(chances)
    return Nights(nights.to_numpy("datetime64[s]"), seconds, labelled, estimated)


def _chances(
    frames: pd.DataFrame,
    night: NDArray[np.intp],
    hour: NDArray[np.int32],
    seconds: NDArray[np.float64],
    correction: Correction,
) -> Iterator[NDArray[np.float64]]:
    """The corrected probabilities of observed frames, (n, classes), by each fit of the correction."""
    found = frames[[*map(schemas.p, correction.classes)]].to_numpy(np.float64)
    starts = np.flatnonzero(np.diff(24 * night + hour, prepend=-1))
    for fit in correction.fits:
        yield corrected(found, starts, seconds[night[starts]], fit) if len(found) else found


def _table(bins: pd.DataFrame, nights: Nights, correction: Correction, label_set: LabelSet) -> pd.DataFrame:
    """The columns of `tabulate_occurrence`, for the bins of one kind."""
    columns = _columns(label_set)
    of = {name: nights.labelled[..., [columns.index(name)]] for name in columns}
    labels = list(label_set.catalogue_labels)
    observed = nights.labelled[..., : len(labels)].sum(axis=-1, keepdims=True)
    counts, beside = [of[name] for name in labels], [observed] * len(labels)
    if label_set.pooled and label_set.clear_sky:
        labels += [AURORA, UNDECIDED]
        counts += [of["yes"], of[UNDECIDED]]
        beside += [of["yes"] + of["no"], observed]
    elif label_set.pooled:
        labels.append(AURORA)
        counts.append(np.sum([of[name] for name in label_set.aurora], axis=0))
        beside.append(observed)
    seen, watched = np.concatenate(counts, axis=-1), np.concatenate(beside, axis=-1)
    hours, hours_observed = (frames * (nights.seconds / 3600)[:, None, None] for frames in (seen, watched))
    enough = watched * nights.seconds[:, None, None] >= NIGHT_SECONDS
    on_nights, nights_observed = (enough & (seen >= NIGHT_FRAMES)).sum(axis=0), enough.sum(axis=0)
    share, low, high = _shares(hours[None], hours_observed[None])
    estimates = _estimates((share, low, high), hours_observed[..., :1], labels, nights, correction, label_set)
    nights_share = _divide(on_nights, nights_observed)
    nights_low, nights_high = wilson(nights_share, np.where(nights_observed > 0, nights_observed, np.nan), NORMAL)
    values: dict[str, NDArray[Any]] = {
        "frames_observed": watched.sum(axis=0).astype(np.int64),
        "hours_observed": hours_observed.sum(axis=0),
        "frames": seen.sum(axis=0).astype(np.int64),
        "hours": hours.sum(axis=0),
        "share": share,
        "low": low,
        "high": high,
        **dict(zip(("estimate", "estimate_low", "estimate_high"), estimates, strict=True)),
        "nights_observed": nights_observed,
        "nights": on_nights,
        "nights_share": nights_share,
        "nights_low": nights_low,
        "nights_high": nights_high,
    }
    table = bins.loc[bins.index.repeat(len(labels))].reset_index(drop=True)
    table["label"] = labels * len(bins)
    table = table.assign(**{name: value.ravel() for name, value in values.items()})
    method = np.where(table["estimate"].notna(), "corrected" if correction.fits else "counted", "")
    table.insert(list(table).index("nights_observed"), "method", method)
    return table


def _estimates(
    counted: Sequence[NDArray[np.float64]],
    observed: NDArray[np.float64],
    labels: Sequence[str],
    nights: Nights,
    correction: Correction,
    label_set: LabelSet,
) -> NDArray[np.float64]:
    """The estimated share of each label with the ends of its interval, (3, bins, labels); nan where there is none.

    counted: the same of the counted shares. observed: hours, (nights, bins, 1).
    """
    estimates = np.full((3, *counted[0].shape), np.nan)
    if not correction.fits:
        known = [place for place, name in enumerate(labels) if name not in (NOT_CLASSIFIED, UNDECIDED)]
        estimates[..., known] = np.stack(counted)[..., known]
        return estimates
    hours = nights.estimated * (nights.seconds / 3600)[:, None, None]
    named = {name: hours[..., [place]] for place, name in enumerate(correction.classes)}
    if AURORA in labels:
        named.setdefault(AURORA, np.sum([named[name] for name in label_set.aurora], axis=0))
    places = [place for place, name in enumerate(labels) if name in named]
    estimated = np.concatenate([named[labels[place]] for place in places], axis=-1)
    estimates[..., places] = _shares(estimated, np.broadcast_to(observed, (len(estimated), *observed.shape)))
    return estimates


def _shares(hours: NDArray[np.float64], observed: NDArray[np.float64]) -> NDArray[np.float64]:
    """Shares with the ends of their 95 % intervals, (3, bins, labels).

    hours: (fits, nights, bins, labels) of those observed, (fits, nights, bins, labels or 1). The first fit gives the
    share; all others, or the only one, how much it varies over nights and fits.
    """
    shares = _divide(hours[0].sum(axis=0), observed[0].sum(axis=0))
    units = np.broadcast_to((observed[0] > 0).sum(axis=0), shares.shape)
    if units.max(initial=0) < MIN_UNITS:
        return np.stack([shares, *np.full((2, *shares.shape), np.nan)])
    others = range(len(hours))[-max(1, len(hours) - 1) :]
    drawn = []
    for fit in others:
        both = np.concatenate(np.broadcast_arrays(hours[fit], observed[fit]), axis=-1)
        drawn.append(_divide(*np.split(redrawn(both, DRAWS // len(others), fit), 2, axis=-1)))
    together = np.concatenate(drawn)
    variances = np.nanvar(np.where(np.isnan(together).all(axis=0), 0, together), axis=0, ddof=1)
    return np.stack([shares, *share_intervals(shares, variances, units)])


def _divide(a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.float64]:
    """The quotient a / b, and nan where there is nothing to divide by."""
    a, b = np.broadcast_arrays(a, b)
    quotient: NDArray[np.float64] = np.divide(a, b, out=np.full(a.shape, np.nan), where=b > 0)
    return quotient
