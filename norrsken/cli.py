"""The command `norrsken`: what people do beside the workflow."""

import argparse
import json
import logging
import os
import sys
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

from norrsken import __version__
from norrsken.commands import calibrate, classify, export
from norrsken.config.config import json_schema, load
from norrsken.config.label_set import DEFAULT
from norrsken.errors import NorrskenError
from norrsken.files import written_aside
from norrsken.paths import NIGHTS


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        status: int = options.command(options)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, such as `head`, wants no more
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (NorrskenError, OSError) as error:
        print(f"norrsken: {error}", file=sys.stderr)
        return 1
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="norrsken", description=__doc__)
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    inspect = commands.add_parser("inspect", help="look at an archive and print the configuration that would read it")
    inspect.add_argument("root", metavar="ROOT", help="the folder of the archive")
    inspect.set_defaults(command=_inspect)

    calibrate.add_to(commands.add_parser("calibrate", help="find a camera's lens from stars, or its colours"))

    rescan = commands.add_parser("rescan", help="find directories whose files differ from the night tables")
    rescan.add_argument("--config", default="config.yaml", help="the configuration (%(default)s)")
    rescan.add_argument(
        "--touch", action="store_true", help="set their times to now, so that the workflow repeats them"
    )
    rescan.set_defaults(command=_rescan)

    simulate = commands.add_parser("simulate", help="write a simulated archive and label tables, for trying things out")
    simulate.add_argument(
        "nights",
        nargs="*",
        type=_nights,
        metavar="NIGHT",
        help="a night, such as 2018-01-15, or all of 2018-01-15:2018-03-31",
    )
    simulate.add_argument(
        "--audit", action="store_true", help="label the sample of snakemake audit, instead of simulating nights"
    )
    simulate.add_argument("--config", default="config.yaml", help="the configuration (%(default)s)")
    simulate.add_argument("--seed", type=int, default=0, help="the same seed gives the same archive (%(default)s)")
    simulate.add_argument(
        "--cameras",
        choices=("configured", "random"),
        default="configured",
        help="random: each UTC date has another camera, which ROOT-truth/cameras.yaml then describes (%(default)s)",
    )
    simulate.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes (%(default)s)")
    simulate.set_defaults(command=_simulate)

    movie = commands.add_parser("movie", help="make a film of a night of the archive, for a browser")
    movie.add_argument("night", type=date.fromisoformat, metavar="NIGHT", help="such as 2018-01-15")
    movie.add_argument("--config", default="config.yaml", help="the configuration (%(default)s)")
    movie.add_argument("--output", type=Path, help="the file to write (NIGHT.webm)")
    movie.set_defaults(command=_movie)

    classify.add_to(commands.add_parser("classify", help="classify JPEGs or night tables with a trained model"))

    export.add_to(commands.add_parser("export", help="hand what was made to the tools of others"))

    weights = commands.add_parser("weights", help="download pretrained weights, for machines without internet")
    weights.add_argument("network", metavar="NETWORK", help="timm's name, such as inception_v4.tf_in1k")
    weights.add_argument("file", type=Path, metavar="FILE", help="the .safetensors file to write")
    weights.set_defaults(command=_weights)

    tune = commands.add_parser("tune", help="try settings of a model on a validation part of its training frames")
    tune.add_argument("model", metavar="MODEL", help="an entry of models")
    tune.add_argument(
        "tries", nargs="+", type=_tries, metavar="KEY=VALUE,…", help="such as learning_rate=0.0003,0.001 epochs=10,30"
    )
    tune.add_argument("--config", default="config.yaml", help="the configuration (%(default)s)")
    tune.add_argument("--split", help="the split whose training frames are used (the first)")
    tune.add_argument("--seeds", type=int, default=2, help="runs of each setting (%(default)s)")
    tune.set_defaults(command=_tune)

    _add_label_studio(commands.add_parser("label-studio", help="for teams that label with Label Studio"))

    status = commands.add_parser(
        "status", help="show what is done, runs or has failed: snakemake --summary | norrsken status"
    )
    status.add_argument("--directory", type=Path, default=Path(), help="where Snakemake works (here)")
    status.set_defaults(command=_status)

    label_set = commands.add_parser("label-set", help="check a label set and its colours, and show its labels")
    label_set.add_argument("set", metavar="SET", help="a set's name, such as kvammen2020, or a .yaml file")
    label_set.set_defaults(command=_label_set)

    schema = commands.add_parser("schema", help="print the JSON schema of the configuration")
    schema.add_argument("--label-set", action="store_true", help="print that of label sets instead")
    schema.set_defaults(command=_schema)

    tables = commands.add_parser("tables", help="print the description of all tables")
    tables.set_defaults(command=_tables)
    return parser


