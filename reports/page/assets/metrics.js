/* Numbers of one image, of the methods that are shown. */
(function () {
  "use strict";
  const { el, name } = IVIF;

  function bestOf(values, column) {
    const known = values.filter((value) => value !== null && value !== undefined);
    if (!column.direction || new Set(known).size < 2) return null;
    return column.direction === "up" ? Math.max(...known) : Math.min(...known);
  }

  async function lines(question, methods, at) {
    const found = [];
    for (const column of question.columns) {
      const values = [];
      for (const method of methods) {
        const all = await IVIF.stems.numbers(question, column.key, method);
        values.push(all ? all[at] : undefined);
      }
      if (values.every((value) => value === undefined)) continue;
      const best = bestOf(values, column);
      found.push(el("tr", {}, [
        el("th", { scope: "row" }, [name(column.title + IVIF.arrows[column.direction])]),
        ...values.map((value) => el("td", { class: "number " + (best !== null && value === best ? "best" : ""), "data-value": value === null || value === undefined ? null : value },
          [el("span", { class: "value", text: value === undefined ? "" : IVIF.printed(value, column) })]))]));
    }
    return found;
  }

  async function table(dataset, methods, at, stem) {
    const bodies = [];
    for (const question of IVIF.stems.questionsOf(dataset)) {
      const rows = await lines(question, methods, at);
      if (rows.length) {
        bodies.push(el("tbody", {}, [el("tr", {}, [el("th", { scope: "rowgroup", colspan: String(methods.length + 1), class: "group" }, [name(question.title)])]), ...rows]));
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
