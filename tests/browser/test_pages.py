"""Every page in a browser: it fits, works, is read without a mouse or in the dark, and needs no network."""

from __future__ import annotations

import base64
import csv
import io

import numpy as np
import pytest

KINDS = ("solution", "designs", "comparison", "correction", "demo")
WIDTHS = (1280, 400)

#: Words in drawings, which axe leaves out: their contrast with the page, as in WCAG 2, where it is below 4.5.
FAINT_WORDS = """
() => {
  const light = (channel) => channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4;
  const luminance = (colour) => {
    const [r, g, b] = colour.match(/[\\d.]+/g).map((number) => light(Number(number) / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const page = luminance(getComputedStyle(document.body).backgroundColor);
  const faint = new Set();
  for (const text of document.querySelectorAll("svg text")) {
    const ink = luminance(getComputedStyle(text).fill);
    const ratio = (Math.max(page, ink) + 0.05) / (Math.min(page, ink) + 0.05);
    if (ratio < 4.5) faint.add(`${text.textContent}: ${ratio.toFixed(1)}`);
  }
  return [...faint];
}
"""
CANVASES = "() => [...document.querySelectorAll('.panel canvas')].map((canvas) => canvas.toDataURL())"


def overflow(page):
    return page.evaluate("document.documentElement.scrollWidth - innerWidth")


