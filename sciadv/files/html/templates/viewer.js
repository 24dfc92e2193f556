"use strict";
(() => {
  // A viewer shows panels of one frame; sliders choose frame, draw and restart. Images are grey levels on one
  // sheet a panel, lines are 32-bit numbers; both are drawn on canvases in the page's colours.
  const GREY = [[0, 0, 0], [255, 255, 255]];
  const SIGNED = [[5, 48, 97], [67, 147, 195], [247, 247, 247], [214, 96, 77], [103, 0, 31]];
  const POSITIVE = [[0, 32, 77], [65, 77, 107], [124, 123, 120], [188, 175, 111], [255, 234, 70]];
  const coloursOf = { residual: SIGNED, spread: POSITIVE, error: POSITIVE };

  const colour = (anchors, t) => {
    const place = t * (anchors.length - 1), i = Math.min(Math.floor(place), anchors.length - 2), f = place - i;
    return anchors[i].map((value, c) => value + f * (anchors[i + 1][c] - value));
  };
  const short = (value) => Number.isFinite(value) ? String(Number(value.toPrecision(3))) : "not finite";
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  const sheetOf = (address) => new Promise((resolve) => {
    const image = new Image();
    image.onload = () => {
      const canvas = document.createElement("canvas");
      canvas.width = image.width;
      canvas.height = image.height;
      const context = canvas.getContext("2d", { willReadFrequently: true });
      context.drawImage(image, 0, 0);
      resolve(context);
    };
    image.src = address;
  });

  const open = async (root) => {
    const facts = JSON.parse(root.querySelector("script").textContent);
    const range = (name) => root.querySelector(`input[data-slider="${name}"]`);
    const sliders = { frame: range("frame"), draw: range("draw"), restart: range("restart") };
    const own = root.querySelector("[data-own]");
    const place = root.querySelector(".panels");
    const title = root.querySelector(".frame-name"), words = root.querySelector(".frame-words");
    const zoom = { factor: 1, x: 0.5, y: 0.5 };
    let pointed = null;

    const panels = await Promise.all(facts.panels.map(async (panel) => {
      const figure = document.createElement("figure");
      figure.className = "panel";
      figure.innerHTML = '<figcaption><strong></strong> <span></span></figcaption><canvas role="img"></canvas><p></p>';
      figure.querySelector("strong").textContent = panel.label;
      place.append(figure);
      const canvas = figure.querySelector("canvas");
      canvas.style.aspectRatio = panel.sheet ? `${panel.width} / ${panel.height}` : "3 / 2";
      if (!panel.sheet) figure.classList.add("wide");
      const bytes = panel.lines && Uint8Array.from(atob(panel.lines), (letter) => letter.charCodeAt(0));
      return {
        ...panel, canvas, figure, scaleWords: figure.querySelector("p"), inWords: figure.querySelector("span"),
        context: panel.sheet ? await sheetOf(panel.sheet) : null, numbers: bytes && new Float32Array(bytes.buffer),
      };
    }));

    const indexOf = (panel) => {
      const inner = panel.slider ? Number(sliders[panel.slider].value) : 0;
      return Number(sliders.frame.value) * panel.inner + Math.min(inner, panel.inner - 1);
    };
    const levelsOf = (panel) => {
      const index = indexOf(panel), { width, height } = panel;
      const x = (index % panel.columns) * width, y = Math.floor(index / panel.columns) * height;
      return panel.context.getImageData(x, y, width, height);
    };
    const valueOf = (panel, level) => panel.low + (panel.high - panel.low) * level / 255;

    const drawImage = (panel) => {
      const pixels = levelsOf(panel), { data } = pixels, { width, height, canvas } = panel;
      let low = 255, high = 0, sum = 0;
      for (let k = 0; k < data.length; k += 4) {
        low = Math.min(low, data[k], data[k + 1], data[k + 2]);
        high = Math.max(high, data[k], data[k + 1], data[k + 2]);
        sum += data[k];
      }
      const isGrey = !(panel.scale in coloursOf), from = own.checked ? low : 0, to = own.checked ? Math.max(high, low + 1) : 255;
      panel.levels = pixels;
      const shown = new ImageData(width, height);
      for (let k = 0; k < data.length; k += 4) {
        const t = (level) => Math.min(1, Math.max(0, (level - from) / (to - from)));
        const rgb = isGrey ? [255 * t(data[k]), 255 * t(data[k + 1]), 255 * t(data[k + 2])]
          : colour(coloursOf[panel.scale], panel.scale === "residual" ? data[k] / 255 : t(data[k]));
        shown.data.set([...rgb, 255], k);
      }
      const small = document.createElement("canvas");
      small.width = width;
      small.height = height;
      small.getContext("2d").putImageData(shown, 0, 0);
      const context = canvas.getContext("2d"), w = canvas.width, h = canvas.height, part = 1 / zoom.factor;
      const left = (zoom.x - part / 2) * width, top = (zoom.y - part / 2) * height;
      context.imageSmoothingEnabled = false;
      context.clearRect(0, 0, w, h);
      context.drawImage(small, left, top, width * part, height * part, 0, 0, w, h);
      return [valueOf(panel, low), valueOf(panel, high), valueOf(panel, sum / (data.length / 4))];
    };

    const drawLine = (panel) => {
      const index = indexOf(panel), line = panel.numbers.subarray(index * panel.length, (index + 1) * panel.length);
      const finite = line.filter(Number.isFinite), mean = finite.reduce((a, b) => a + b, 0) / finite.length;
      const least = finite.reduce((a, b) => Math.min(a, b), Infinity), most = finite.reduce((a, b) => Math.max(a, b), -Infinity);
      const low = own.checked && least < most ? least : panel.low, high = own.checked && least < most ? most : panel.high;
      const { canvas } = panel, context = canvas.getContext("2d"), w = canvas.width, h = canvas.height, pad = 8;
      const part = 1 / zoom.factor, first = (zoom.x - part / 2) * (line.length - 1);
      const x = (k) => (k - first) / Math.max(1, (line.length - 1) * part) * w;
      const y = (value) => h - pad - (value - low) / (high - low) * (h - 2 * pad);
      context.clearRect(0, 0, w, h);
      context.strokeStyle = css("--line");
      context.lineWidth = 1;
      if (low < 0 && high > 0) { context.beginPath(); context.moveTo(0, y(0)); context.lineTo(w, y(0)); context.stroke(); }
      context.strokeStyle = context.fillStyle = panel.scale in coloursOf ? css("--second") : css("--accent");
      context.lineWidth = 1.5 * devicePixelRatio;
      context.beginPath();
      line.forEach((value, k) => k ? context.lineTo(x(k), y(value)) : context.moveTo(x(k), y(value)));
      context.stroke();
      if (line.length < 40) line.forEach((value, k) => { context.beginPath(); context.arc(x(k), y(value), 3 * devicePixelRatio, 0, 7); context.fill(); });
      return [least, most, mean];
    };

    const cross = (panel) => {
      panel.inWords.textContent = "";
      if (!pointed) return;
      const u = zoom.x + (pointed.u - 0.5) / zoom.factor, v = zoom.y + (pointed.v - 0.5) / zoom.factor;
      const { canvas } = panel, context = canvas.getContext("2d");
      if (panel.sheet) {
        const column = Math.min(panel.width - 1, Math.floor(u * panel.width)), row = Math.min(panel.height - 1, Math.floor(v * panel.height));
        const level = panel.levels.data[4 * (row * panel.width + column)];
        panel.inWords.textContent = `row ${row}, column ${column}: ${short(valueOf(panel, level))}`;
        context.strokeStyle = css("--mark-line");
        context.lineWidth = 2 * devicePixelRatio;
        const size = [canvas.width * zoom.factor / panel.width, canvas.height * zoom.factor / panel.height];
        const corner = [(column / panel.width - zoom.x) * zoom.factor + 0.5, (row / panel.height - zoom.y) * zoom.factor + 0.5];
        context.strokeRect(corner[0] * canvas.width, corner[1] * canvas.height, ...size);
      } else {
        const k = Math.min(panel.length - 1, Math.max(0, Math.round(u * (panel.length - 1))));
        panel.inWords.textContent = `${k}: ${short(panel.numbers[indexOf(panel) * panel.length + k])}`;
        context.strokeStyle = css("--soft");
        context.lineWidth = 1;
        context.beginPath();
        context.moveTo(pointed.u * canvas.width, 0);
        context.lineTo(pointed.u * canvas.width, canvas.height);
        context.stroke();
      }
    };

    const draw = () => {
      const frame = Number(sliders.frame.value), name = facts.names[frame];
      title.textContent = `${name} (${frame + 1} of ${facts.names.length})`;
      words.replaceChildren(...(facts.words[frame] || []).filter(Boolean).map((line) => {
        const item = document.createElement("li");
        item.textContent = line;
        return item;
      }));
      for (const [kind, slider] of Object.entries(sliders)) {
        if (slider && kind !== "frame") slider.parentElement.querySelector("output").textContent = `${Number(slider.value) + 1} of ${Number(slider.max) + 1}`;
        if (slider) slider.setAttribute("aria-valuetext", kind === "frame" ? name : `${kind} ${Number(slider.value) + 1}`);
      }
      for (const panel of panels) {
        panel.canvas.width = Math.max(1, panel.canvas.clientWidth * devicePixelRatio);
        panel.canvas.height = Math.max(1, panel.canvas.clientHeight * devicePixelRatio);
        const [low, high, mean] = panel.sheet ? drawImage(panel) : drawLine(panel);
        const size = panel.sheet ? `${panel.height} by ${panel.width} values` : `${panel.length} values`;
        const inner = panel.slider ? `, ${panel.slider} ${Number(sliders[panel.slider].value) + 1}` : "";
        panel.scaleWords.textContent = `${short(low)} to ${short(high)}, mean ${short(mean)}`;
        panel.canvas.setAttribute("aria-label", `${panel.label} of ${name}${inner}: ${size} from ${short(low)} to ${short(high)}, mean ${short(mean)}`);
        cross(panel);
      }
    };

    const clamp = () => {
      const half = 0.5 / zoom.factor;
      zoom.x = Math.min(1 - half, Math.max(half, zoom.x));
      zoom.y = Math.min(1 - half, Math.max(half, zoom.y));
      for (const panel of panels) panel.canvas.classList.toggle("zoomed", zoom.factor > 1);
      draw();
    };
    const act = {
      previous: () => { sliders.frame.value = Number(sliders.frame.value) - 1; draw(); },
      next: () => { sliders.frame.value = Number(sliders.frame.value) + 1; draw(); },
      in: () => { zoom.factor = Math.min(16, zoom.factor * 1.6); clamp(); },
      out: () => { zoom.factor = Math.max(1, zoom.factor / 1.6); clamp(); },
      reset: () => { Object.assign(zoom, { factor: 1, x: 0.5, y: 0.5 }); clamp(); },
    };
    for (const button of root.querySelectorAll("[data-act]")) button.addEventListener("click", act[button.dataset.act]);
    for (const slider of Object.values(sliders)) if (slider) slider.addEventListener("input", draw);
    own.addEventListener("change", draw);
    for (const { canvas } of panels) {
      const at = (event) => ({ u: event.offsetX / canvas.clientWidth, v: event.offsetY / canvas.clientHeight });
      canvas.addEventListener("pointermove", (event) => {
        pointed = at(event);
        if (event.buttons && zoom.factor > 1) {
          zoom.x -= event.movementX / canvas.clientWidth / zoom.factor;
          zoom.y -= event.movementY / canvas.clientHeight / zoom.factor;
          clamp();
        } else draw();
      });
      canvas.addEventListener("pointerleave", () => { pointed = null; draw(); });
      canvas.addEventListener("dblclick", (event) => {
        const { u, v } = at(event);
        zoom.x += (u - 0.5) / zoom.factor;
        zoom.y += (v - 0.5) / zoom.factor;
        act.in();
      });
    }
    document.addEventListener("theme", draw);
    addEventListener("resize", draw);
    for (const row of document.querySelectorAll('tr[data-frame]:not([data-frame=""])')) {
      const head = row.querySelector("th"), button = document.createElement("button");
      button.type = "button";
      button.className = "link";
      button.append(...head.childNodes);
      button.setAttribute("aria-label", `Show ${facts.names[row.dataset.frame]}`);
      head.append(button);
      button.addEventListener("click", () => {
        sliders.frame.value = row.dataset.frame;
        draw();
        root.scrollIntoView({ block: "start" });
      });
    }
    draw();
    root.classList.add("ready");
  };
  for (const root of document.querySelectorAll(".viewer")) open(root);
})();
