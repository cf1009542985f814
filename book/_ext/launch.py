"""Sphinx extension: buttons that open a chapter in Binder or Colab, where the book has a public address.

The theme's own buttons point at the source, but Colab opens `.ipynb` only. Here Colab's point at the branch that
`book/notebooks.py` fills. Without `BOOK_REPOSITORY` in the environment, such as `https://github.com/owner/name`,
there are no buttons.
"""

import os
import re

BRANCH = "main"
NOTEBOOKS = "notebooks"


def repository(address):
    """Owner and name of a repository on GitHub, such as ``owner/name``.

    Parameters
    ----------
    address : str
        Such as ``https://github.com/owner/name``, with or without ``.git``.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        For another address.
    """
    found = re.fullmatch(r"https://github\.com/([\w.-]+/[\w.-]+?)(\.git)?/?", address)
    if found is None:
        msg = f"Expected a repository such as https://github.com/owner/name, got {address}: correct BOOK_REPOSITORY."
        raise ValueError(msg)
    return found[1]


def addresses(name, chapter):
    """Where a chapter opens: service and address of each.

    Parameters
    ----------
    name : str
        The repository, ``owner/name``.
    chapter : str
        Such as ``optics``.

    Returns
    -------
    dict
    """
    return {
        # In Binder, .binder/postBuild makes the notebook editor the one for `.md`.
        "Binder": f"https://mybinder.org/v2/gh/{name}/{BRANCH}?urlpath=lab/tree/book/{chapter}.md",
        "Colab": f"https://colab.research.google.com/github/{name}/blob/{NOTEBOOKS}/{chapter}.ipynb",
    }


def add_buttons(app, pagename, templatename, context, doctree):
    """Put the launch buttons on a chapter that has cells."""
    address = os.environ.get("BOOK_REPOSITORY")
    if not address or doctree is None or "kernelspec" not in app.env.metadata[pagename]:
        return
    logos = {"Binder": "_static/images/logo_binder.svg", "Colab": "_static/images/logo_colab.png"}
    buttons = [
        {"type": "link", "text": service, "tooltip": f"Open in {service}", "icon": logos[service], "url": url}
        for service, url in addresses(repository(address), pagename).items()
    ]
    group = {"type": "group", "tooltip": "Run this chapter", "icon": "fas fa-rocket", "label": "launch-buttons"}
    context["header_buttons"].append(group | {"buttons": buttons})


def setup(app):
    """Called by Sphinx; the theme begins its list of buttons at priority 500 and adds its own at 501."""
    app.connect("html-page-context", add_buttons, priority=502)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
