"""Every path that the workflow writes, once. `{…}` are Snakemake's wildcards and `str.format` fields alike."""

NIGHTS = "results/nights/{month}"
KEOGRAMS = "results/keograms/{month}"

LABELLED = "results/{release}/labelled.parquet"
DATASET = "results/{release}/dataset.parquet"
FEATURES = "results/{release}/features/{features}.parquet"

RUN = "results/{release}/{split}/{model}/{seed}"
METRICS = f"{RUN}/metrics.json"
PREDICTIONS = f"{RUN}/predictions.parquet"
HISTORY = f"{RUN}/history.csv"
SCORES = "results/{release}/{split}/{model}/scores.csv"

REPORT = "results/{release}/report"
TABLE1 = f"{REPORT}/table1.csv"
TABLE2 = f"{REPORT}/table2.csv"
AGREEMENT = f"{REPORT}/agreement.csv"
CONFUSION = f"{REPORT}/figures/confusion_{{split}}_{{model}}.png"
RESOURCES = f"{REPORT}/resources.csv"
INDEX = f"{REPORT}/index.html"
