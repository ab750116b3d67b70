"""A browser for the pages: Chromium where there is one, driven by Playwright where that is installed."""

import contextlib
import shutil
from pathlib import Path

import pytest

ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
ARGUMENTS += ["--disable-component-update", "--disable-sync"]


@contextlib.contextmanager
def launched():
    """A running Chromium: the system's, or the one that Playwright has installed."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        path = shutil.which("chromium") or driver.chromium.executable_path
        if not Path(path).exists():
            pytest.skip("no Chromium here: apt install chromium, or playwright install chromium")
        browser = driver.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def browser():
    pytest.importorskip("playwright", reason="no Chromium to be driven without Playwright: pip install playwright")
    with launched() as running:
        yield running
