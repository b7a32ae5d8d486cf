/* Lines of methods with uPlot; a click or the keyboard's cursor gives a point. */
(function () {
  "use strict";
  const { el } = IVIF;
  // Okabe and Ito's colours, then darker ones; dashes tell equal ones apart.
  const colours = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F7F7F", "#8C564B", "#9467BD", "#BCBD22"];

  function colour(at) {
    return colours[at % colours.length];
  }

  function style(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  }

  /* `whole`: a mark only at whole numbers. */
  function axis(label, whole) {
    const steps = whole ? { incrs: [1, 2, 5].flatMap((each) => [1, 10, 100, 1e3, 1e4, 1e5].map((power) => each * power)).sort((a, b) => a - b) } : {};
    return Object.assign(steps, { label, stroke: style("--text"), grid: { stroke: style("--line"), width: 1 }, ticks: { stroke: style("--line"), width: 1 }, labelFont: "13px sans-serif", font: "12px sans-serif" });
  }

  /* options: x [numbers], series [{title, values, number}], labels [x, y], whole (x), points, opened(series, index), label */
  function lines(options) {
    const box = el("div", {
      class: "plot", id: "plot", role: "application", tabindex: "0", "aria-roledescription": "plot",
      "aria-label": options.label + ". Arrow keys move over points and lines, Enter opens the images of a point.",
      on: { keydown: pressed, pointermove: () => { picked = null; } },
    });
    const data = [options.x].concat(options.series.map((each) => each.values));
    let plot = null;
    let picked = null; // the point of the keyboard's cursor, until the pointer moves

    function draw() {
      if (plot) plot.destroy();
      box.replaceChildren();
      plot = new uPlot({
        width: Math.max(280, box.clientWidth || 640), height: Math.min(460, Math.max(300, window.innerHeight * 0.55)),
        scales: { x: { time: false, range: options.xRange }, y: { range: options.yRange } },
        axes: [axis(options.labels[0], options.whole), axis(options.labels[1])],
        legend: { show: false },
        cursor: { focus: { prox: 24 }, points: { size: 8 } },
        focus: { alpha: 0.35 },
        series: [{}].concat(options.series.map((each) => ({
          label: each.title, stroke: colour(each.number), width: 2, dash: each.number >= colours.length ? [6, 4] : undefined,
          points: { show: Boolean(options.points), size: 6, fill: colour(each.number) }, spanGaps: false,
        }))),
        hooks: { setCursor: [(now) => note(now)] },
      }, data, box);
      plot.over.addEventListener("click", () => open(nearest(plot)));
      if (picked) requestAnimationFrame(mark); // the scales are known by then
    }

    function valued(at, index) {
      const value = options.series[at].values[index];
      return value !== null && value !== undefined;
    }

    /* The point `by` points further on the line, over gaps; the last one there if there are fewer. */
    function along(from, by) {
      let last = from.index;
      for (let index = from.index + Math.sign(by), left = Math.abs(by); left > 0 && index >= 0 && index < options.x.length; index += Math.sign(by)) {
        if (valued(from.at, index)) {
          last = index;
          left -= 1;
        }
      }
      return { at: from.at, index: last };
    }

    /* The point of the next line above (1) or below (-1) at the same place; equal ones in their order. */
    function across(from, by) {
      const there = options.series.map((_, at) => at).filter((at) => valued(at, from.index));
      there.sort((a, b) => options.series[a].values[from.index] - options.series[b].values[from.index] || a - b);
      const next = there[there.indexOf(from.at) + by];
      return next === undefined ? from : { at: next, index: from.index };
    }

    function first() {
      const at = options.series.findIndex((_, each) => options.x.some((__, index) => valued(each, index)));
      return at < 0 ? null : { at, index: options.x.findIndex((_, index) => valued(at, index)) };
    }

    function pressed(event) {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const all = options.x.length;
      const page = Math.max(1, Math.round(all / 20));
      const steps = { ArrowLeft: -1, ArrowRight: 1, PageUp: page, PageDown: -page, Home: -all, End: all };
      const lines = { ArrowUp: 1, ArrowDown: -1 };
      if (event.key === "Enter" || event.key === " ") open(picked);
      else if (!(event.key in steps || event.key in lines)) return;
      else if (picked) picked = event.key in steps ? along(picked, steps[event.key]) : across(picked, lines[event.key]);
      else picked = first();
      event.preventDefault();
      event.stopPropagation();
      mark();
    }

    /* Shows the keyboard's cursor. */
    function mark() {
      if (!picked) return;
      const each = options.series[picked.at];
      const value = each.values[picked.index];
      plot.setCursor({ left: plot.valToPos(options.x[picked.index], "x"), top: plot.valToPos(value, "y") }, false);
      output.textContent = options.words(each, picked.index, value);
    }

    /* The series whose point at the cursor is nearest. */
    function nearest(now) {
      const index = now.cursor.idx;
      if (index === null || index === undefined) return null;
      let best = null;
      options.series.forEach(function (each, at) {
        const value = each.values[index];
        if (value === null || value === undefined) return;
        const far = Math.abs(now.valToPos(value, "y") - now.cursor.top);
        if (!best || far < best.far) best = { far, at, index, value };
      });
      return best;
    }

    function note(now) {
      if (picked) return;
      const found = nearest(now);
      output.textContent = found ? options.words(options.series[found.at], found.index, found.value) : "";
    }

    function open(found) {
      if (found) options.opened(options.series[found.at], found.index);
    }

    const output = el("output", { class: "reading" });
    const legend = el("ul", { class: "legend" }, options.series.map(function (each) {
      const mark = el("i", { class: "swatch" });
      mark.style.background = colour(each.number);
      return el("li", {}, [mark, IVIF.name(each.title)]);
    }));
    return { box: el("div", {}, [output, box, legend]), draw, stop: () => plot && plot.destroy() };
  }

  IVIF.lines = lines;
})();
