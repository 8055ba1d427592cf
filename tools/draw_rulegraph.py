"""`make rulegraph`: draws docs/images/rulegraph.svg, the rules of the workflow and what each stands on.

Snakemake says what the rules are and how they hang together, for the demo's configuration over an archive of empty
folders. Graphviz, whose command is `dot`, draws it.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from datetime import date
from graphlib import TopologicalSorter
from itertools import groupby
from pathlib import Path

from norrsken.config.config import load
from norrsken.nights.archive import truth_folder

ROOT = Path(__file__).parent.parent
PICTURE = ROOT / "docs/images/rulegraph.svg"

#: The stages in the order of the picture: the rule file, the colour of its rules, the colour behind them.
STAGES = {
    "nights": ("#0072B2", "#EAF3F9"),
    "curation": ("#B0487F", "#FAEFF5"),
    "dataset": ("#00795A", "#E8F5F1"),
    "training": ("#C05300", "#FCF0E7"),
    "figures": ("#8A6A00", "#FBF5E1"),
    "report": ("#555B66", "#F1F2F4"),
    "catalogue": ("#2B7BB9", "#EDF6FC"),
    "yardsticks": ("#6A4FA3", "#F3EFFA"),
}

FONT = "Helvetica,Arial,sans-serif"

#: Targets that people name; they make nothing themselves.
TARGETS = ("all", "labelling", "conditions", "yardsticks")

#: Rule → the rules that it stands on.
Graph = dict[str, set[str]]


def rule_graph() -> Graph:
    """The rules of the demo's workflow, as `snakemake --rulegraph` gives them, its targets left out."""
    demo = ROOT / "demo/config.yaml"
    config = load(demo)
    release = config.releases[config.release]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for year in release.years:
            leaf = date(year, 1, 12).strftime(config.archive.directories)
            (folder / config.archive.root / leaf).mkdir(parents=True)
        truth_folder(str(folder / config.archive.root)).mkdir()
        for table in (*release.labels, release.selections):
            (folder / str(table)).parent.mkdir(exist_ok=True)
            (folder / str(table)).touch()
        command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--directory", name]
        command += ["--configfile", str(demo), "--rulegraph", "dot", "--", *TARGETS]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"snakemake --rulegraph ended with {done.returncode}:\n{done.stderr}")
    names = dict(re.findall(r'^\s*(\d+)\[label = "(\w+)"', done.stdout, re.MULTILINE))
    graph: Graph = {rule: set() for rule in names.values() if rule not in TARGETS}
    for earlier, later in re.findall(r"(\d+) -> (\d+)", done.stdout):
        if names[later] in graph:
            graph[names[later]].add(names[earlier])
    return graph


def without_detours(graph: Graph) -> Graph:
    """The same without the arrows that follow from others: where a → b → c, a → c is left out."""
    before: Graph = {}
    for rule in TopologicalSorter(graph).static_order():
        before[rule] = graph[rule].union(*(before[other] for other in graph[rule]))
    return {rule: needs - set().union(*(before[other] for other in needs)) for rule, needs in graph.items()}


def stage_of(rule: str) -> str:
    """The rule file that a rule stands in; the names of the report's figures are made in a loop."""
    for stage in STAGES:
        if f"rule {rule}:" in (ROOT / f"workflow/rules/{stage}.smk").read_text(encoding="utf-8"):
            return stage
    return "figures"


def boxed(graph: Graph) -> tuple[dict[str, list[str]], set[tuple[str, str]]]:
    """Box → its rules, and the arrows between boxes. Rules of a stage with the same arrows to and fro share a box.

    A box is named after the first of its rules.
    """

    def arrows(rule: str) -> tuple[str, list[str], list[str]]:
        return stage_of(rule), sorted(graph[rule]), sorted(other for other in graph if rule in graph[other])

    groups = (list(group) for _, group in groupby(sorted(sorted(graph), key=arrows), arrows))
    boxes = {rules[0]: rules for rules in groups}
    box_of = {rule: box for box, rules in boxes.items() for rule in rules}
    return boxes, {(box_of[other], box_of[rule]) for rule, needs in graph.items() for other in needs}


def drawing(graph: Graph) -> str:
    """What Graphviz is to draw: a coloured field a stage, a box for each rule or few, an arrow to what stands on it."""
    boxes, arrows = boxed(without_detours(graph))
    lines = [
        "digraph {",
        f'graph [rankdir=LR, bgcolor=white, pad=0.1, nodesep=0.14, ranksep=0.28, fontname="{FONT}"]',
        'node [shape=box, style="rounded,filled", fillcolor=white, penwidth=1.4, margin="0.09,0.07", height=0.3]',
        f'node [fontname="{FONT}", fontsize=13, fontcolor="#1F2328"]',
        'edge [color="#8C939D", penwidth=1.2, arrowsize=0.7]',
    ]
    for stage, (colour, behind) in STAGES.items():
        side = "l" if stage == "nights" else "r"  # arrows come in from the left; this one only has some that go out
        lines += [
            f"subgraph cluster_{stage} {{",
            f'label=<<b>{stage}</b>>; labeljust={side}; fontsize=14; fontcolor="{colour}"',
            f'style="rounded,filled"; color="{behind}"; fillcolor="{behind}"; margin=9',
        ]
        for box, rules in boxes.items():
            if stage_of(box) == stage:
                label = "\\n".join(rules)
                lines.append(f'{box} [label="{label}", color="{colour}"]')
        lines.append("}")
    return "\n".join([*lines, *(f"{earlier} -> {later}" for earlier, later in sorted(arrows)), "}"])


def main() -> None:
    """Draw the picture."""
    if shutil.which("dot") is None:
        sys.exit("The command `dot` is not there: install Graphviz to draw the rule graph.")
    subprocess.run(["dot", "-Tsvg", "-o", str(PICTURE)], input=drawing(rule_graph()), text=True, check=True)
    print(f"{PICTURE.relative_to(ROOT)} is drawn.")


if __name__ == "__main__":
    main()
