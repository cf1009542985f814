"""Sphinx extension: the bibliography's labels say what the citations in the text say, author and year."""

from collections import Counter
from string import ascii_lowercase

from pybtex.plugin import register_plugin
from pybtex.style.formatting.unsrt import Style as Unsorted
from pybtex.style.labels import BaseLabelStyle


class Labels(BaseLabelStyle):
    """``Xue et al., 2014``; a letter after the year tells works of the same authors and year apart."""

    def format_labels(self, sorted_entries):
        """Yield the label of each entry."""
        plain = [f"{_authors(entry)}, {entry.fields['year']}" for entry in sorted_entries]
        several, used = Counter(plain), Counter()
        for label in plain:
            used[label] += 1
            yield label + (ascii_lowercase[used[label] - 1] if several[label] > 1 else "")


def _authors(entry):
    authors = entry.persons["author"]
    names = [" ".join(map(str, author.rich_prelast_names + author.rich_last_names)) for author in authors]
    return f"{names[0]} et al." if len(names) > 2 else " and ".join(names)


class Style(Unsorted):
    """The entries as in pybtex' own style, by author and year."""

    default_label_style = Labels
    default_sorting_style = "author_year_title"


def setup(app):
    """Called by Sphinx."""
    register_plugin("pybtex.style.formatting", "author_year", Style)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
