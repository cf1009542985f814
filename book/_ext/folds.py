"""Sphinx extension: folded cells that follow each other, with nothing to read between them, have one fold.

MyST-NB folds each cell by itself, so two figures would have a line between them that offers code.
"""

from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform


class OneFold(SphinxPostTransform):
    """Move the code of folded cells to the first of those that follow each other; each shows what it showed."""

    default_priority = 198  # before MyST-NB wraps the code of each cell
    formats = ("html",)

    def run(self, **kwargs):
        """Called by Sphinx for each page."""
        first = last = None
        for cell in list(self.document.findall(_is_folded)):
            if last is not None and cell.previous_sibling() is last:
                code, *shown = cell.children
                first.children[0].extend(code.children)
                cell.children = shown
            else:
                first = cell
            last = cell


def _is_folded(node):
    return (
        isinstance(node, nodes.container) and node.get("nb_element") == "cell_code" and node.get("hide_mode") == "input"
    )


def setup(app):
    """Called by Sphinx."""
    app.add_post_transform(OneFold)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
