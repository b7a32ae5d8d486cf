/* The view of plots. */
(function () {
  "use strict";
  const { el, name, state, select, load } = IVIF;
  let drawn = null;

  function number(method) {
    return IVIF.run.methods.findIndex((each) => each.id === method);
  }

  /* Metric against task: a point is a method, and opens its images. */
  async function against() {
    const all = (await load("plots")).against;
    if (!all.length) return [el("p", { text: "No dataset of this run has both metrics of images and a task." })];
    const at = Math.min(all.length - 1, Number(state.get("pa", "0")) || 0);
    const pair = all[at];
    const metric = pair.metrics.find((each) => each.key === state.get("px")) || pair.metrics[0];
    const outcome = pair.outcomes.find((each) => each.title === state.get("py")) || pair.outcomes[0];
    const points = Object.keys(outcome.values).filter((id) => id in metric.values).map((id) => ({
      x: metric.values[id], y: outcome.values[id], title: IVIF.title(id),
      href: state.link({ view: pair.dataset ? "images" : "tables", d: pair.dataset, m: id }),
    }));
    const tau = outcome.tau[metric.key];
    return [
      el("div", { class: "bar" }, [
        all.length > 1 ? select("Task", all.map((each, index) => [String(index), each.title]), String(at), (value) => state.set({ pa: value, px: "", py: "" }), { id: "task" }) : null,
        select("Metric", pair.metrics.map((each) => [each.key, each.key + IVIF.arrows[each.direction]]), metric.key, (value) => state.set({ px: value }), { id: "metric" }),
        select("Score", pair.outcomes.map((each) => [each.title, each.title]), outcome.title, (value) => state.set({ py: value }), { id: "score" })]),
      el("h2", {}, [name(pair.title)]),
      ...pair.warnings.map((text) => el("p", { class: "warning", text })),
      IVIF.scatter(points, [metric.key + IVIF.arrows[metric.direction], outcome.title + ", %"], metric.key + " against " + outcome.title),
      el("p", { text: tau ? "Kendall's τ-b of the methods without the sources, more is better on both sides: " + tau + "." : "" }),
      el("p", { class: "quiet" }, [name(pair.sentence)]),
      el("p", { class: "quiet", text: "A point opens the images of its method. Source images take no part." }),
    ];
  }

  /* Precision and recall of a class: a point opens images at its confidence. */
  async function curves() {
    const questions = IVIF.run.questions.filter((each) => each.curves);
    if (!questions.length) return [el("p", { text: "The run keeps no detections." })];
    const question = questions.find((each) => each.id === state.get("pq")) || questions[0];
    const found = await load("curves/" + question.id);
    const some = found.classes.findIndex((each, at) => Object.values(found.methods).some((one) => one.precision[at].some((value) => value !== null)));
    const asked = found.classes.indexOf(state.get("pc", ""));
    const at = asked >= 0 ? asked : Math.max(0, some);
    const series = Object.keys(found.methods).map((id) => ({ id, title: IVIF.title(id), number: number(id), values: found.methods[id].precision[at] }));
    drawn = IVIF.lines({
      x: found.recalls, series, labels: ["recall", "precision"], xRange: [0, 1], yRange: [0, 1.02], label: found.title + ", " + found.classes[at],
      words: (each, index, value) => each.title + ": precision " + value.toFixed(3) + " at recall " + found.recalls[index].toFixed(2),
      opened: function (each, index) {
        const level = found.methods[each.id].confidence[at][index];
        state.set({ view: "images", d: question.dataset, m: each.id, thr: level === null ? "" : String(level), b: "1", s: question.id + "|missed", so: each.id, sd: "1", cls: found.classes[at], i: "" }, { push: true });
      },
    });
    return [
      el("div", { class: "bar" }, [
        questions.length > 1 ? select("Protocol", questions.map((each) => [each.id, each.title]), question.id, (value) => state.set({ pq: value }), { id: "curve-protocol" }) : null,
        select("Class", found.classes.map((each) => [each, each]), found.classes[at], (value) => state.set({ pc: value }), { id: "curve-class" })]),
      el("h2", {}, [name(found.title + ", " + found.classes[at])]), drawn.box,
      el("p", { class: "quiet", text: "A click or Enter opens the images of this class, with boxes at the confidence of the point; first those with most missed objects at the method's own confidence." }),
    ];
  }

  /* A number over images: a point is an image, and opens it. */
  async function perImage() {
    const questions = IVIF.run.questions.filter((each) => each.dataset && each.columns.length);
    if (!questions.length) return [el("p", { text: "No finished result of this run is about single images." })];
    const question = questions.find((each) => each.id === state.get("iq")) || questions[0];
    const column = question.columns.find((each) => each.key === state.get("ic")) || question.columns[0];
    const about = await load("images/" + question.dataset + "/stems");
    const first = question.methods.includes(state.get("io")) ? state.get("io") : question.methods[0];
    const base = await IVIF.stems.numbers(question, column.key, first);
    const order = about.stems.map((_, at) => at).filter((at) => base[at] !== null).sort((a, b) => base[a] - base[b] || a - b);
    const asked = state.list("pm").filter((id) => question.methods.includes(id));
    const methods = asked.length ? asked : question.methods.slice(0, 6);
    const series = [];
    for (const id of methods) {
      const values = await IVIF.stems.numbers(question, column.key, id);
      series.push({ id, title: IVIF.title(id), number: number(id), values: order.map((at) => (values[at] === null ? null : values[at] * column.scale)) });
    }
    drawn = IVIF.lines({
      x: order.map((_, at) => at + 1), series, whole: true, points: order.length <= 60, labels: ["images, by the number of " + IVIF.title(first).slice(0, 40), column.title + IVIF.arrows[column.direction]],
      label: column.title + " of " + order.length + " images",
      words: (each, index, value) => about.stems[order[index]] + ", " + each.title + ": " + value.toFixed(column.decimals),
      opened: function (each, index) {
        const shown = [first].concat(each.id === first ? [] : [each.id]);
        state.set({ view: "images", d: question.dataset, i: about.stems[order[index]], m: shown.join(","), s: question.id + "|" + column.key, so: each.id, sm: "", f: "", tag: "", cls: "" }, { push: true });
      },
    });
    const chips = el("div", { class: "chips", role: "group", "aria-label": "Methods" }, question.methods.map((id) => el("button", {
      type: "button", class: "chip", id: "line-" + id, "aria-pressed": methods.includes(id) ? "true" : "false",
      on: { click: () => state.set({ pm: (methods.includes(id) ? methods.filter((each) => each !== id) : methods.concat(id)).join(",") }) },
    }, [name(IVIF.title(id))])));
    return [
      el("div", { class: "bar" }, [
        select("Question", questions.map((each) => [each.id, each.title]), question.id, (value) => state.set({ iq: value, ic: "", io: "", pm: "" }), { id: "image-question" }),
        select("Number", question.columns.map((each) => [each.key, each.title]), column.key, (value) => state.set({ ic: value }), { id: "image-number" }),
        select("Order by", question.methods.map((id) => [id, IVIF.title(id)]), first, (value) => state.set({ io: value }), { id: "image-order" })]),
      el("h2", {}, [name(column.title + ": " + question.title)]), chips, drawn.box,
      el("p", { class: "quiet", text: "A click or Enter opens the image." }),
    ];
  }

  const kinds = [["against", "Metric against task", against], ["curves", "Precision and recall", curves], ["images", "Single images", perImage]];

  async function show(root) {
    const kind = kinds.find((each) => each[0] === state.get("p")) || kinds[0];
    leave();
    const made = await kind[2]();
    if (state.get("view") !== "plots") return;
    IVIF.redraw(root, function () {
      root.replaceChildren(el("div", { class: "segments", role: "group", "aria-label": "Plot" }, kinds.map((each) => el("button", {
        type: "button", id: "plot-" + each[0], "data-plot": each[0], "aria-pressed": each === kind ? "true" : "false", text: each[1], on: { click: () => state.set({ p: each[0] }, { push: true }) },
      }))), ...made);
      return root;
    });
    if (drawn) drawn.draw();
    document.body.dataset.ready = "plots " + kind[0];
  }

  function leave() {
    if (drawn) drawn.stop();
    drawn = null;
  }

  window.addEventListener("resize", () => { if (drawn) drawn.draw(); });
  IVIF.views.plots = { title: "Plots", show, leave, redraw: () => drawn && drawn.draw() };
})();
