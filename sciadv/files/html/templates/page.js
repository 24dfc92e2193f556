"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("has-script");

  // Light or dark: the system's choice until the reader makes one, which this browser keeps.
  const theme = document.getElementById("theme");
  const kept = () => { try { return localStorage.getItem("sciadv-theme"); } catch { return null; } };
  const keep = (name) => { try { localStorage.setItem("sciadv-theme", name); } catch { /* a page without storage */ } };
  const isDark = () => root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  const say = () => {
    theme.textContent = isDark() ? "Light" : "Dark";
    theme.setAttribute("aria-label", `Show this page in ${isDark() ? "light" : "dark"} colours`);
    theme.setAttribute("aria-pressed", String(isDark()));
    document.dispatchEvent(new Event("theme"));
  };
  if (kept()) root.dataset.theme = kept();
  theme.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    keep(root.dataset.theme);
    say();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", say);
  say();

  // Tables are sorted by a click on a column's name, numbers by their values.
  const valueOf = (row, column) => {
    const cell = row.cells[column];
    return cell.dataset.value === undefined ? cell.textContent.trim() : Number(cell.dataset.value);
  };
  const compare = (a, b) => {
    if (typeof a === "number" && typeof b === "number") return (Number.isNaN(a) - Number.isNaN(b)) || a - b;
    return String(a).localeCompare(String(b), "en", { numeric: true });
  };
  for (const table of document.querySelectorAll("table.sortable")) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const isUp = head.getAttribute("aria-sort") === "ascending";
        for (const other of heads) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", isUp ? "descending" : "ascending");
        const rows = [...table.tBodies[0].rows];
        rows.sort((a, b) => (isUp ? -1 : 1) * compare(valueOf(a, column), valueOf(b, column)));
        table.tBodies[0].append(...rows);
      });
    });
  }

  // Drawings are enlarged in a dialog that scrolls.
  const enlarge = (drawing) => {
    const dialog = document.createElement("dialog");
    dialog.setAttribute("aria-label", "Enlarged figure");
    const controls = document.createElement("div");
    controls.className = "controls";
    const place = document.createElement("div");
    place.className = "scroll";
    place.tabIndex = 0;
    const copy = drawing.cloneNode(true);
    let width = Math.max(innerWidth * 0.9, 900);
    const size = (factor) => { width *= factor; copy.style.cssText = `width: ${width}px`; };
    for (const [words, act] of [["Larger", () => size(1.4)], ["Smaller", () => size(1 / 1.4)], ["Close", () => dialog.close()]]) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = words;
      button.addEventListener("click", act);
      controls.append(button);
    }
    size(1);
    place.append(copy);
    dialog.append(controls, place);
    dialog.addEventListener("close", () => dialog.remove());
    document.body.append(dialog);
    dialog.showModal();
  };
  for (const button of document.querySelectorAll(".enlarge")) {
    button.addEventListener("click", () => enlarge(button.closest("figure").querySelector(".drawing")));
  }
})();
