/* Objects and detections of one image at a confidence. */
(function () {
  "use strict";
  const { el, load, state, svg } = IVIF;
  const HIT = 1;
  const FALSE = 0;

  /* Where the boxes of an image are in their block; null if it was not judged. */
  async function part(question, who, at) {
    const block = Math.floor(at / question.boxes.block);
    const found = await load("boxes/" + question.id + "/" + who + "-" + block);
    const inside = at - block * question.boxes.block;
    if (found.counts[inside] === null) return null;
    let start = 0;
    for (let each = 0; each < inside; each += 1) start += found.counts[each];
    return { found, start, end: start + found.counts[inside] };
  }

  function box(found, index) {
    return found.box.slice(4 * index, 4 * index + 4).map((each) => each / 10);
  }

  /* Boxes of a method: found, missed, wrong; an object goes to the most confident detections first, so that a
     higher level changes no other detection's partner. null for an image that the method lacks. */
  async function at(question, method, position, level) {
    const names = question.boxes.classes;
    const truth = await part(question, "truth", position);
    const mine = await part(question, method, position);
    if (!truth || !mine) return null;
    const taken = new Set();
    const wrong = [];
    for (let index = mine.start; index < mine.end; index += 1) {
      const score = mine.found.score[index];
      if (level === null || score < level) continue;
      if (mine.found.outcome[index] === HIT) taken.add(mine.found.partner[index]);
      else if (mine.found.outcome[index] === FALSE) {
        wrong.push({ box: box(mine.found, index), label: names[mine.found.class[index]] + " " + score.toFixed(2) });
      }
    }
    const found = [];
    const missed = [];
    const ignored = [];
    for (let index = truth.start; index < truth.end; index += 1) {
      const one = { box: box(truth.found, index), label: names[truth.found.class[index]] };
      if (truth.found.ignored[index]) ignored.push(one);
      else if (taken.has(index - truth.start)) found.push(one);
      else missed.push(one);
    }
    return { found, missed, wrong, ignored };
  }

  function percent(value, of) {
    return (100 * value / of).toFixed(3) + "%";
  }

  /* A name beside a box, of one size whatever the zoom; at the right edge it ends with the box. */
  function label(each, kind, size) {
    const made = el("span", { class: "label " + kind }, [el("bdi", { text: each.label })]);
    const left = each.box[0];
    const right = each.box[0] + each.box[2];
    if (left > 0.7 * size[1]) {
      made.classList.add("ends");
      made.style.right = percent(size[1] - right, size[1]);
    } else made.style.left = percent(left, size[1]);
    if (kind === "wrong") made.style.top = percent(Math.min(each.box[1] + each.box[3], 0.96 * size[0]), size[0]);
    else made.style.bottom = percent(Math.min(size[0] - each.box[1], 0.96 * size[0]), size[0]);
    return made;
  }

  /* Rectangles and names, to lie over the image. */
  function draw(groups, kinds, size) {
    const made = svg("svg", { class: "boxes", viewBox: "0 0 " + size[1] + " " + size[0], preserveAspectRatio: "none", "aria-hidden": "true" });
    const labels = el("div", { class: "labels", "aria-hidden": "true" });
    ["ignored", "found", "missed", "wrong"].forEach(function (kind) {
      if (kind !== "ignored" && !kinds[kind]) return;
      groups[kind].forEach(function (each) {
        const place = { x: each.box[0], y: each.box[1], width: each.box[2], height: each.box[3] };
        made.append(svg("rect", Object.assign({ class: "under" }, place)));
        made.append(svg("rect", Object.assign({ class: kind }, place)));
        if (kind === "missed" || kind === "wrong") labels.append(label(each, kind, size));
      });
    });
    return [made, labels];
  }

  /* Hides every name that would cover an earlier one; its box stays. */
  function thin(root) {
    root.querySelectorAll(".labels").forEach(function (labels) {
      const all = [...labels.children];
      const places = all.map((each) => each.getBoundingClientRect());
      const kept = [];
      all.forEach(function (each, at) {
        const one = places[at];
        const free = kept.every((other) => one.right <= other.left || other.right <= one.left || one.bottom <= other.top || other.bottom <= one.top);
        each.style.visibility = free ? "" : "hidden";
        if (free) kept.push(one);
      });
    });
  }

  /* The level of a method: the one asked for, or its own, which is null if nothing it finds is right. */
  function level(question, method, asked) {
    return asked === null ? question.boxes.levels[method] : asked;
  }

  /* The level chosen for all methods; null for each method's own. */
  function asked() {
    const level = Number(state.get("thr", "none"));
    return Number.isFinite(level) ? level : null;
  }

  /* The numbers of one image, by the keys of the question's columns. */
  function counts(groups) {
    return { missed: groups.missed.length, wrong: groups.wrong.length, found: groups.found.length, objects: groups.found.length + groups.missed.length };
  }

  function words(groups, used) {
    const said = groups.found.length + " found, " + groups.missed.length + " missed, " + groups.wrong.length + " wrong";
    return said + (used === null ? "; no detection is right" : "; ≥ " + used.toFixed(2));
  }

  IVIF.boxes = { at, draw, level, asked, counts, thin, words };
})();
