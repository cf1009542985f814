"""Sphinx extension: what the theme and the other extensions leave wrong on a page."""

from pathlib import Path

import nbformat
from jupyter_cache import get_cache

THEBE = ("init_thebe_core", "update_thebe_context")


def unplug_thebe(app):
    """Leave out live code by Thebe: no button starts it, and its script, there twice, is an error on every page."""
    for listeners in app.events.listeners.values():
        listeners[:] = [listener for listener in listeners if getattr(listener.handler, "__name__", "") not in THEBE]


def configure(app, config):
    """Say what `_config.yml` cannot."""
    config.html_static_path.append("_vendor")  # Jupyter Book loads all scripts of `_static` on every page
    config.html_theme_options["navbar_persistent"] = []  # a second search button, in a bar of its own


def mend_roles(app, pagename, templatename, context, doctree):
    """Make entries of the bibliography items of its list, and let what unfolds code be called what it shows."""
    if "body" in context:
        body = context["body"].replace('role="doc-biblioentry"', 'role="listitem"')
        context["body"] = body.replace('<summary aria-label="Toggle hidden content">', "<summary>")


def offer_notebook(app, pagename, templatename, context, doctree):
    """Let the download button offer the executed notebook.

    The theme does so beside its own launch buttons only, and MyST-NB's notebook has no outputs where the chapter came
    from the execution cache.
    """
    made = Path(app.outdir).parent / "jupyter_execute" / f"{pagename}.ipynb"
    if doctree is None or not made.exists() or app.config.nb_execution_mode != "cache":
        return
    cache = get_cache(app.config.nb_execution_cache_path)
    _, executed = cache.merge_match_into_notebook(nbformat.read(made, as_version=4))
    target = Path(app.outdir) / "_sources" / made.name
    target.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(executed, target)
    context["ipynb_source"] = target.name


def setup(app):
    """Called by Sphinx, after it set up the extensions that are mended here."""
    unplug_thebe(app)
    app.connect("config-inited", configure)
    app.connect("html-page-context", mend_roles)
    app.connect("html-page-context", offer_notebook)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
