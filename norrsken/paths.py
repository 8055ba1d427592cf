"""Every path that the workflow writes, in one place. `{…}` are Snakemake's wildcards and `str.format` fields alike."""

NIGHTS = "results/nights/{month}"
KEOGRAMS = "results/keograms/{month}"

#: Where what was made of each night stays, also when the archive has lost it: no output of a rule, which Snakemake
#: would delete before its job.
KEPT = "results/kept/{month}"

#: Where the rules write their benchmark files: a folder for each rule.
BENCHMARKS = "results/benchmarks"

KEOGRAM_PAGE = "results/curation/keograms.html"
CONDITION_PAGE = "results/curation/conditions"

RELEASE = "results/{release}"
SAMPLE = "results/{release}/sample.parquet"
LABELLING = "results/{release}/labelling"
LABELLED = "results/{release}/labelled.parquet"
DISAGREEMENTS = "results/{release}/disagreements"
LABEL_QUALITY = "results/{release}/label_quality.csv"
LABEL_NOISE = "results/{release}/label_noise.csv"
SECOND_LOOK = "results/{release}/second_look"
DATASET = "results/{release}/dataset.parquet"
FEATURES = "results/{release}/features/{features}.parquet"

RUN = "results/{release}/{split}/{model}/{seed}"
METRICS = f"{RUN}/metrics.json"
PREDICTIONS = f"{RUN}/predictions.parquet"
VALIDATION = f"{RUN}/validation.parquet"
HISTORY = f"{RUN}/history.csv"
SCORES = "results/{release}/{split}/{model}/scores.csv"
JUDGED_VOTES = "results/{release}/{split}/{model}/votes.parquet"
HISTORY_FIGURE = "results/{release}/{split}/{model}/history.png"

REPORT = "results/{release}/report"
TABLE1 = f"{REPORT}/table1.csv"
TABLE2 = f"{REPORT}/table2.csv"
TABLE1_MARKDOWN, TABLE1_LATEX = f"{REPORT}/table1.md", f"{REPORT}/table1.tex"
TABLE2_MARKDOWN, TABLE2_LATEX = f"{REPORT}/table2.md", f"{REPORT}/table2.tex"
VOTES = f"{REPORT}/votes.csv"
AGREEMENT = f"{REPORT}/agreement.csv"
CONSISTENCY = f"{REPORT}/consistency.csv"
COURSE = f"{REPORT}/course.csv"
ANNOTATORS_FIGURE = f"{REPORT}/figures/annotators.png"
COURSE_FIGURE = f"{REPORT}/figures/course.png"
CONFUSION = f"{REPORT}/figures/confusion_{{split}}_{{model}}.png"
FIGURE = f"{REPORT}/figures/{{name}}.png"
FRAMES, SELECTION, CENSUS = f"{REPORT}/frames.csv", f"{REPORT}/selection.csv", f"{REPORT}/census.csv"
#: The tables that count the archive's frames, by name.
COUNTS = {"frames": FRAMES, "selection": SELECTION, "census": CENSUS}
CARD = f"{REPORT}/cards/{{model}}.md"
SUMMARY = f"{REPORT}/summary.json"
RESOURCES = f"{REPORT}/resources.csv"
INDEX = f"{REPORT}/index.html"

CATALOGUE = "results/{release}/catalogue/{month}"
CLASSIFIER = "results/{release}/catalogue/classifier.json"
CORRECTION = "results/{release}/catalogue/correction.json"
CONDITION = "results/{release}/catalogue/condition.json"
UNTRAINED = "results/{release}/catalogue/untrained.csv"
EVENTS = "results/{release}/catalogue/events.csv"
ONSETS = "results/{release}/catalogue/onsets.csv"
OCCURRENCE = "results/{release}/catalogue/occurrence.csv"
OCCURRENCE_FIGURE = "results/{release}/catalogue/figures/occurrence_{by}.png"
NIGHT_PAGES = "results/{release}/catalogue/pages"
EXPORT = "results/{release}/catalogue/export"
TRUTH_PAGE = "results/{release}/catalogue/truth"
CATALOGUE_INDEX = "results/{release}/catalogue/index.html"
