"""What the pages for people share: their template, and the frames that lie beside them."""

from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from norrsken.classes import DEFINITIONS, LABELS, TITLES
from norrsken.files import written_aside

#: What the pages say of the nine labels.
LABELS_SHOWN = [{"name": name, "title": TITLES[name], "definition": DEFINITIONS[name]} for name in LABELS]


def write_page(name: str, page: dict[str, Any], output: str | Path) -> None:
    """Write the page of a template; its script finds `page` as PAGE. Everything in it is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("norrsken"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    text = environment.get_template(f"{name}.html").render(name=name, page=page)
    with written_aside(output) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_frame(image: NDArray[np.uint8], path: Path) -> None:
    """Write a frame as PNG, in little time rather than small."""
    Image.fromarray(image).save(path, compress_level=1)
