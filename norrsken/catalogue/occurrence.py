"""Occurrence: how much of the observed time each class was seen, by hour, season, year and magnetic activity."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array

from norrsken import schemas
from norrsken.catalogue.correction import Correction, corrected
from norrsken.catalogue.events import cadence, monthly_frames
from norrsken.catalogue.kp import kp_bins, read_kp
from norrsken.classes import AURORA, DECISIONS, NOT_CLASSIFIED, UNDECIDED
from norrsken.config.label_set import LabelSet
from norrsken.evaluation.bootstrap import DRAWS, MIN_UNITS, NORMAL, quotient, share_intervals, times_drawn, wilson

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
    first fit of the correction estimates them, and as the other fits do; of each month (fits, n, bins, classes).
    """

    dates: NDArray[np.datetime64]
    seconds: NDArray[np.float64]
    labelled: NDArray[np.float64]
    estimated: Sequence[NDArray[np.float32]]


class Bin(NamedTuple):
    """A bin of the table. place: of its frames among the bins of `Nights`. nights: those that were observed in it."""

    by: str
    value: int | None
    place: int
    nights: NDArray[np.intp]


class Seen(NamedTuple):
    """The labels of the table, and the frames of all nights by them.

    frames: of each label, (nights, bins of `Nights`, labels). observed: of any label, and those that are decided where
    the labels hold such decisions, (nights, bins, 1 or 2). beside: which of these belong to each label, (labels,).
    """

    labels: list[str]
    frames: NDArray[np.float64]
    observed: NDArray[np.float64]
    beside: NDArray[np.intp]


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
    seen = _seen(nights.labelled, label_set)
    order = [by for by in ("all", "hour", "mlt", "month", "year", "kp") if by != "kp" or index is not None]
    bins = [one for by in order for one in _bins(by, nights.dates, seen.observed[..., 0] > 0)]
    return _table(bins, seen, nights, correction, label_set)


def _bins(by: str, dates: NDArray[np.datetime64], observed: NDArray[np.bool_]) -> list[Bin]:
    """The bins of one kind. observed: whether each night was, in each of the bins of `Nights`, (nights, bins)."""
    if by in BINS:
        places, values = _OFFSETS[list(BINS).index(by)] + np.arange(len(BINS[by])), BINS[by]
        within = observed[:, places]
    else:
        of_night = getattr(pd.DatetimeIndex(dates), by).to_numpy()
        values = range(1, 13)
        if by == "year":
            values = range(of_night.min(), of_night.max() + 1) if len(dates) else range(0)
        places = np.zeros(len(values), np.intp)
        within = observed[:, :1] & (of_night[:, None] == np.arange(values.start, values.stop))
    return [
        Bin(by, None if by == "all" else value, int(place), np.flatnonzero(of_bin))
        for value, place, of_bin in zip(values, places, within.T, strict=True)
    ]


def _columns(label_set: LabelSet) -> list[str]:
    """What frames are counted by: labels, and decisions."""
    return [*label_set.catalogue_labels, *DECISIONS]


