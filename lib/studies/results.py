"""The README's table of results, written from the records: ``python -m lib.studies.results``."""

import re

import numpy as np

from lib import figures, paths, storage
from lib.studies import comparisons, records, scoreboard
from lib.studies.one_pass.study import by_use, mean

README, MANIFEST = paths.ROOT / "README.md", paths.ROOT / "codecheck.yml"
BEGIN, END = "<!-- results: written by python -m lib.studies.results -->\n", "<!-- end of results -->\n"


def table():
    """What this book measures, beside what the paper prints, with the study that measures it.

    Returns
    -------
    figures.Table
    """
    command = "`defocus study {} --profile {}`".format
    rows = [(*shown, found(), command(study, _profile(study))) for *shown, found, study in RESULTS]
    return figures.table(dict.fromkeys(("Result", "Paper", "Here", "Command"), ""), rows)


def write(readme=README, manifest=MANIFEST):
    """Put the table into the README, between its marks, and the records' places into the manifest of codecheck.yml."""
    before, after = around(readme)
    listed = re.sub(r"data/results/\w+/([\w-]+)\.json", _place, manifest.read_text(encoding="utf-8"))
    for path, text in ((readme, f"{before}{BEGIN}{table()}\n{END}{after}"), (manifest, listed)):
        with storage.whole(path) as file:
            file.write_text(text, encoding="utf-8")


def around(readme=README):
    """What stands before and after the table in the README; a ValueError if its marks are not there, each once."""
    text = readme.read_text(encoding="utf-8")
    found = re.fullmatch(f"(.*){re.escape(BEGIN)}.*{re.escape(END)}(.*)", text, re.DOTALL)
    if not found or text.count(BEGIN) > 1 or text.count(END) > 1:
        msg = (
            f"Expected the table of {readme} between the lines {BEGIN.strip()!r} and {END.strip()!r}, each there once."
        )
        raise ValueError(msg)
    return found.groups()


def _place(file):
    """Where the record is now that a file of the manifest was; what is no record stays."""
    name = file[1]
    return f"data/results/{_profile(name)}/{name}.json" if records.path(name).exists() else file[0]


def _trained(name):
    test = _result(f"train_{name}")["test"]
    return f"{test['accuracy']:.1%}, {test['mean_absolute_error']:.2f} px"


def _compared(study, key, best, form):
    """The scores of the book's two estimators, the paper's, and the best other, where no constant was chosen."""
    rows = _result(study)["rows"]
    rows = comparisons.untuned(rows) if "scene" in rows[0] else rows
    scores = {name: row[key] for name, row in comparisons.table(rows, [key]).items()}
    shown = [scores.pop(name, None) for name in ("one_pass", "ours", "mobilenet_v2-lens")]
    return ", ".join("-" if score is None else format(score, form) for score in (*shown, best(scores.values())))


def _held():
    """The share of pixels in the interval of the default, on scenes that did not choose its width and on a camera."""
    found = _result("one_pass")
    shares = [mean(rows, "held") for rows in (by_use(found["scenes"])[1], found["camera"])]
    return ", ".join(f"{share:.0%}" for share in shares)


def _table_3():
    """By how much the rows that need no network differ from the printed digits at most."""
    apart = [
        abs(found - float(printed))
        for row in scoreboard.claims()
        if row["id"].startswith(("table-3-cookie", "table-3-flower")) and not row["id"].endswith("ours")
        for found, printed in zip(scoreboard.READERS[row["id"]](None), row["value"].split(";"), strict=True)
    ]
    return f"within {max(apart):.5f}"


def _lytro():
    pairs = _result("fusion_lytro")["pairs"].values()
    metrics = next(iter(pairs))["defocus"]
    means = (f"{metric} {np.mean([pair['defocus'][metric] for pair in pairs]):.4f}" for metric in metrics)
    return ", ".join([f"{len(pairs)}", *means])


def _stacks():
    scenes = _result("fusion_rendered")["2"].values()
    means = [np.mean([scene[name]["PSNR"] for scene in scenes]) for name in ("defocus", "paper", "gfdf")]
    return ", ".join(f"{mean:.2f}" for mean in means)


def _rate():
    rates = {row["engine"]: row["per_processor_second"] for row in _result("inference")["rates"]}
    return ", ".join(f"{rates[engine]:,.0f}" for engine in ("keras", "openvino", "openvino-bf16"))


def _result(name):
    return records.read(name)["result"]


def _profile(name):
    """The largest profile that is recorded: the one that the book shows."""
    return records.read(name)["profile"]


RESULTS = (
    ("MobileNetV2 tested on patches blurred as the text says: accuracy, error", "95.8%",
     lambda: _trained("mobilenet_v2-paper"), "train_mobilenet_v2-paper"),
    ("the same on patches blurred as a lens does", "-",
     lambda: _trained("mobilenet_v2-lens"), "train_mobilenet_v2-lens"),
    ("SpectrumNet, the same", "-", lambda: _trained("spectrum_net-lens"), "train_spectrum_net-lens"),
    ("Rendered scenes, error in px of sigma: `one_pass`, `ours`, the paper's, the best of the others", "-",
     lambda: _compared("comparison_scenes", "all.mae", min, ".2f"), "comparison_scenes"),
    ("Camera photos, error from measured blur in px: `one_pass`, `ours`, the paper's, the best of the others", "-",
     lambda: _compared("camera", "mae", min, ".2f"), "camera"),
    ("Photos with masks, ROC area: `one_pass`, `ours`, the paper's, the best of the others", "-",
     lambda: _compared("comparison_masks", "auc", max, ".3f"), "comparison_masks"),
    ("What the 80 % interval of `one_pass` holds: of rendered scenes, of camera photos", "-", _held, "one_pass"),
    ("Table 3, GFF, GFDF and IFGD on Cookie and Flower, from the printed digits", "0", _table_3, "table3"),
    ("Lytro pairs, fused by `defocus`: how many, mean scores", "-", _lytro, "fusion_lytro"),
    ("Rendered pairs, PSNR in dB: `defocus`, the paper's, GFDF", "-", _stacks, "fusion_rendered"),
    ("Windows a CPU-second: Keras, OpenVINO, OpenVINO in bfloat16", "-", _rate, "inference"),
)  # fmt: skip
"""What was measured, what the paper has, where the number is, and in the record of which study."""


if __name__ == "__main__":
    write()
    print(README)
