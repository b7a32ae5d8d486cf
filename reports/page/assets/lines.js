/* Lines of methods with uPlot; a click gives the nearest point. */
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

  function axis(label) {
    return { label, stroke: style("--text"), grid: { stroke: style("--line"), width: 1 }, ticks: { stroke: style("--line"), width: 1 }, labelFont: "13px sans-serif", font: "12px sans-serif" };
  }

  /* options: x [numbers], series [{title, values, number}], labels [x, y], points, opened(series, index), label */
  function lines(options) {
    const box = el("div", { class: "plot", role: "img", "aria-label": options.label });
    const data = [options.x].concat(options.series.map((each) => each.values));
    let plot = null;
    function draw() {
      if (plot) plot.destroy();
      box.replaceChildren();
      plot = new uPlot({
        width: Math.max(280, box.clientWidth || 640), height: Math.min(460, Math.max(300, window.innerHeight * 0.55)),
        scales: { x: { time: false, range: options.xRange }, y: { range: options.yRange } },
        axes: [axis(options.labels[0]), axis(options.labels[1])],
        legend: { show: false },
        cursor: { focus: { prox: 24 }, points: { size: 8 } },
        focus: { alpha: 0.35 },
        series: [{}].concat(options.series.map((each) => ({
          label: each.title, stroke: colour(each.number), width: 2, dash: each.number >= colours.length ? [6, 4] : undefined,
          points: { show: Boolean(options.points), size: 6, fill: colour(each.number) }, spanGaps: false,
        }))),
        hooks: { setCursor: [(now) => note(now)] },
      }, data, box);
      plot.over.addEventListener("click", () => open(plot));
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
      const found = nearest(now);
      output.textContent = found ? options.words(options.series[found.at], found.index, found.value) : "";
    }

    function open(now) {
      const found = nearest(now);
      if (found) options.opened(options.series[found.at], found.index);
    }

    const output = el("output", { class: "reading" });
    const legend = el("ul", { class: "legend" }, options.series.map(function (each) {
      const mark = el("i", { class: "swatch" });
      mark.style.background = colour(each.number);
      return el("li", {}, [mark, IVIF.name(each.title)]);
    }));
    return { box: el("div", {}, [box, output, legend]), draw, stop: () => plot && plot.destroy() };
  }

  IVIF.lines = lines;
})();
