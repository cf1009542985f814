"""Chromium for the tests: found, recent enough, and started without what a page does not need."""

import functools
import http.server
import os
import re
import shutil
import subprocess
import threading
from contextlib import contextmanager

import pytest
from playwright.sync_api import sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
PATH = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
OLDEST = 115
"""Version from which on all is there that the pages use."""
REQUIRED = "READ_BOOK" in os.environ
"""In `make browser` a missing browser is a failure; in `make test` the tests are skipped."""
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


def problem():
    """Why there is no browser to test with, or None."""
    if PATH is None:
        return f"none of {', '.join(NAMES)} is there, and CHROMIUM names none"
    try:
        said = subprocess.run([PATH, "--version"], capture_output=True, text=True, timeout=60).stdout
    except OSError as error:
        return f"{PATH} does not start ({type(error).__name__}): install Chromium, or name another by CHROMIUM"
    found = re.search(r" (\d+)\.", said)
    if found is None or int(found[1]) < OLDEST:
        return f"{PATH} is {said.strip() or 'no browser'}: Chromium {OLDEST} or later is needed"
    return None


@contextmanager
def started():
    """A browser, or the test is skipped; in `make browser` it fails."""
    reason = problem()
    if reason:
        (pytest.fail if REQUIRED else pytest.skip)(reason)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=PATH, args=QUIET)
        yield browser
        browser.close()


@contextmanager
def served(folder):
    """The address of a folder, served on this machine only."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