def _all_nights(monthly: Sequence[Nights], correction: Correction, label_set: LabelSet) -> Nights:
    none = Nights(
        np.empty(0, "datetime64[s]"),
        np.empty(0),
        np.empty((0, _OFFSETS[-1], len(_columns(label_set)))),
        [np.empty((len(correction.fits), 0, _OFFSETS[-1], len(correction.classes)), np.float32)],
    )
    dates, seconds, labelled, estimated = zip(none, *monthly, strict=True)
    return Nights(
        np.concatenate(dates),
        np.concatenate(seconds),
        np.concatenate(labelled),
        [of_month for of_months in estimated for of_month in of_months],
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
    into = _OFFSETS[-1] * night[runs] + _OFFSETS[:-1, None] + places[:, runs]
    known = places[:, runs] >= 0
    run = np.broadcast_to(np.arange(len(runs)), into.shape)
    falls = csr_array((np.ones(known.sum()), (into[known], run[known])), (len(nights) * _OFFSETS[-1], len(runs)))

    def put(values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sums over the frames of each night and bin: (frames, k) → (nights, bins, k)."""
        of_run = np.add.reduceat(values, runs) if len(runs) else values
        sums: NDArray[np.float64] = (falls @ of_run).reshape(len(nights), _OFFSETS[-1], -1)
        return sums

    label = frames["label"].cat.set_categories(label_set.catalogue_labels)
    decision = frames["aurora"].cat.set_categories(DECISIONS)
    labelled = put(pd.concat([pd.get_dummies(label), pd.get_dummies(decision)], axis=1).to_numpy(np.float64))
    estimated = np.empty((len(correction.fits), *labelled.shape[:2], len(correction.classes)), np.float32)
    for fit, chances in enumerate(_chances(frames, night, hour, seconds, correction)):
        estimated[fit] = put(chances)
    return Nights(nights.to_numpy("datetime64[s]"), seconds, labelled, [estimated])


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


def _seen(labelled: NDArray[np.float64], label_set: LabelSet) -> Seen:
    """The labels of the table, and the frames by them. labelled: of `Nights`."""
    columns = _columns(label_set)
    of = {name: labelled[..., [columns.index(name)]] for name in columns}
    labels = list(label_set.catalogue_labels)
    counts = [of[name] for name in labels]
    observed, beside = [np.sum(counts, axis=0)], [0] * len(labels)
    if label_set.pooled and label_set.clear_sky:
        labels += [AURORA, UNDECIDED]
        counts += [of["yes"], of[UNDECIDED]]
        observed.append(of["yes"] + of["no"])
        beside += [1, 0]
    elif label_set.pooled:
        labels.append(AURORA)
        counts.append(np.sum([of[name] for name in label_set.aurora], axis=0))
        beside.append(0)
    return Seen(labels, np.concatenate(counts, axis=-1), np.concatenate(observed, axis=-1), np.array(beside))


def _table(
    bins: Sequence[Bin], seen: Seen, nights: Nights, correction: Correction, label_set: LabelSet
) -> pd.DataFrame:
    """The columns of `tabulate_occurrence`."""
    rows = [_sums(one, seen, nights.seconds) for one in bins]
    sums = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
    units, nights_observed = sums.pop("units"), sums["nights_observed"]
    in_hours = (nights.seconds / 3600)[:, None, None]
    share = quotient(sums["hours"], sums["hours_observed"])
    ends = _intervals(bins, share, units, [(0, seen.frames * in_hours)], seen.observed * in_hours, seen.beside)
    estimates = _estimates((share, *ends), bins, seen, nights, correction, label_set)
    nights_share = quotient(sums["nights"], nights_observed)
    nights_low, nights_high = wilson(nights_share, np.where(nights_observed > 0, nights_observed, np.nan), NORMAL)
    values: dict[str, NDArray[Any]] = {
        **{name: sums[name] for name in ("frames_observed", "hours_observed", "frames", "hours")},
        **dict(zip(("share", "low", "high"), (share, *ends), strict=True)),
        **dict(zip(("estimate", "estimate_low", "estimate_high"), estimates, strict=True)),
        **{name: sums[name] for name in ("nights_observed", "nights")},
        "nights_share": nights_share,
        "nights_low": nights_low,
        "nights_high": nights_high,
    }
    of_label = range(len(seen.labels))
    table = pd.DataFrame(
        {
            "by": [one.by for one in bins for _ in of_label],
            "value": pd.array([one.value for one in bins for _ in of_label], "Int64"),
            "label": seen.labels * len(bins),
            **{name: value.ravel() for name, value in values.items()},
        }
    )
    method = np.where(table["estimate"].notna(), "corrected" if correction.fits else "counted", "")
    table.insert(list(table).index("nights_observed"), "method", method)
    return table


def _sums(one: Bin, seen: Seen, seconds: NDArray[np.float64]) -> dict[str, NDArray[Any]]:
    """Columns of the table in a bin, (labels,), and `units`: the nights on which frames were observed beside each."""
    here = one.nights, one.place
    frames, observed, stands = seen.frames[here], seen.observed[here][:, seen.beside], seconds[one.nights, None]
    hours_observed, enough = observed * (stands / 3600), observed * stands >= NIGHT_SECONDS
    return {
        "frames_observed": observed.sum(axis=0).astype(np.int64),
        "hours_observed": hours_observed.sum(axis=0),
        "frames": frames.sum(axis=0).astype(np.int64),
        "hours": (frames * (stands / 3600)).sum(axis=0),
        "nights_observed": enough.sum(axis=0),
        "nights": (enough & (frames >= NIGHT_FRAMES)).sum(axis=0),
        "units": (hours_observed > 0).sum(axis=0),
    }


def _estimates(
    counted: Sequence[NDArray[np.float64]],
    bins: Sequence[Bin],
    seen: Seen,
    nights: Nights,
    correction: Correction,
    label_set: LabelSet,
) -> NDArray[np.float64]:
    """The estimated share of each label with the ends of its interval, (3, bins, labels); nan where there is none.

    counted: the same of the counted shares.
    """
    labels = seen.labels
    estimates = np.full((3, *counted[0].shape), np.nan)
    if not correction.fits:
        known = [place for place, name in enumerate(labels) if name not in (NOT_CLASSIFIED, UNDECIDED)]
        estimates[..., known] = np.stack(counted)[..., known]
        return estimates
    places = [place for place, name in enumerate(labels) if name in correction.classes or name == AURORA]
    in_hours = (nights.seconds / 3600)[:, None, None]

    def hours_by(fit: int) -> NDArray[np.float64]:
        """The hours of each label, as this fit estimates them: (nights, bins of `Nights`, places)."""
        hours = np.concatenate([of_month[fit] for of_month in nights.estimated]) * in_hours
        named = {name: hours[..., [place]] for place, name in enumerate(correction.classes)}
        if AURORA in labels:
            named.setdefault(AURORA, np.sum([named[name] for name in label_set.aurora], axis=0))
        return np.concatenate([named[labels[place]] for place in places], axis=-1)

    first, observed = hours_by(0), seen.observed[..., :1] * in_hours
    hours, hours_observed = (
        np.stack([of[one.nights, one.place].sum(axis=0) for one in bins]) for of in (first, observed)
    )
    shares = quotient(hours, hours_observed)
    units = np.stack([(observed[one.nights, one.place] > 0).sum(axis=0) for one in bins])
    others = range(len(correction.fits))[-max(1, len(correction.fits) - 1) :]
    ends = _intervals(
        bins,
        shares,
        np.broadcast_to(units, shares.shape),
        ((fit, hours_by(fit)) for fit in others),
        observed,
        np.zeros(len(places), np.intp),
        len(others),
    )
    estimates[..., places] = np.stack([shares, *ends])
    return estimates


def _intervals(
    bins: Sequence[Bin],
    shares: NDArray[np.float64],
    units: NDArray[np.int64],
    hours_by: Iterable[tuple[int, NDArray[np.float64]]],
    observed: NDArray[np.float64],
    beside: NDArray[np.intp],
    fits: int = 1,
) -> NDArray[np.float64]:
    """The ends of the 95 % intervals of shares in bins: low and high, (2, bins, labels); see `share_intervals`.

    shares, units: (bins, labels). hours_by: as each of the fits has them, with what its nights are drawn by: seed, and
    the hours of each label, (nights, bins of `Nights`, labels). observed: hours, (nights, bins, k); beside: which of
    them belong to each label, (labels,).
    """
    ends = np.full((2, *shares.shape), np.nan)
    if units.max(initial=0) < MIN_UNITS:
        return ends
    drawn = []
    for seed, hours in hours_by:
        # The draws of a night lie side by side: each bin takes those of the nights that were observed in it.
        times, both = times_drawn(len(hours), DRAWS // fits, seed).T.copy(), np.concatenate([hours, observed], axis=-1)
        sums = np.stack([times[one.nights].T @ both[one.nights, one.place] for one in bins], axis=1)
        drawn.append(quotient(sums[..., : len(beside)], sums[..., len(beside) :][..., beside]))
    together = np.concatenate(drawn)
    variances = np.nanvar(np.where(np.isnan(together).all(axis=0), 0, together), axis=0, ddof=1)
    for _, places in groupby(range(len(bins)), lambda place: bins[place].by):
        here = list(places)
        if units[here].max() >= MIN_UNITS:
            ends[:, here] = share_intervals(shares[here], variances[here], units[here])
    return ends
