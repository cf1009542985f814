"""What tells of the results outside the book: the README's table and the manifest of codecheck.yml."""

import re
import shutil

import pytest
import yaml

from lib import paths, storage
from lib.studies import records, results

README = results.README.read_text(encoding="utf-8")


def test_the_table_in_the_readme_is_that_of_the_records(tmp_path):
    copy, manifest = tmp_path / "README.md", tmp_path / "codecheck.yml"
    copy.write_text(README, encoding="utf-8")
    manifest.write_text(results.MANIFEST.read_text(encoding="utf-8"), encoding="utf-8")
    results.write(copy, manifest)
    assert copy.read_text(encoding="utf-8") == README, "python -m lib.studies.results writes it anew"
    assert manifest.read_text(encoding="utf-8") == results.MANIFEST.read_text(encoding="utf-8")


def test_the_largest_profile_that_is_recorded_is_shown_and_named(tmp_path, monkeypatch):
    shutil.copytree(paths.RESULTS, tmp_path / "results")
    monkeypatch.setattr(paths, "RESULTS", tmp_path / "results")
    record, other = records.read("train_mobilenet_v2-paper"), records.read("table3")["profile"]
    record["result"]["test"] |= {"accuracy": 0.5, "mean_absolute_error": 2.0}
    storage.write_json(paths.RESULTS / "full" / "train_mobilenet_v2-paper.json", record | {"profile": "full"})
    manifest = tmp_path / "codecheck.yml"
    listed = [f"- file: data/results/quick/{name}.json\n" for name in ("train_mobilenet_v2-paper", "table3", "mine")]
    manifest.write_text("".join(listed))
    (tmp_path / "README.md").write_text(README, encoding="utf-8")
    results.write(tmp_path / "README.md", manifest)
    text = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "| 95.8% | 50.0%, 2.00 px | `defocus study train_mobilenet_v2-paper --profile full` |" in text
    assert f"`defocus study table3 --profile {other}`" in text
    assert re.findall(r"results/(\w+)", manifest.read_text()) == ["full", other, "quick"]


@pytest.mark.parametrize("spoil", [lambda text: text.replace(results.END, ""), lambda text: text + results.BEGIN])
def test_a_readme_without_the_marks_is_told_of(tmp_path, spoil):
    readme = tmp_path / "README.md"
    readme.write_text(spoil(README), encoding="utf-8")
    with pytest.raises(ValueError, match=r"README\.md between the lines '<!-- results"):
        results.write(readme, results.MANIFEST)
    assert readme.read_text(encoding="utf-8") == spoil(README)


@pytest.mark.parametrize(
    ("name", "profile"), re.findall(r"`defocus study (\w[\w-]*) --profile (\w+)`", README.split(results.BEGIN)[1])
)
def test_every_result_has_its_record(name, profile):
    assert records.read(name, profile)["result"]


def test_the_manifest_of_the_codecheck_names_files_that_exist():
    text = (paths.ROOT / "codecheck.yml").read_text(encoding="utf-8")
    assert text.startswith("---\n")
    check = yaml.safe_load(text)
    assert check["version"].startswith("https://codecheck.org.uk/spec/config/2.0")
    assert check["paper"]["title"]
    assert all(author["name"] for author in check["paper"]["authors"])
    assert len(check["manifest"]) > 5
    for entry in check["manifest"]:
        assert (paths.ROOT / entry["file"]).is_file(), entry["file"]
        assert entry["comment"]
