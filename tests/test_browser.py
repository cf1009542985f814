"""The built book as a reader meets it, in a headless Chromium: ``make browser``."""

import functools
import re
from types import SimpleNamespace
from urllib.parse import unquote, urldefrag, urlsplit

import chromium
import nbformat
import pytest
from axe_playwright_python.sync_playwright import Axe
from bs4 import BeautifulSoup

from lib import paths
from lib.studies import chapters

HTML = paths.BUILD / "html"
PAGES = sorted(path.name for path in HTML.glob("*.html"))

# Else `make test` would judge a book that an edit has made stale.
pytestmark = pytest.mark.skipif(not chromium.REQUIRED, reason="the built book is read by make browser")

WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def site():
    """Address of the built book."""
    with chromium.served(HTML) as address:
        yield address


@pytest.fixture(scope="module")
def browser():
    with chromium.started() as browser:
        yield browser


def visit(browser, address):
    """Open a page; what went wrong meanwhile is in `wrong`."""
    page = browser.new_page(viewport=WIDE, color_scheme="light")
    page.set_default_timeout(120_000)  # ms; for a machine that is busy
    wrong = []
    page.on("console", lambda message: message.type == "error" and wrong.append(message.text))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("requestfailed", lambda request: wrong.append(f"failed: {request.url}"))
    page.on("response", lambda response: response.ok or wrong.append(f"{response.status}: {response.url}"))
    page.on("request", lambda request: _is_local(request.url, address) or wrong.append(f"foreign: {request.url}"))
    page.goto(address, wait_until="load")
    page.evaluate("() => window.MathJax?.startup?.promise")
    page.add_style_tag(content="*, ::before, ::after { transition: none !important }")  # colors are those of the end
    return SimpleNamespace(page=page, wrong=wrong, name=address.rsplit("/", 1)[1])


def _is_local(url, address):
    return urlsplit(url).scheme in ("data", "blob") or urlsplit(url).netloc == urlsplit(address).netloc


@pytest.fixture(scope="module", params=PAGES)
def opened(request, browser, site):
    """Each page, opened once for all tests of it."""
    opened = visit(browser, site + request.param)
    yield opened
    opened.page.close()


@pytest.fixture
def page(opened):
    """The page as it opens on a desktop, in light."""
    opened.page.set_viewport_size(WIDE)
    opened.page.emulate_media(media="screen", color_scheme="light")
    return opened.page


@functools.cache
def source(name):
    """A built page, parsed."""
    return BeautifulSoup((HTML / name).read_text(), "html.parser")


def violations(page, **options):
    """What axe calls serious or critical: rule, and the first of the elements."""
    # Not inside formulas: MathJax's drawings have thousands of elements, and a text beside them.
    context, options = {"exclude": [["mjx-container"]]}, {"resultTypes": ["violations"], **options}
    found = Axe().run(page, context=context, options=options).response["violations"]
    return {
        rule["id"]: [node["html"][:200] for node in rule["nodes"][:3]]
        for rule in found
        if rule["impact"] in ("serious", "critical")
    }


def test_there_is_a_book():
    assert PAGES, "make book"


def test_a_page_loads_without_errors_and_from_its_own_host_only(opened):
    assert opened.wrong == []


def test_a_page_is_accessible(page):
    # The rule about labels is experimental, hence off by default.
    assert violations(page, rules={"label-content-name-mismatch": {"enabled": True}}) == {}


def test_a_page_is_readable_in_the_dark(page):
    page.emulate_media(color_scheme="dark")
    page.wait_for_function("document.documentElement.dataset.theme === 'dark'")
    assert violations(page, runOnly=["color-contrast"]) == {}


def test_a_page_fits_a_phone(page):
    page.set_viewport_size(PHONE)
    assert page.evaluate("document.scrollingElement.scrollWidth - innerWidth") <= 1


def test_no_code_scrolls_on_a_desktop(page):
    too_wide = page.eval_on_selector_all(
        ".cell_input pre",
        """all => {
            const folds = [...document.querySelectorAll("details.hide")];
            const open = folds.map(fold => fold.open);
            folds.forEach(fold => fold.open = true);
            const wide = all.filter(one => one.scrollWidth > one.clientWidth + 1).map(one => one.textContent);
            folds.forEach((fold, k) => fold.open = open[k]);
            return wide;
        }""",
    )
    assert too_wide == []


def test_print_leaves_the_navigation_out_and_cuts_no_figure(page):
    page.emulate_media(media="print")
    for part in (".bd-sidebar-primary", ".bd-sidebar-secondary", ".bd-header-article", ".prev-next-footer"):
        for found in page.locator(part).all():
            assert not found.is_visible(), part
    breaks = page.eval_on_selector_all(
        ".bd-article figure", "figures => figures.map(figure => getComputedStyle(figure).breakInside)"
    )
    assert set(breaks) <= {"avoid"}


def test_formulas_are_set_and_fit(page):
    # A formula in the plain page is `.math`; MathJax puts a container into each, or an error.
    wrong = page.evaluate(
        "() => [...document.querySelectorAll('.bd-article .math')]"
        ".filter(math => !math.querySelector('mjx-container') || math.querySelector('mjx-merror, [data-mjx-error]'))"
        ".map(math => math.textContent)"
    )
    assert wrong == []
    cut = page.eval_on_selector_all(
        "mjx-container[display]",
        "all => all.filter(one => one.scrollWidth > one.clientWidth + 2).map(one => one.parentElement.outerHTML)",
    )
    assert [formula[:60] for formula in cut] == []


def test_images_have_a_text_of_their_own(opened):
    for image in source(opened.name).select(".bd-article img"):
        alt = image.get("alt", "")
        assert len(alt) > 10, image["src"]
        assert not re.search(r"\.(png|svg|jpe?g)$", alt), alt


def test_figures_are_numbered_and_references_resolved(opened):
    article = source(opened.name).select_one("main")
    for figure in article.select("figure"):
        assert figure.select_one("figcaption .caption-number"), figure.get("id")
    assert [image["src"] for image in article.select(".cell_output img") if not image.find_parent("figure")] == []
    assert [str(found) for found in article.select("code.xref, .problematic, .system-message")] == []
    prose = " ".join(text for text in article.find_all(string=True) if not text.find_parent(["code", "pre", "script"]))
    assert re.findall(r"\{(?:numref|eq|doc|ref|cite\S*|glue\S*)\}", prose) == []


def test_links_inside_the_book_lead_somewhere(page, opened, site):
    for link in page.eval_on_selector_all("a[href]", "links => links.map(link => link.href)"):
        address, anchor = urldefrag(link)
        if not address.startswith(site) or anchor.startswith(":~:"):
            continue
        target = unquote(urlsplit(address).path).lstrip("/") or "index.html"
        assert (HTML / target).is_file(), link
        if anchor and target.endswith(".html"):
            assert source(target).find(id=unquote(anchor)) or anchor == "", link


def test_a_chapter_offers_its_executed_notebook(opened):
    link = source(opened.name).select_one("a.btn-download-notebook-button")
    if opened.name.removesuffix(".html") not in chapters.chapters():
        assert link is None
        return
    notebook = nbformat.read(HTML / link["href"], as_version=4)
    assert any(cell.cell_type == "code" and cell.outputs for cell in notebook.cells)


def test_search_finds_the_chapter(browser, site):
    found = visit(browser, f"{site}search.html?q=guided+filter")
    results = found.page.locator("ul.search li a")
    results.first.wait_for()
    assert any("refinement.html" in link for link in results.evaluate_all("links => links.map(link => link.href)"))
    assert found.wrong == []
    found.page.close()
