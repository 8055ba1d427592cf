"""What the pages for people share: their template, and the frames that lie beside them."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from norrsken.classes import DEFINITIONS, LABELS, TITLES
from norrsken.html import write_html

#: What the pages say of the nine labels.
LABELS_SHOWN = [{"name": name, "title": TITLES[name], "definition": DEFINITIONS[name]} for name in LABELS]


def write_page(name: str, page: dict[str, Any], output: str | Path) -> None:
    """Write the page of a template; its script finds `page` as PAGE. Everything in it is escaped."""
    write_html(f"{name}.html", {"name": name, "page": page}, output)


def write_frame(image: NDArray[np.uint8], path: Path) -> None:
    """Write a frame as PNG, in little time rather than small."""
    Image.fromarray(image).save(path, compress_level=1)
