"""What `config.yaml` may say of a camera's colours: its response at the auroral lines, and its tone."""

from itertools import pairwise
from typing import Annotated

from pydantic import Field

_Share = Annotated[float, Field(ge=0, le=1)]

#: Response by wavelength in nm: of red, green and blue, or of the line's own colour alone.
Response = dict[float, _Share | tuple[_Share, _Share, _Share]]

#: The exponent of a tone curve, or points [level, light] of one from [0, 0] to [255, 1].
Tone = Annotated[float, Field(ge=0.5, le=5)] | list[tuple[float, float]]

Matrix = tuple[tuple[float, float, float], tuple[float, float, float], tuple[float, float, float]]

#: Like that of sRGB, which most cameras write, without its straight piece in the dark.
DEFAULT_TONE = 1 / 0.45

#: The auroral lines in nm, each with the colour that the paper's Figure 1 gives it: 0 red, 1 green, 2 blue.
LINES = {427.8: 2, 557.7: 1, 630.0: 0}

#: Response of the reference camera, Kiruna's. The largest value of each line is the paper's (Figure 1); the others are
#: read off aurora in frames of a similar camera.
REFERENCE_RESPONSE: Response = {427.8: (0.14, 0.10, 0.65), 557.7: (0.22, 0.90, 0.07), 630.0: (0.45, 0.05, 0.03)}

#: A response whose determinant is smaller than this share of the product of its lines' lengths cannot tell colours.
_LEAST_DETERMINANT = 0.05


def check_tone(tone: Tone) -> Tone:
    """The same; raises `ValueError` for a curve that does not rise from [0, 0] to [255, 1]."""
    if isinstance(tone, list):
        steps = [b > a for one, other in pairwise(tone) for a, b in zip(one, other, strict=True)]
        if len(tone) < 2 or tone[0] != (0, 0) or tone[-1] != (255, 1) or not all(steps):
            raise ValueError("expected points [level, light] that rise from [0, 0] to [255, 1]")
    return tone


def at_line(response: Response, line: float) -> float | tuple[float, float, float] | None:
    """What a response says of an auroral line, in nm within half of one; None where it says nothing."""
    return next((value for wavelength, value in response.items() if abs(wavelength - line) < 0.5), None)


def by_line(response: Response) -> list[tuple[float, float, float]]:
    """Red, green and blue of 427.8, 557.7 and 630.0 nm; one number stands for the line's own colour, the rest is 0.

    Raises `ValueError` where a line is missing.
    """
    rows = []
    for line, own in LINES.items():
        value = at_line(response, line)
        if value is None:
            raise ValueError(f"response has no value at {line} nm; colour needs {', '.join(map(str, LINES))} nm")
        red, green, blue = value if isinstance(value, tuple) else (value * (own == channel) for channel in range(3))
        rows.append((red, green, blue))
    return rows


def check_response(response: Response) -> None:
    """Raise `ValueError` where a response cannot tell the lines apart, or has one number here and three there."""
    if len({isinstance(value, tuple) for value in response.values()}) > 1:
        raise ValueError("response has one number at some lines and three at others; colour needs the same at all")
    (a, b, c), (d, e, f), (g, h, i) = rows = by_line(response)
    determinant = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
    lengths = [max(sum(value * value for value in row) ** 0.5, 1e-9) for row in rows]
    if abs(determinant) < _LEAST_DETERMINANT * lengths[0] * lengths[1] * lengths[2]:
        raise ValueError("response is so alike at the three lines that colours cannot be told from it")
