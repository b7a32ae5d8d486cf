/* Methods as points: a metric against a task's score. */
(function () {
  "use strict";
  const { svg } = IVIF;
  let width = 640; // of the drawing; on a narrow screen less, so that its texts keep their size
  const height = 420;
  const room = { left: 62, right: 24, top: 20, bottom: 48 };

  function scale(values, from, to) {
    const low = Math.min(...values);
    const high = Math.max(...values);
    const largest = Math.max(Math.abs(low), Math.abs(high));
    const differ = high - low > 1e-6 * largest; // less is rounding, which no axis can show
    const more = (differ ? high - low : largest || 1) * 0.08;
    const start = low - more;
    const size = high + more - start;
    return { at: (value) => from + ((value - start) / size) * (to - from), ticks: ticks(start, start + size) };
  }

  function ticks(low, high) {
    const rough = (high - low) / 5;
    const power = Math.pow(10, Math.floor(Math.log10(rough)));
    const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough);
    const found = [];
    const digits = Math.min(100, Math.max(0, -Math.floor(Math.log10(step))));
    for (let count = Math.ceil(low / step); count <= Math.floor(high / step); count += 1) found.push(Number((count * step).toFixed(digits)));
    return found;
  }

  function axes(x, y, titles) {
    const made = [];
    x.ticks.forEach(function (value) {
      made.push(svg("line", { class: "grid", x1: x.at(value), x2: x.at(value), y1: room.top, y2: height - room.bottom }));
      made.push(svg("text", { class: "tick", x: x.at(value), y: height - room.bottom + 16, "text-anchor": "middle", text: String(value) }));
    });
    y.ticks.forEach(function (value) {
      made.push(svg("line", { class: "grid", x1: room.left, x2: width - room.right, y1: y.at(value), y2: y.at(value) }));
      made.push(svg("text", { class: "tick", x: room.left - 8, y: y.at(value) + 4, "text-anchor": "end", text: String(value) }));
    });
    made.push(svg("text", { class: "axis", x: (room.left + width - room.right) / 2, y: height - 8, "text-anchor": "middle", text: titles[0] }));
    made.push(svg("text", { class: "axis", transform: "translate(14 " + height / 2 + ") rotate(-90)", "text-anchor": "middle", text: titles[1] }));
    return made;
  }

  /* How wide names are in the font that the page has. */
  function widths(names) {
    const texts = names.map((each) => svg("text", { text: each }));
    const probe = svg("svg", { class: "scatter unseen", "aria-hidden": "true" }, [svg("g", { class: "point" }, texts)]);
    document.body.append(probe);
    const found = texts.map((each) => each.getComputedTextLength());
    probe.remove();
    return found;
  }

  /* The first place beside a point where its name covers nothing; to the right, inside the plot, if there is none. */
  function beside(place, wide, taken) {
    const tries = [];
    [4, -12, 20, -28, 36].forEach((down) => tries.push([10, down, "start"], [-10, down, "end"]));
    let best = null;
    tries.forEach(function (each) {
      const start = each[2] === "start" ? place[0] + each[0] : place[0] + each[0] - wide;
      const box = { left: start, right: start + wide, top: place[1] + each[1] - 10, bottom: place[1] + each[1] + 3 };
      const free = box.left > room.left && box.right < width && !taken.some((other) => other.left < box.right && box.left < other.right && other.top < box.bottom && box.top < other.bottom);
      if (free && !best) best = { box, at: each };
    });
    if (!best) return { x: Math.max(0, Math.min(place[0] + tries[0][0], width - wide - 2)), y: place[1] + tries[0][1], "text-anchor": "start" };
    const at = best.at;
    taken.push(best.box);
    return { x: place[0] + at[0], y: place[1] + at[1], "text-anchor": at[2] };
  }

  /* points: {x, y, title, href}; each is a link. */
  function scatter(points, titles, label) {
    width = Math.min(640, Math.max(320, document.getElementById("main").clientWidth - 24));
    const most = Math.floor(width / 22); // letters of a name
    const made = svg("svg", { class: "scatter", viewBox: "0 0 " + width + " " + height, role: "group", "aria-label": label });
    if (!points.length) {
      made.append(svg("text", { x: width / 2, y: height / 2, "text-anchor": "middle", class: "axis", text: "No method has both numbers." }));
      return made;
    }
    const x = scale(points.map((each) => each.x), room.left, width - room.right);
    const y = scale(points.map((each) => each.y), height - room.bottom, room.top);
    made.append(...axes(x, y, titles));
    const taken = points.map((each) => ({ left: x.at(each.x) - 7, right: x.at(each.x) + 7, top: y.at(each.y) - 7, bottom: y.at(each.y) + 7 }));
    const names = points.map((each) => (each.title.length > most ? each.title.slice(0, most - 1) + "…" : each.title));
    const wide = widths(names);
    points.forEach(function (each, index) {
      const place = [x.at(each.x), y.at(each.y)];
      const shown = names[index];
      const link = svg("a", { class: "point", href: each.href, "aria-label": each.title + ": " + titles[0] + " " + each.x.toPrecision(5) + ", " + titles[1] + " " + each.y.toPrecision(4) }, [
        svg("circle", { cx: place[0], cy: place[1], r: 6 }),
        svg("text", Object.assign(beside(place, wide[index], taken), { text: shown })),
        svg("title", { text: each.title }),
      ]);
      made.append(link);
    });
    return made;
  }

  IVIF.scatter = scatter;
  IVIF.scale = scale;
})();