def grave_findings(page):
    """Return what axe finds that is serious or critical, each with the first element that has it."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")
    found = axe.Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [
        f"{one['id']}: {one['nodes'][0]['html'][:200]}"
        for one in found
        if one["impact"] in {"serious", "critical"}
    ]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_page_fits_the_screen_without_errors_or_network(browser, pages, kind, width):
    with browser.open(pages[kind], width=width) as opened:
        assert overflow(opened.page) <= 0
        assert opened.errors == []
        assert opened.requests == [pages[kind].as_uri()]


@pytest.mark.parametrize(("width", "scheme"), [(1280, "dark"), (400, "light")])
@pytest.mark.parametrize("kind", KINDS)
def test_a_page_is_accessible_in_both_colour_schemes(browser, pages, kind, width, scheme):
    with browser.open(pages[kind], width=width, scheme=scheme) as opened:
        assert grave_findings(opened.page) == []
        assert opened.page.evaluate(FAINT_WORDS) == []


def test_what_these_tests_forbid_is_seen_by_them(browser, tmp_path):
    """A page that is too wide, fails, asks the network and is hard to read is found to be so."""
    bad = tmp_path / "bad.html"
    bad.write_text(
        "<body style='background: white'><div style='width: 2000px; color: #ddd'>faint</div><img src='http://a.invalid/'>"
        "<svg><text fill='#eee'>pale</text></svg><script>throw new Error('broken')</script>"
    )
    with browser.open(bad) as opened:
        assert overflow(opened.page) > 0
        assert "http://a.invalid/" in opened.requests
        assert any("broken" in error for error in opened.errors)
        names = {finding.split(":")[0] for finding in grave_findings(opened.page)}
        assert {"image-alt", "color-contrast"} <= names
        assert opened.page.evaluate(FAINT_WORDS) == ["pale: 1.2"]


@pytest.mark.parametrize(
    ("kind", "slider"),
    [("solution", "frame"), ("solution", "draw"), ("solution", "restart"), ("comparison", "frame")],
)
def test_a_slider_changes_the_pictures_and_their_words(browser, pages, kind, slider):
    with browser.open(pages[kind]) as opened:
        place = opened.page.locator(f"input[data-slider={slider}]")
        drawn, labels = opened.page.evaluate(CANVASES), alternatives(opened.page)
        place.focus()
        place.press("End")
        assert place.input_value() == place.get_attribute("max")
        assert opened.page.evaluate(CANVASES) != drawn
        assert alternatives(opened.page) != labels
        place.press("Home")
        assert opened.page.evaluate(CANVASES) == drawn
        assert opened.errors == []


def alternatives(page):
    return page.evaluate("() => [...document.querySelectorAll('.panel canvas')].map((c) => c.ariaLabel)")


def test_the_viewer_shows_the_solution_s_own_values(browser, pages):
    """A pointed pixel has the value of solution.npz to half a grey level; so has each mean."""
    x = np.load(pages["solution"].parent / "solution.npz")["x"]
    with browser.open(pages["solution"]) as opened:
        panel = opened.page.locator(".panel", has=opened.page.get_by_text("found x", exact=True))
        number = int(opened.page.locator(".frame-name").inner_text().split()[1])
        box = panel.locator("canvas").bounding_box()
        row, column = np.unravel_index(np.argmax(x[number, 0]), x[number, 0].shape)
        step = box["width"] / x.shape[-1]
        panel.locator("canvas").scroll_into_view_if_needed()
        box = panel.locator("canvas").bounding_box()
        opened.page.mouse.move(box["x"] + (column + 0.5) * step, box["y"] + (row + 0.5) * step)
        words = panel.locator("figcaption span").inner_text()
        assert words.startswith(f"row {row}, column {column}: ")
        assert float(words.split(": ")[1]) == pytest.approx(x[number].max(), abs=0.01)
        mean = float(panel.locator("p").inner_text().split("mean ")[1])
        assert mean == pytest.approx(x[number].mean(), abs=0.01)


def test_zoom_and_own_scale_change_the_picture_and_come_back(browser, pages):
    with browser.open(pages["solution"]) as opened:
        page = opened.page
        whole = page.evaluate(CANVASES)
        page.get_by_role("button", name="Zoom in").click()
        page.mouse.move(0, 0)
        assert page.evaluate(CANVASES) != whole
        page.get_by_role("button", name="Whole").click()
        page.mouse.move(0, 0)
        assert page.evaluate(CANVASES) == whole
        page.get_by_label("each picture on its own scale").check()
        assert page.evaluate(CANVASES) != whole


def test_a_row_of_the_table_leads_to_its_measurement(browser, pages):
    with browser.open(pages["comparison"], width=400) as opened:
        button = opened.page.locator("tr[data-frame='2'] th button")
        number = button.inner_text()
        button.click()
        assert opened.page.locator(".frame-name").inner_text().startswith(f"measurement {number} ")
        assert opened.page.locator("input[data-slider=frame]").input_value() == "2"


@pytest.mark.parametrize("kind", ["solution", "designs", "comparison"])
def test_a_click_on_a_column_s_name_sorts_by_its_numbers(browser, pages, kind):
    with browser.open(pages[kind]) as opened:
        table = opened.page.locator("table.sortable", has=opened.page.locator("td.number")).last
        if kind == "comparison":
            table = opened.page.locator("table.sortable").first
        head = table.locator("thead th.number").last
        column = head.evaluate("(cell) => cell.cellIndex")
        values = (
            f"(table) => [...table.tBodies[0].rows].map((row) => Number(row.cells[{column}].dataset.value))"
        )
        before = table.evaluate(values)
        assert len(set(before)) > 1
        head.get_by_role("button").click()
        assert head.get_attribute("aria-sort") == "ascending"
        assert table.evaluate(values) == sorted(before)
        head.get_by_role("button").press("Enter")
        assert head.get_attribute("aria-sort") == "descending"
        assert table.evaluate(values) == sorted(before, reverse=True)
        assert table.locator("[aria-sort]").count() == 1


def test_the_colours_are_the_reader_s_choice_and_kept(browser, pages):
    colour = "getComputedStyle(document.body).backgroundColor"
    with browser.open(pages["designs"], scheme="dark") as opened:
        dark = opened.page.evaluate(colour)
        opened.page.get_by_role("button", name="Show this page in light colours").click()
        light = opened.page.evaluate(colour)
        assert light != dark
        opened.page.reload()
        assert opened.page.evaluate(colour) == light
    with browser.open(pages["designs"], scheme="light") as opened:
        assert opened.page.evaluate(colour) == light


@pytest.mark.parametrize("width", WIDTHS)
def test_a_drawing_is_enlarged_and_the_focus_comes_back(browser, pages, width):
    with browser.open(pages["designs"], width=width) as opened:
        button = opened.page.get_by_role("button", name="Enlarge").first
        button.click()
        dialog = opened.page.get_by_role("dialog")
        size = dialog.locator("svg").bounding_box()["width"]
        assert size >= 0.9 * width
        dialog.get_by_role("button", name="Larger").click()
        assert dialog.locator("svg").bounding_box()["width"] > 1.3 * size
        assert overflow(opened.page) <= 0
        assert grave_findings(opened.page) == []
        opened.page.keyboard.press("Escape")
        assert dialog.count() == 0
        assert button.evaluate("(element) => element === document.activeElement")


def test_the_files_that_a_page_holds_are_those_beside_it(browser, pages):
    folder = pages["solution"].parent
    with browser.open(pages["solution"]) as opened:
        links = opened.page.locator("a[download]")
        files = {link.get_attribute("download"): link.get_attribute("href") for link in links.all()}
        for name in ("solution.npz", "figure.png", "summary.json"):
            assert base64.b64decode(files[name].split(",")[1]) == (folder / name).read_bytes()
        with opened.page.expect_download() as taken:
            opened.page.locator("a[download='measurements.csv']").click()
        rows = list(csv.DictReader(io.StringIO(taken.value.path().read_text())))
        assert len(rows) == 3


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_without_scripts_shows_its_words_and_no_dead_controls(browser, pages, kind):
    with browser.open(pages[kind], width=400, scripts=False) as opened:
        assert opened.page.locator("h1").is_visible()
        assert [one.inner_text() for one in opened.page.get_by_role("button").all() if one.is_visible()] == []
        assert [one for one in opened.page.locator("input").all() if one.is_visible()] == []


def test_the_demo_leads_to_the_page_of_each_use(browser, pages):
    with browser.open(pages["demo"]) as opened:
        assert opened.page.locator("section.use").count() == 2
        opened.page.get_by_role("link", name="Use design", exact=True).click()
        opened.page.locator("h2#designs").wait_for()
        assert opened.page.url == pages["designs"].as_uri()
