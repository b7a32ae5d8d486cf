/* What is chosen above the images: methods, way of comparing, layers. */
(function () {
  "use strict";
  const { el, state, select, check, range } = IVIF;

  /* Without a choice: the sources, and the methods of the best mean rank that have an image. */
  function first(dataset) {
    const known = dataset.shown.length ? dataset.shown : dataset.methods;
    const ranks = new Map();
    if (IVIF.run.ranks) {
      const at = IVIF.run.ranks.columns.length - 1;
      IVIF.run.ranks.rows.forEach((row) => ranks.set(row.method, row.cells[at].value));
    }
    const place = (id) => (ranks.get(id) === undefined ? Infinity : ranks.get(id));
    const sources = known.filter((id) => IVIF.run.methods.some((each) => each.id === id && each.source));
    const rest = known.filter((id) => !sources.includes(id)).sort((a, b) => (place(a) === place(b) ? 0 : place(a) - place(b)));
    return sources.slice(0, 2).concat(rest).slice(0, 4);
  }

  /* Methods shown, in the run's order or as the address says. */
  function methodsOf(dataset) {
    const known = dataset.methods;
    const asked = state.list("m").filter((id) => known.includes(id));
    if (asked.length) return asked;
    return first(dataset);
  }

  function toggle(dataset, id) {
    const now = methodsOf(dataset);
    if (mode() === "slider") {
      const sides = pair(dataset);
      if (id === sides[1]) return;
      const swap = id === sides[0] && dataset.shown.includes(sides[1]) ? { ref: sides[1] } : {};
      state.set(Object.assign({ m: now.filter((each) => each !== id).concat(id).join(",") }, swap));
      return;
    }
    const next = now.includes(id) ? now.filter((each) => each !== id) : now.concat(id);
    if (next.length) state.set({ m: next.join(",") });
  }

  function chips(dataset) {
    const sides = mode() === "slider" ? pair(dataset) : [];
    const now = sides.length ? sides : methodsOf(dataset);
    return el("div", { class: "chips", role: "group", "aria-label": "Methods" }, dataset.methods.map((id, at) => el("button", {
      type: "button", class: "chip", id: "show-" + id, "data-method": id, "aria-pressed": now.includes(id) ? "true" : "false", on: { click: () => toggle(dataset, id) },
    }, [at < 10 ? el("kbd", { "aria-hidden": "true", text: String((at + 1) % 10) }) : null, IVIF.name(IVIF.title(id)),
      sides.includes(id) ? el("span", { class: "side-of", text: id === sides[0] ? "left" : "right" }) : null])));
  }

  /* The two methods of the slider: left and right; the right one is that chosen last. */
  function pair(dataset) {
    const left = against(dataset);
    const rest = methodsOf(dataset).filter((id) => id !== left);
    return rest.length ? [left, rest[rest.length - 1]] : [left];
  }

  /* By how much differences are multiplied. */
  function gain() {
    return Number(state.get("gain", "2"));
  }

  function gainTool() {
    const made = range("Gain", gain(), [1, 16, 1], (value) => state.set({ gain: String(value) }), { id: "gain" });
    made.append(el("output", { id: "gain-shown" }));
    return made;
  }

  function mode() {
    return state.get("mode", "grid");
  }

  function modes() {
    return el("div", { class: "segments", role: "group", "aria-label": "Way of comparing" },
      [["grid", "Side by side"], ["slider", "Slider"], ["difference", "Difference"]].map((each) => el("button", {
        type: "button", id: "mode-" + each[0], "data-mode": each[0], "aria-pressed": mode() === each[0] ? "true" : "false", text: each[1], on: { click: () => state.set({ mode: each[0] }, { push: true }) },
      })));
  }

  function boxQuestions(dataset) {
    return IVIF.run.questions.filter((each) => each.dataset === dataset.id && each.boxes);
  }

  function maskQuestions(dataset) {
    return IVIF.run.questions.filter((each) => each.dataset === dataset.id && each.masks);
  }

  function pick(questions, key) {
    return questions.find((each) => each.id === state.get(key)) || questions[0];
  }

  /* Options of layers for panels; null where they are off or there are none. */
  function boxes(dataset) {
    const question = pick(boxQuestions(dataset), "bq");
    if (!question || state.get("b", "1") !== "1" || mode() === "difference") return null;
    const hidden = state.get("bh", "");
    return {
      question, level: IVIF.boxes.asked(),
      kinds: { found: !hidden.includes("f"), missed: !hidden.includes("m"), wrong: !hidden.includes("w") },
    };
  }

  function masks(dataset) {
    const question = pick(maskQuestions(dataset), "mq");
    const on = state.get("k", "");
    if (!question || !on) return null;
    return { question, wanted: { truth: on.includes("t"), prediction: on.includes("p"), errors: on.includes("e") }, opacity: state.get("ko", "0.6") };
  }

  function flip(key, letter) {
    const now = state.get(key, "");
    state.set({ [key]: now.includes(letter) ? now.replace(letter, "") : now + letter });
  }

  function boxTools(dataset) {
    const questions = boxQuestions(dataset);
    if (!questions.length || mode() === "difference") return null;
    const question = pick(questions, "bq");
    const hidden = state.get("bh", "");
    const on = state.get("b", "1") === "1";
    const own = state.get("thr") === undefined;
    const shown = el("output", { id: "threshold-shown" });
    const level = range("Confidence", own ? 0.5 : state.get("thr"), [question.boxes.floor, 1, 0.01], (value) => state.set({ thr: value.toFixed(2) }), { id: "threshold", disabled: !on });
    level.append(shown);
    const kinds = [["f", "found"], ["m", "missed"], ["w", "wrong"]].map((each) => check(each[1], !hidden.includes(each[0]), () => flip("bh", each[0]), { disabled: !on, id: "box-" + each[1] }));
    kinds.forEach((each, at) => each.classList.add(["found", "missed", "wrong"][at]));
    return el("fieldset", { class: "layer" }, [
      el("legend", { text: "Boxes" }), check("show", on, (value) => state.set({ b: value ? "1" : "0" }), { id: "boxes-on" }), ...kinds, level,
      el("button", { type: "button", id: "own-level", text: "own level", disabled: own, on: { click: () => state.set({ thr: "" }) } }),
      questions.length > 1 ? select("of", questions.map((each) => [each.id, each.title]), question.id, (value) => state.set({ bq: value }), { id: "boxes-of" }) : null,
    ]);
  }

  function swatch(each) {
    const mark = el("i", { class: "swatch" });
    mark.style.background = "rgb(" + each.colour.join(",") + ")";
    return el("li", {}, [mark, IVIF.name(each.name)]);
  }

  function maskTools(dataset) {
    const questions = maskQuestions(dataset);
    if (!questions.length) return null;
    const question = pick(questions, "mq");
    const on = state.get("k", "");
    const boxesOf = [["t", "truth"], ["p", "prediction"], ["e", "errors"]].map((each) => check(each[1], on.includes(each[0]), () => flip("k", each[0]), { id: "mask-" + each[1] }));
    return el("fieldset", { class: "layer" }, [
      el("legend", { text: "Masks" }), ...boxesOf,
      range("Opacity", state.get("ko", "0.6"), [0.1, 1, 0.05], (value) => state.set({ ko: String(value) }), { id: "opacity" }),
      questions.length > 1 ? select("of", questions.map((each) => [each.id, each.title]), question.id, (value) => state.set({ mq: value }), { id: "masks-of" }) : null,
      el("details", { class: "choice", id: "colours" }, [el("summary", { id: "colours-head", text: "Colours" }), el("ul", { class: "legend" }, (on.includes("t") || on.includes("p") || !on ? question.masks.classes : []).concat(on.includes("e") || !on ? question.masks.errors : []).map(swatch))]),
    ]);
  }

  /* Methods that have an image, for choices of a second one. */
  function against(dataset) {
    const shown = dataset.shown;
    const now = state.get("ref", shown[0]);
    return shown.includes(now) ? now : shown[0];
  }

  function build(dataset, zoom) {
    const other = mode() === "grid" ? null : select(mode() === "slider" ? "Left" : "Less", dataset.shown.map((id) => [id, IVIF.title(id)]), against(dataset), (value) => state.set({ ref: value }), { id: "reference" });
    const made = el("div", { class: "toolbar" }, [
      el("div", { class: "bar" }, [
        modes(), other,
        mode() === "difference" ? gainTool() : null,
        el("span", { class: "segments" }, [
          el("button", { type: "button", id: "zoom-out", "aria-label": "Zoom out", text: "−", on: { click: () => zoom().by(1 / 1.5) } }),
          el("button", { type: "button", id: "zoom-in", "aria-label": "Zoom in", text: "+", on: { click: () => zoom().by(1.5) } }),
          el("button", { type: "button", id: "zoom-whole", text: "Whole image", on: { click: () => zoom().reset() } })]),
      ]),
      chips(dataset),
      el("div", { class: "layers" }, [boxTools(dataset), maskTools(dataset)]),
    ]);
    tell(made);
    return made;
  }

  /* What the ranges of a toolbar are at. */
  function tell(made) {
    const level = IVIF.boxes.asked();
    const texts = { "threshold-shown": level === null ? "each method's own" : "≥ " + level.toFixed(2), "gain-shown": "× " + gain() };
    made.querySelectorAll("output").forEach((each) => { each.textContent = texts[each.id]; });
    const own = made.querySelector("#own-level");
    if (own) own.disabled = level === null;
  }

  IVIF.toolbar = { build, tell, methodsOf, toggle, mode, pair, gain, boxes, masks, against };
})();
