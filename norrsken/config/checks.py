"""What must fit together in a configuration besides what each of its entries says."""

from collections.abc import Mapping

from norrsken.config.context import Context, seen_by
from norrsken.config.general import GENERAL
from norrsken.config.models import Model, Network, SequenceNetwork
from norrsken.config.releases import Catalogue
from norrsken.errors import quoted


def check_sequences(models: Mapping[str, Model], held: Context | None, release: str) -> None:
    """Raise `ValueError` where a sequence has nothing that sees its frames, or no neighbours to see."""
    networks = [GENERAL, *(name for name, entry in models.items() if isinstance(entry, Network))]
    for name, entry in models.items():
        if not isinstance(entry, SequenceNetwork):
            continue
        if entry.frames not in networks:
            kind = f"of kind {models[entry.frames].kind}" if entry.frames in models else "not under models"
            raise ValueError(
                f"models.{name}.frames is {entry.frames!r}, which is {kind}; expected one of {quoted(networks)}"
            )
        try:
            seen_by(entry, held, release)
        except ValueError as error:
            raise ValueError(f"models.{name}: {error}") from None


def check_catalogues(models: Mapping[str, Model], catalogues: Mapping[str, Catalogue | None]) -> None:
    """Raise `ValueError` where a catalogue's model is not there, or cannot make it. catalogues: by release."""
    for release, catalogue in catalogues.items():
        if catalogue is None or catalogue.model in (None, GENERAL):
            continue
        wanted = str(catalogue.model)
        if wanted not in models:
            raise ValueError(
                f"releases.{release}.catalogue.model is {wanted!r}, which is not under models: {quoted(models)}"
            )
        if isinstance(models[wanted], SequenceNetwork) and catalogue.smoothing:
            raise ValueError(
                f"releases.{release}.catalogue: smoothing is true, but {wanted!r} is a sequence, which sees the frames "
                "before and after itself: leave one of the two out"
            )
