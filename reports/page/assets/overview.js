/* The run on one screen. */
(function () {
  "use strict";
  const { el, name, state } = IVIF;
  const kinds = { run: "Run", table: "Table", hole: "Hole", leak: "Leak" };

  function tableLink(table) {
    const known = IVIF.run.tables.find((each) => each.name === table);
    return known ? el("a", { href: state.link({ view: "tables", t: table }) }, [name(known.title)]) : null;
  }

  function warnings(run) {
    if (!run.warnings.length) return el("p", { class: "good", text: "No warnings: no hole, no leak, no pseudo labels, enough images." });
    return el("section", { class: "warnings", "aria-labelledby": "warnings" }, [
      el("h2", { id: "warnings", text: "Before you read the numbers" }),
      el("ul", {}, run.warnings.map((each) => el("li", {}, [
        el("strong", { class: "kind", text: kinds[each.kind] }), " ", name(each.text),
        el("span", { class: "places" }, each.tables.map(tableLink)),
      ]))),
    ]);
  }

  function methodLink(each, images) {
    const dataset = IVIF.run.datasets.find((one) => one.id === images && one.shown.includes(each.method));
    return dataset ? el("a", { href: state.link({ view: "images", d: dataset.id, m: each.method }) }, [name(each.title)]) : name(each.title);
  }

  function question(each, images) {
    const best = [];
    each.best.slice(0, 3).forEach((one, at) => best.push(at ? ", " : "", methodLink(one, images)));
    if (each.best.length > 3) best.push(" and " + (each.best.length - 3) + " more");
    return el("tr", {}, [
      el("th", { scope: "row" }, [name(each.column + IVIF.arrows[each.direction])]),
      el("td", {}, best),
      el("td", { class: "number" }, [
        el("span", { class: "value", text: each.value }), IVIF.table.sign(each.verdict),
        el("span", { class: "interval", text: each.interval || "no interval" })]),
    ]);
  }

  function best(run) {
    if (!run.best.length) return "";
    const verdicts = run.best.flatMap((group) => group.questions.map((each) => each.verdict));
    return el("section", { "aria-labelledby": "best" }, [
      el("h2", { id: "best", text: "Best of each question" }), IVIF.table.legend(verdicts),
      el("div", { class: "cards" }, run.best.map(card))]);
  }

  function card(group) {
    return el("section", { class: "card" }, [
      el("h3", {}, [name(group.task + ": " + group.dataset)]),
      el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Best of " + group.task + ", " + group.dataset }, [
        el("table", {}, [
          el("thead", {}, [el("tr", {}, ["Number", "Best", "Value, 95 % interval"].map((text, at) => el("th", { scope: "col", class: at > 1 ? "number" : "", text: text })))]),
          el("tbody", {}, group.questions.map((each) => question(each, group.images)))])]),
      el("p", { class: "quiet" }, [tableLink(group.table)]),
    ]);
  }

  function ranks(run) {
    if (!run.ranks) return el("p", { class: "quiet", text: "No ranks: no table marks a best value (too few images, or a single method)." });
    const dataset = (method) => run.datasets.find((each) => each.shown.includes(method));
    const grid = IVIF.table.table(run.ranks, {
      sort: state.get("rs", "rank"), sorted: (key) => state.set({ rs: key }),
      shown: (method) => Boolean(dataset(method)),
      open: (method) => state.link({ view: "images", d: dataset(method).id, m: method }),
    });
    return el("section", { "aria-labelledby": "ranks" }, [
      el("h2", { id: "ranks", text: "Ranks over tasks" }), grid, el("p", { class: "quiet", text: run.ranks.caption })]);
  }

  async function show(root) {
    const run = IVIF.run;
    const made = [
      el("ul", { class: "facts", "aria-label": "Size of the run" }, run.facts.map((each) => el("li", {}, [el("b", { text: each[1] }), " " + each[0]]))
        .concat(run.datasets.map((each) => el("li", {}, [el("b", { text: String(each.count) }), " images of ", name(each.title)])))),
      warnings(run), ranks(run), best(run)];
    IVIF.redraw(root, function () {
      root.replaceChildren(...made);
      return root;
    });
  }

  IVIF.views.overview = { title: "Overview", show };
})();