def _add_label_studio(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    tasks = commands.add_parser("tasks", help="write tasks.json and interface.xml for a project there")
    tasks.add_argument("labelling", type=Path, metavar="FOLDER", help="such as results/RELEASE/labelling")
    tasks.add_argument("url", help="where Label Studio finds its frames, such as /data/local-files/?d=frames")
    tasks.add_argument("--output", type=Path, default=Path(), help="the folder to write to (here)")
    tasks.set_defaults(command=_studio_tasks)
    importing = commands.add_parser("import", help="write a label table for each annotator of an export")
    importing.add_argument("export", type=Path, metavar="EXPORT", help="Label Studio's export, JSON or CSV")
    importing.add_argument("labels", type=Path, metavar="FOLDER", help="the folder to write to, such as labels")
    importing.set_defaults(command=_studio_import)
    for command in (tasks, importing):
        command.add_argument(
            "--label-set", metavar="SET", default=DEFAULT, help="a set's name or its .yaml file (%(default)s)"
        )


def _inspect(options: argparse.Namespace) -> int:
    from norrsken.nights.inspect import inspect

    for line in inspect(options.root):
        print(line)
    return 0


def _rescan(options: argparse.Namespace) -> int:
    from norrsken.nights import census, rescan
    from norrsken.nights.archive import LeftOut
    from norrsken.plan import Plan

    plan = Plan(load(options.config))
    root = plan.config.archive.root
    months = plan.survey.months
    folders = {month: Path(NIGHTS.format(month=month)) for month in months}
    changed = rescan.changed_directories(root, months, folders)
    for directory, paths in changed.items():
        print(f"{directory}: {len(paths)} files differ, the first is {paths[0]}")
    for left_out in census.count_left_out(root, (LeftOut(*one) for one in plan.survey.left_out)):
        print(f"{left_out.files} files in no folder of frames: {left_out.reason}; such as {left_out.example}")
    if not changed:
        print("All files are as in the night tables.")
    elif options.touch:
        rescan.touch(root, changed)
        print(f"{len(changed)} directories touched: the next run repeats their months.")
    else:
        print("With --touch the next run repeats their months.")
    return 0


def _nights(text: str) -> list[date]:
    """The nights of an argument: one, or all from the first to the last of `FIRST:LAST`."""
    first, _, last = text.partition(":")
    start, end = date.fromisoformat(first), date.fromisoformat(last or first)
    if end < start:
        raise argparse.ArgumentTypeError(f"{text}: the last night is before the first")
    return [start + timedelta(days=i) for i in range((end - start).days + 1)]


def _simulate(options: argparse.Namespace) -> int:
    from norrsken.nights.archive import truth_folder
    from norrsken.simulation.archive import label_audit, simulate

    config = load(options.config)
    if bool(options.nights) == options.audit:
        raise NorrskenError("expected nights to simulate, such as 2018-01-15, or --audit")
    if options.audit:
        print(f"{label_audit(config, options.seed)} frames of the audit labelled by simulated people")
        return 0
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    nights = [night for span in options.nights for night in span]
    any_camera = options.cameras == "random"
    frames = simulate(config, nights, options.seed, options.workers, any_camera)
    print(f"{frames} simulated frames in {config.archive.root}, what they show in {truth_folder(config.archive.root)}")
    return 0


def _movie(options: argparse.Namespace) -> int:
    from norrsken.nights.movie import film_night

    output = options.output or Path(f"{options.night}.webm")
    frames = film_night(load(options.config), options.night, output)
    print(f"{frames} frames in {output}")
    return 0


def _weights(options: argparse.Namespace) -> int:
    from norrsken.models.weights import download

    download(options.network, options.file)
    print(f"{options.file}: the weights of {options.network}")
    return 0


def _tries(text: str) -> tuple[str, list[str]]:
    """The key and the values of `KEY=VALUE,…`; the model's settings check them later."""
    key, _, values = text.partition("=")
    if not values:
        raise argparse.ArgumentTypeError(
            f"{text}: expected a setting and its values, such as learning_rate=0.0003,0.001"
        )
    return key, values.split(",")


def _tune(options: argparse.Namespace) -> int:
    from norrsken.plan import Plan
    from norrsken.training.tuning import tune

    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    plan = Plan(load(options.config))
    features = next(iter(plan.features([options.model])), None)
    tries = dict(options.tries)
    for row in tune(plan.config, options.model, tries, options.split, options.seeds, plan.dataset, features):
        print(row, flush=True)
    return 0


def _studio_tasks(options: argparse.Namespace) -> int:
    from norrsken.config.label_set import read_label_set
    from norrsken.curation import label_studio

    label_set = read_label_set(options.label_set)
    tasks = label_studio.tasks(options.labelling, options.url)
    for name, text in (
        ("tasks.json", json.dumps(tasks, indent=1)),
        ("interface.xml", label_studio.interface(label_set)),
    ):
        with written_aside(options.output / name) as temporary:
            temporary.write_text(text, encoding="utf-8")
    print(f"{options.output / 'tasks.json'}: {len(tasks)} tasks; paste interface.xml into the project's settings")
    return 0


def _studio_import(options: argparse.Namespace) -> int:
    from norrsken.config.label_set import read_label_set
    from norrsken.curation import label_studio

    problems: list[str] = []
    label_set = read_label_set(options.label_set)
    tables, left_out = label_studio.write_tables(options.export, options.labels, label_set, problems)
    for path, table in tables.items():
        print(f"{path}: {table.labels} labels of {table.annotator or 'people whom the export does not name'}")
    for what, count in left_out.items():
        print(f"left out: {count} {what}")
    for problem in problems:
        print(f"norrsken: left out: {problem}", file=sys.stderr)
    if not tables:
        print(f"norrsken: {options.export}: no label was found in it: nothing is written", file=sys.stderr)
    return 0 if tables and not problems else 1


def _status(options: argparse.Namespace) -> int:
    from norrsken.status import describe

    for line in describe(sys.stdin, options.directory):
        print(line)
    return 0


def _label_set(options: argparse.Namespace) -> int:
    from norrsken.config.label_set import read_label_set
    from norrsken.figures.colour_vision import colour_warnings

    label_set = read_label_set(options.set)
    roles = {name: ["aurora"] for name in label_set.aurora} | {name: ["hidden sky"] for name in label_set.hidden_sky}
    for name, role in ((label_set.clear_sky, "clear sky"), (label_set.onset, "onset")):
        if name:
            roles[name] = [*roles.get(name, []), role]
    rows = [("key", "name", "title", "colour", "kind", "role")]
    for kind, labels in (("class", label_set.classes), ("exclusion", label_set.exclusions)):
        rows += [(x.key, x.name, x.title, x.colour, kind, ", ".join(roles.get(x.name, []))) for x in labels]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    print(label_set.title)
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    warnings = colour_warnings({label.name: label.colour for label in (*label_set.classes, *label_set.exclusions)})
    for warning in warnings or ["The colours can be told apart, also by colour-blind readers."]:
        print(warning)
    return 0


def _schema(options: argparse.Namespace) -> int:
    from norrsken.config.label_set import label_set_schema

    print(json.dumps(label_set_schema() if options.label_set else json_schema(), indent=2))
    return 0


def _tables(options: argparse.Namespace) -> int:
    from norrsken.dataset.pictures import pictures_table
    from norrsken.schemas import markdown
    from norrsken.simulation.truth import TRUTH_TABLE

    more = {
        "results/{release}/labelled.parquet of a folder of pictures": pictures_table(["{annotator}"]),
        "{archive}-truth/{night}.parquet, beside a simulated archive": TRUTH_TABLE,
    }
    print(markdown(more), end="")
    return 0
