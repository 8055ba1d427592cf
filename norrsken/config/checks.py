"""What must fit together in a configuration besides what each of its entries says."""

from collections.abc import Mapping

from norrsken.config.context import Context, seen_by
from norrsken.config.general import GENERAL
from norrsken.config.models import Model, Network, SequenceNetwork
from norrsken.config.releases import Catalogue, Release
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
        seeing = models.get(entry.frames)
        if isinstance(seeing, Network) and seeing.kept_out("night") < entry.kept_out("night"):
            raise ValueError(
                f"models.{name}.validation_share is {entry.kept_out('night'):g}, but models.{entry.frames}, which sees "
                f"its frames, keeps out {seeing.kept_out('night'):g} only: it would have been trained on what judges "
                "the sequence; expected at least as much"
            )
        if held is not None:
            try:
                seen_by(entry, held, release)
            except ValueError as error:
                raise ValueError(f"models.{name}: {error}") from None


def check_catalogues(models: Mapping[str, Model], releases: Mapping[str, Release]) -> None:
    """Raise `ValueError` where a catalogue's model is not there, or cannot make it."""
    for release, chosen in releases.items():
        catalogue: Catalogue | None = getattr(chosen, "catalogue", None)
        if catalogue is not None and catalogue.smoothing:
            able = [catalogue.model] if catalogue.model else [*models]
            named = [models[name] for name in able if name in models]
            if not any(model.kept_out("night") > 0 for model in named if not isinstance(model, SequenceNetwork)):
                raise ValueError(
                    f"releases.{release}.catalogue: smoothing is true, but none of {quoted(able)} sees single frames "
                    "and keeps some out (validation_share) to which it could be fitted"
                )
        if catalogue is None or catalogue.model in (None, GENERAL):
            continue
        wanted = str(catalogue.model)
        if wanted not in models:
            raise ValueError(
                f"releases.{release}.catalogue.model is {wanted!r}, which is not under models: {quoted(models)}"
            )
        if isinstance(models[wanted], SequenceNetwork) and getattr(chosen, "context", None) is None:
            raise ValueError(
                f"releases.{release}.catalogue.model is {wanted!r}, a sequence, which sees frames between their "
                f"neighbours, but releases.{release} has no context"
            )
