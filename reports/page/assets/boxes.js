/* Objects and detections of one image at a confidence. */
(function () {
  "use strict";
  const { load, svg } = IVIF;
  const HIT = 1;
  const FALSE = 0;

  async function part(question, who, at) {
    const block = Math.floor(at / question.boxes.block);
    const found = await load("boxes/" + question.id + "/" + who + "-" + block);
    const inside = at - block * question.boxes.block;
    let start = 0;
    for (let each = 0; each < inside; each += 1) start += found.counts[each];
    return { found, start, end: start + found.counts[inside] };
  }

  function box(found, index) {
    return found.box.slice(4 * index, 4 * index + 4).map((each) => each / 10);
  }

  /* Boxes of a method: found, missed, wrong; an object goes to the most confident detections first, so that a
     higher level changes no other detection's partner. */
  async function at(question, method, position, level) {
    const names = question.boxes.classes;
    const truth = await part(question, "truth", position);
    const mine = await part(question, method, position);
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

  function draw(groups, kinds, size) {
    const made = svg("svg", { class: "boxes", viewBox: "0 0 " + size[1] + " " + size[0], preserveAspectRatio: "none", "aria-hidden": "true" });
    const text = Math.max(9, size[1] / 42);
    ["ignored", "found", "missed", "wrong"].forEach(function (kind) {
      if (kind !== "ignored" && !kinds[kind]) return;
      groups[kind].forEach(function (each) {
        const place = { x: each.box[0], y: each.box[1], width: each.box[2], height: each.box[3] };
        made.append(svg("rect", Object.assign({ class: "under" }, place)));
        made.append(svg("rect", Object.assign({ class: kind }, place)));
        if (kind === "found" || kind === "ignored") return;
        const below = kind === "wrong";
        const y = below ? each.box[1] + each.box[3] + text : each.box[1] - 2;
        made.append(svg("text", { class: kind, x: each.box[0], y: Math.min(Math.max(y, text), size[0] - 2), "font-size": text, text: each.label }));
      });
    });
    return made;
  }

  /* The level of a method: the one asked for, or its own, which is null if nothing it finds is right. */
  function level(question, method, asked) {
    return asked === null ? question.boxes.levels[method] : asked;
  }

  function words(groups, used) {
    const counts = groups.found.length + " found, " + groups.missed.length + " missed, " + groups.wrong.length + " wrong";
    return counts + (used === null ? "; no detection is right" : "; ≥ " + used.toFixed(2));
  }

  IVIF.boxes = { at, draw, level, words };
})();
