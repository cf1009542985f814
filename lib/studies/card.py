"""The model card of a classifier."""

from lib.studies import records


def card(record, name=None):
    """Write a model card in Markdown.

    Parameters
    ----------
    record : dict
        Of the training.
    name : str, optional
        Of the weights, where no study has made them.

    Returns
    -------
    str
    """
    result, data = record["result"], record["data"]
    reading = data["reading"]
    rows = "\n".join(
        f"| {label} | {scores['accuracy']:.4f} | {scores['within_one']:.4f} | {scores['mean_absolute_error']:.3f} "
        f"| {scores['expected_mean_absolute_error']:.3f} |"
        for label, scores in result["test_by_reading"].items()
    )
    held_out = ", ".join(data["photos_of"]["test"])
    share = f" ({data['sharp_share']:.1%} of the windows of its photos)" if "sharp_share" in data else ""
    return f"""# {name or record["study"].removeprefix("train_")}

Classifies a 32x32 gray patch into 20 levels of Gaussian blur, sigma = 0 to 19 pixels.

- **Network**: {result["network"]}, input (32, 32, 1) in [0, 1], softmax over 20 levels; weights stored in float16.
- **Training blur**: support `{reading["support"]}`, context `{reading["context"]}`, {reading["bits"]} bits.
- **Data**: {data["photos"]} photos (profile {record["profile"]}); eq. 5 above {data["threshold"]:g};
  split by {data["split"]}; samples: {data["samples"]}.
- **Training**: {result["samples_seen"]:,} samples seen; recipe {result["recipe"]}.
- **Provenance**: {records.provenance(record)}.

Test accuracy and mean absolute error in levels (pixels of sigma) on the held-out photos, by how the
test patches were blurred:

| test reading | accuracy | within one level | mean absolute error | same, expected level |
|---|---|---|---|---|
{rows}

**Limits.** Trained on sharp, textured patches only{share}: on flat regions the answer is a guess. `paper` learns the
signature of a cut-off kernel that no lens has; use `lens` for photos. Real defocus is closer to a disk
than to a Gaussian.

**Photos held out for test** ({len(data["photos_of"]["test"])}): {held_out}
"""
