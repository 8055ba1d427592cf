"""Pages from templates."""

from pathlib import Path
from typing import Any

import jinja2

from norrsken.classes import DEFINITIONS, LABELS, TITLES
from norrsken.files import written_aside

#: What the pages say of the nine labels.
LABELS_SHOWN = [{"name": name, "title": TITLES[name], "definition": DEFINITIONS[name]} for name in LABELS]


def write_page(template: str, page: dict[str, Any], output: str | Path) -> None:
    """Write a page; its script finds `page` as PAGE. Everything in it is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("norrsken"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    text = environment.get_template(template).render(page=page)
    with written_aside(output) as temporary:
        temporary.write_text(text, encoding="utf-8")
