"""The workflow's last step: figures and pictures of the steps before it, as one page."""

from pathlib import Path

from ct import report

Path("report").mkdir(exist_ok=True)
pictures = {
    "Slices of patients that were never trained on; orange: marked, red: outline of the truth": "outputs/masks.png",
    "Precision over recall, of all pixels": "outputs/precision_recall.png",
}
Path("report/report.html").write_text(report.page("outputs/metrics.tsv", pictures), encoding="utf-8")
