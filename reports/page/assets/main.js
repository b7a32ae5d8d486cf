/* Loads the run and shows the view that the address asks for. */
(function () {
  "use strict";
  const { el, state, load } = IVIF;
  const order = ["overview", "tables", "images", "plots"];
  let last = "";

  function view() {
    const asked = state.get("view", "overview");
    return order.includes(asked) ? asked : "overview";
  }

  function links() {
    document.getElementById("views").replaceChildren(...order.map((id) => el("a", {
      href: state.link({ view: id }), "aria-current": view() === id ? "page" : null, text: IVIF.views[id].title,
    })));
  }

  function dark() {
    const asked = state.get("theme", "");
    return asked ? asked === "dark" : window.matchMedia("(prefers-color-scheme: dark)").matches;
  }

  function paint() {
    document.documentElement.dataset.theme = dark() ? "dark" : "light";
    document.getElementById("theme").textContent = dark() ? "Light" : "Dark";
  }

  async function show(keys) {
    paint();
    const now = view();
    const root = document.getElementById("main");
    const changed = now !== last;
    if (changed) {
      if (last && IVIF.views[last].leave) IVIF.views[last].leave();
      last = now;
      document.body.dataset.view = now;
      delete document.body.dataset.ready;
      links();
      window.scrollTo(0, 0);
    }
    if (keys && keys.length === 1 && keys[0] === "theme") {
      if (IVIF.views[now].redraw) IVIF.views[now].redraw();
      links();
      return;
    }
    try {
      await IVIF.views[now].show(root, changed ? null : keys);
      if (!document.body.dataset.ready) document.body.dataset.ready = now;
    } catch (problem) {
      root.replaceChildren(el("p", { class: "warning", text: problem.message }));
      throw problem;
    }
  }

  document.getElementById("theme").addEventListener("click", () => state.set({ theme: dark() ? "light" : "dark" }));
  document.getElementById("help").addEventListener("click", () => IVIF.keys.dialog());
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);

  load("run").then(function (run) {
    IVIF.run = run;
    state.learn(run);
    const titles = new Map(run.methods.map((each) => [each.id, each.title]));
    IVIF.title = (id) => titles.get(id) || id;
    if (state.get("view") === undefined) state.set({ view: "overview" }, { quiet: true });
    state.listen(show);
    return show(null);
  }).catch(function (problem) {
    document.getElementById("main").replaceChildren(el("p", { class: "warning", text: problem.message }));
  });
})();
