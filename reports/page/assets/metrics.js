/* Numbers of one image, of the methods that are shown. */
(function () {
  "use strict";
  const { el, name } = IVIF;

  /* The best of some values; with `ranked`, of those alone. */
  function bestOf(values, column, ranked) {
    const known = values.filter((value, at) => ranked[at] && value !== null && value !== undefined);
    if (!column.direction || new Set(known).size < 2) return null;
    return column.direction === "up" ? Math.max(...known) : Math.min(...known);
  }

  /* Values of each method: of detection counted here where a confidence is chosen, else those of the data files. */
  async function valuesOf(question, column, methods, at, level) {
    const values = [];
    for (const method of methods) {
      if (level !== null && question.boxes && question.methods.includes(method)) {
        const groups = await IVIF.boxes.at(question, method, at, level);
        values.push(groups ? IVIF.boxes.counts(groups)[column.key] : null);
        continue;
      }
      const all = await IVIF.stems.numbers(question, column.key, method);
      values.push(all ? all[at] : undefined);
    }
    return values;
  }

  /* Sources agree perfectly with themselves: fusion quality does not rank them, as in the tables. */
  function ranks(question, method) {
    return question.task !== "quality" || !IVIF.run.methods.find((each) => each.id === method).source;
  }

  async function lines(question, methods, at, level) {
    const found = [];
    const ranked = methods.map((method) => ranks(question, method));
    for (const column of question.columns) {
      const values = await valuesOf(question, column, methods, at, level);
      if (values.every((value) => value === undefined)) continue;
      const best = bestOf(values, column, ranked);
      found.push(el("tr", {}, [
        el("th", { scope: "row" }, [name(column.title + IVIF.arrows[column.direction])]),
        ...values.map((value, place) => el("td", { class: "number " + (best !== null && ranked[place] && value === best ? "best" : ""), "data-value": value === null || value === undefined ? null : value },
          [el("span", { class: "value", text: value === undefined ? "" : IVIF.printed(value, column) })]))]));
    }
    return found;
  }

  function remark(question, level) {
    if (question.boxes) return level === null ? ": at each method's own confidence" : ": at confidence ≥ " + level.toFixed(2);
    return question.task === "quality" ? ": source images are not ranked" : "";
  }

  async function table(dataset, methods, at, stem) {
    const bodies = [];
    const level = IVIF.boxes.asked();
    for (const question of IVIF.stems.questionsOf(dataset)) {
      const rows = await lines(question, methods, at, level);
      if (rows.length) {
        bodies.push(el("tbody", {}, [el("tr", {}, [el("th", { scope: "rowgroup", colspan: String(methods.length + 1), class: "group" }, [name(question.title), remark(question, level)])]), ...rows]));
      }
    }
    return el("div", { class: "scroll", id: "numbers", tabindex: "0", role: "region", "aria-label": "Numbers of image " + stem }, [
      el("table", { class: "metrics" }, [
        el("caption", {}, ["Image ", name(stem), el("span", { class: "quiet", text: " first seed; best of those shown in bold" })]),
        el("thead", {}, [el("tr", {}, [el("th", { scope: "col", text: "Number" }), ...methods.map((id) => el("th", { scope: "col", class: "number" }, [name(IVIF.title(id))]))])]),
        ...bodies])]);
  }

  IVIF.metrics = { table };
})();
