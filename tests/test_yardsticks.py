"""`snakemake yardsticks`: its page, and what the report says of it, also after models have been trained anew."""

import pandas as pd
from conftest import Project

PAGE, REPORT = "results/small/yardsticks/index.html", "results/small/report/index.html"


def test_the_report_shows_yardsticks_as_they_were_made_and_does_not_make_them(project: Project) -> None:
    project.config["yardsticks"] = {"models": ["3nn"], "labelled": [20, 5000]}
    project.save()
    assert "ardsticks" not in project.path(REPORT).read_text()
    made = project.run("yardsticks")
    trained = {rule: made[rule] for rule in ("train_otherwise", "judge_robustness", "judge_trust", "judge_drift")}
    assert trained == {"train_otherwise": 2, "judge_robustness": 1, "judge_trust": 1, "judge_drift": 1}
    assert "train_run" not in made
    page = project.path(PAGE).read_text()
    assert "labelled frames to train on in all" in page  # 5,000 are too many
    summary = pd.read_csv(project.path("results/small/yardsticks/summary.csv"))
    assert {"f1 split", "f1 labels-20", "lost", "accuracy_at_90"} <= {*summary["measure"]}

    assert project.run() == {"write_report": 1}
    report = project.path(REPORT).read_text()
    assert "<h2>Yardsticks</h2>" in report
    assert "have judged other runs" not in report
    project.config["models"]["3nn"]["neighbours"] = 1
    project.save()
    made = project.run()
    assert made["train_run"] == 1
    assert not {"train_otherwise", "write_yardsticks"} & {*made}
    assert "have judged other runs than there are now of 3NN" in project.path(REPORT).read_text()
