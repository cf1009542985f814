"""What tells of the results outside the book: the README's table and the manifest of codecheck.yml."""

import re

import pytest
import yaml

from lib import paths
from lib.studies import records, results

README = results.README.read_text(encoding="utf-8")


def test_the_table_in_the_readme_is_that_of_the_records(tmp_path):
    copy = tmp_path / "README.md"
    copy.write_text(README, encoding="utf-8")
    results.write(copy)
    assert copy.read_text(encoding="utf-8") == README, "python -m lib.studies.results writes it anew"


@pytest.mark.parametrize("name", re.findall(r"`defocus study (\w[\w-]*) --profile local`", README))
def test_every_result_has_its_record(name):
    assert records.read(name, "local")["result"]


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
