"""Self-contained HTML pages from the templates of the package."""

import base64
import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from norrsken import __version__
from norrsken.classes import in_words
from norrsken.files import AS_WRITTEN, written_aside
from norrsken.paper import model_title


class Picture(NamedTuple):
    """A figure as it stands in a page: its data, and the width in CSS pixels that its text was made for."""

    data: str
    width: int


def write_html(template: str, values: Mapping[str, Any], output: str | os.PathLike[str]) -> None:
    """Write a page; everything in it is escaped. It is an error when the template needs a value that is not there."""
    text = _environment().get_template(template).render(version=__version__, **values)
    with written_aside(output) as temporary:
        temporary.write_text(text, encoding="utf-8")


@cache
def _environment() -> jinja2.Environment:
    """Where the templates are found. It is kept, since it keeps what it has compiled: pages are many."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("norrsken"), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
    )
    environment.filters |= {
        "score": _score,
        "spread": _spread,
        "interval": _interval,
        "count": _count,
        "amount": _amount,
        "millions": _millions,
        "title": model_title,
        "in_words": in_words,
    }
    return environment


def picture(path: str | os.PathLike[str]) -> Picture:
    """A PNG file as a picture, whose width follows from the file's resolution."""
    with Image.open(path) as image:
        dots: float = image.info["dpi"][0]
        return Picture(data_url(Path(path).read_bytes()), round(image.width * 96 / dots))


def data_url(data: bytes, kind: str = "png") -> str:
    """The bytes of a picture as an address, so that a page holds it. kind: such as `jpeg`."""
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def csv_records(path: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """The rows of a table that the program wrote."""
    table = pd.read_csv(path, dtype={"model": str}, **AS_WRITTEN)
    return [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]


def _score(value: float) -> str:
    return "–" if pd.isna(value) else f"{value:.2f}"


def _spread(value: float) -> str:
    return "" if pd.isna(value) else f"± {value:.2f}"


def _interval(low: float, high: float) -> str:
    return "" if pd.isna(low) else f"[{low:.2f}, {high:.2f}]"


def _count(value: float) -> str:
    return "–" if pd.isna(value) else f"{value:,.0f}"


def _amount(value: float) -> str:
    if pd.isna(value) or value >= 10:
        return _count(value)
    return "< 0.01" if 0 < value < 0.01 else f"{value:.2g}"


def _millions(value: float) -> str:
    return _count(value) if pd.isna(value) or value < 1e5 else f"{value / 1e6:.1f} M"


def write_page(name: str, page: dict[str, Any], output: str | Path) -> None:
    """Write the page of a template; its script finds `page` as PAGE. Everything in it is escaped."""
    write_html(f"{name}.html", {"name": name, "page": page}, output)


def write_frame(image: NDArray[np.uint8], path: Path) -> None:
    """Write a frame as PNG, quickly rather than small."""
    Image.fromarray(image).save(path, compress_level=1)
