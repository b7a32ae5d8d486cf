/* The view of all tables, one at a time. */
(function () {
  "use strict";
  const { el, name, select, check, state, load } = IVIF;

  function options(entry) {
    const dataset = IVIF.run.datasets.find((each) => each.id === entry.dataset);
    return {
      sort: state.get("ts", ""), filter: state.get("tf", ""), hidden: state.list("th"),
      intervals: state.get("ti") === "1", published: state.get("tp", "1") === "1",
      sorted: (key) => state.set({ ts: key }),
      shown: (method) => Boolean(dataset && dataset.shown.includes(method)),
      open: (method) => state.link({ view: "images", d: dataset.id, m: method }),
    };
  }

  function columnChoice(content, hidden) {
    const boxes = content.columns.map((column) => check(column.title, !hidden.includes(column.key), function (on) {
      const now = state.list("th").filter((key) => key !== column.key);
      state.set({ th: (on ? now : now.concat(column.key)).join(",") });
    }, { id: "show-column-" + column.key }));
    return el("details", { class: "choice", id: "column-choice" }, [
      el("summary", { id: "columns", text: "Columns" }), el("div", { class: "choices" }, boxes)]);
  }

  /* What a reader needs to understand the numbers: caption, signs and footnotes. */
  function explained(content) {
    const verdicts = content.rows.flatMap((row) => row.cells.map((cell) => cell.verdict));
    const notes = Object.entries(content.notes).map((each) => el("p", {}, [el("sup", { text: each[0] }), " ", name(each[1])]));
    return el("div", { class: "explained" }, [el("p", { text: content.caption }), IVIF.table.legend(verdicts)].concat(notes));
  }

  function provenance(content) {
    const hash = content.protocol_sha256;
    return el("details", { class: "provenance", id: "provenance-lines" }, [
      el("summary", { id: "provenance" }, ["Protocol and provenance", hash ? el("code", { text: hash.slice(0, 8) }) : null]),
      el("div", {}, content.footer.map((line) => el("p", { text: line }))),
    ]);
  }

  function tools(content, entry, chosen) {
    const intervals = content.rows.some((row) => row.cells.some((cell) => cell.interval));
    const published = content.rows.some((row) => row.published);
    const filter = el("input", {
      type: "search", id: "filter-rows", value: chosen.filter, "data-filter": true, placeholder: "Filter rows  ( / )",
      "aria-label": "Filter rows", on: { input: () => state.set({ tf: filter.value }) },
    });
    return el("div", { class: "bar" }, [
      filter,
      intervals ? check("95 % intervals", chosen.intervals, (on) => state.set({ ti: on ? "1" : "" }), { id: "intervals" }) : null,
      published ? check("published rows", chosen.published, (on) => state.set({ tp: on ? "1" : "0" }), { id: "published" }) : null,
      columnChoice(content, chosen.hidden),
      el("button", { type: "button", id: "csv", text: "CSV", title: "all numbers, as the report's file", on: { click: () => IVIF.download(content.name + ".csv", content.csv) } }),
      el("button", {
        type: "button", id: "csv-shown", text: "CSV as shown", on: { click: () => IVIF.download(content.name + "-shown.csv", IVIF.table.csvOf(content, options(entry))) },
      }),
    ]);
  }

  let drawn = null;

  async function show(root, keys) {
    const run = IVIF.run;
    if (!run.tables.length) {
      root.replaceChildren(el("p", { text: "The run has no finished table yet." }));
      return;
    }
    const named = state.get("t");
    const entry = run.tables.find((each) => each.name === named) || run.tables[0];
    const content = await load("tables/" + entry.id);
    if (state.get("view") !== "tables") return;
    const chosen = options(entry);
    const grid = IVIF.table.table(content, chosen);
    if (keys && drawn && drawn.entry === entry && !keys.includes("t")) {
      IVIF.redraw(drawn.grid, function () {
        drawn.grid.replaceWith(grid);
        drawn.grid = grid;
        return grid;
      });
      IVIF.say(grid.querySelectorAll("tbody tr").length + " rows");
      return;
    }
    const groups = [...new Set(run.tables.map((each) => each.group))].map((group) => [
      group, run.tables.filter((each) => each.group === group).map((each) => [each.name, each.title])]);
    const pick = select("Table", groups.length > 1 ? groups : groups[0][1], entry.name,
      (value) => state.set({ t: value, ts: "", tf: "", th: "" }, { push: true }), { id: "pick-table" });
    drawn = { entry, grid };
    IVIF.redraw(root, function () {
      root.replaceChildren(
        el("div", { class: "bar" }, [pick]),
        el("h2", {}, [name(content.title)]),
        ...content.warnings.map((text) => el("p", { class: "warning", text: text })),
        tools(content, entry, chosen), grid, explained(content), provenance(content));
      return root;
    });
  }

  IVIF.views.tables = { title: "Tables", show, leave: () => { drawn = null; } };
})();
