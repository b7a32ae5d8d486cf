/* The view of images: list, panels, numbers. */
(function () {
  "use strict";
  const { el, name, state } = IVIF;
  let parts = null;
  let zoom = null;
  let turn = 0;

  function dataset() {
    return IVIF.run.datasets.find((each) => each.id === state.get("d")) || IVIF.run.datasets[0];
  }

  function frame(root, now) {
    const list = IVIF.stemlist.create((at) => choose(at));
    parts = { list, controls: el("div"), toolbar: el("div"), panels: el("div", { class: "panels" }), metrics: el("div"), title: el("h2"), count: el("p", { class: "quiet" }), note: el("p", { class: "warning", role: "status" }), dataset: now.id };
    parts.filters = el("details", { class: "filters" }, [el("summary", { id: "choose-images", text: "Choose, sort and filter images" }), el("div", {}, [parts.controls, parts.count, list.box])]);
    parts.filters.open = !window.matchMedia("(max-width: 900px)").matches;
    const pick = IVIF.select("Dataset", IVIF.run.datasets.map((each) => [each.id, each.title]), now.id,
      (value) => state.set({ d: value, i: "", s: "", so: "", sm: "", sd: "", tag: "", cls: "", f: "", m: "", ref: "", z: "" }, { push: true }), { id: "pick-dataset" });
    const made = el("div", { class: "images" }, [
      el("aside", { class: "side", "aria-label": "Choice of the image" }, [pick, parts.filters]),
      el("div", { class: "work" }, [
        el("div", { class: "bar" }, [
          el("button", { type: "button", id: "previous", "aria-label": "Previous image", text: "←", on: { click: () => step(-1) } }),
          parts.title,
          el("button", { type: "button", id: "next", "aria-label": "Next image", text: "→", on: { click: () => step(1) } })]),
        parts.note, parts.toolbar, parts.panels, parts.metrics]),
    ]);
    IVIF.redraw(root, function () {
      root.replaceChildren(made);
      return root;
    });
  }

  function choose(at) {
    state.set({ i: parts.found.about.stems[at] }, { push: true });
  }

  function step(by) {
    if (!parts || !parts.found || !parts.found.order.length) return;
    const order = parts.found.order;
    const place = order.indexOf(parts.at);
    choose(order[Math.min(order.length - 1, Math.max(0, place + by))]);
  }

  /* New elements take the place of old ones only when they are complete. */
  function replace(key, next) {
    IVIF.redraw(parts[key], function () {
      parts[key].replaceWith(next);
      parts[key] = next;
      return next;
    });
  }

  async function panels(now, at, stem) {
    const methods = IVIF.toolbar.methodsOf(now);
    const mode = IVIF.toolbar.mode();
    const options = {
      dataset: now, about: parts.found.about, at, boxes: IVIF.toolbar.boxes(now), masks: IVIF.toolbar.masks(now),
      against: mode === "difference" ? IVIF.toolbar.against(now) : "", gain: IVIF.toolbar.gain(), share: Number(state.get("x", "50")),
    };
    const box = el("div", { class: "panels " + mode, "data-stem": stem });
    const inners = [];
    if (mode === "slider" && now.shown.length) {
      const sides = IVIF.toolbar.pair(now);
      const made = await IVIF.panel.slider(sides[0], sides[sides.length - 1], options, (share) => state.set({ x: String(share) }, { quiet: true }));
      box.append(made.figure);
      return { box, inners: made.inners, methods: sides };
    }
    for (let index = 0; index < methods.length; index += 1) {
      const made = await IVIF.panel.panel(methods[index], index + 1, options);
      box.append(made.figure);
      inners.push(made.inner);
    }
    return { box, inners, methods };
  }

  async function show(root, keys) {
    const now = dataset();
    if (!now) {
      root.replaceChildren(el("p", { text: "No finished result of this run is about single images." }));
      return;
    }
    const mine = (turn += 1);
    if (!parts || !keys || parts.dataset !== now.id || !parts.list.box.isConnected) frame(root, now);
    const here = parts;
    const started = performance.now();
    const found = await IVIF.stems.view(now);
    if (mine !== turn || here !== parts) return;
    parts.found = found;
    const wanted = found.about.stems.indexOf(state.get("i", ""));
    const at = wanted >= 0 ? wanted : found.order.length ? found.order[0] : 0;
    parts.at = at;
    parts.list.show(found, at);
    parts.sorted = performance.now() - started;
    const stem = found.about.stems[at];
    const none = !found.order.length;
    const made = none ? { box: el("p", { class: "panels", text: "No image matches the filters." }), inners: [] } : await panels(now, at, stem);
    const numbers = none ? el("div") : await IVIF.metrics.table(now, made.methods, at, stem);
    if (mine !== turn || here !== parts) return;
    const layout = ["s", "so", "sm", "sd", "tag", "cls", "f", "pre"];
    if (!keys || !parts.drawn || keys.some((key) => layout.includes(key) && key !== "f")) replace("controls", IVIF.stemlist.controls(now, found.about));
    parts.count.textContent = found.order.length + " of " + found.about.stems.length + " images" + (now.previews < now.count ? "; " + now.previews + " with a preview" : "");
    parts.note.textContent = unknown(now, found.about).join(" ");
    parts.note.hidden = !parts.note.textContent;
    const place = found.order.indexOf(at) + 1;
    parts.title.replaceChildren(none ? "No image" : name(stem), el("span", { class: "quiet", text: "  " + (place ? place + " / " + found.order.length : none ? "" : "not in the list") }));
    const dragged = document.activeElement && document.activeElement.type === "range" && parts.toolbar.contains(document.activeElement);
    if (dragged && keys && keys.every((key) => ["thr", "ko", "gain"].includes(key))) IVIF.toolbar.tell(parts.toolbar);
    else replace("toolbar", IVIF.toolbar.build(now, () => zoom));
    if (zoom) zoom.destroy();
    replace("panels", made.box);
    zoom = IVIF.zoom.together(made.inners);
    IVIF.boxes.thin(parts.panels);
    replace("metrics", numbers);
    parts.drawn = true;
    document.body.dataset.ready = "images " + (none ? "none" : stem);
  }

  /* What the address asks for and the run does not have, in sentences. */
  function unknown(now, about) {
    const said = [];
    const asked = state.get("d", now.id);
    if (asked !== now.id) said.push("The run has no dataset " + asked + ": this is " + now.title + ".");
    const stem = state.get("i", "");
    if (stem && !about.stems.includes(stem)) said.push("This dataset has no image " + stem + ": this is another one.");
    const methods = state.list("m").filter((id) => !now.methods.includes(id));
    if (methods.length) said.push("Not among the methods of this dataset: " + methods.map(IVIF.title).join(", ") + ".");
    return said;
  }

  IVIF.views.images = {
    title: "Images", show, step, dataset,
    zoom: () => zoom,
    leave: () => { if (zoom) zoom.destroy(); zoom = null; parts = null; },
    timing: () => parts && parts.sorted,
  };
})();
