/* The list of images: only the rows in sight are elements, so that 4,200 are as quick as 20. */
(function () {
  "use strict";
  const { el, state } = IVIF;
  const height = 30;
  let shown = null;
  window.addEventListener("resize", () => { if (shown && shown.box.isConnected) shown.draw(); });

  function create(choose) {
    const space = el("div", { class: "space" });
    const box = el("div", {
      class: "stems", id: "stems", role: "listbox", tabindex: "0", "aria-label": "Images", on: { scroll: draw },
    }, [space]);
    let found = { about: { stems: [] }, order: [], values: null, by: null };
    let current = -1;
    let place = -1;

    /* The chosen row is named to screen readers only while it is an element. */
    function draw() {
      const first = Math.max(0, Math.floor(box.scrollTop / height) - 5);
      const last = Math.min(found.order.length, first + Math.ceil((box.clientHeight || 600) / height) + 10);
      space.style.height = found.order.length * height + "px";
      const rows = [];
      for (let each = first; each < last; each += 1) rows.push(row(each));
      space.replaceChildren(...rows);
      if (place >= first && place < last) box.setAttribute("aria-activedescendant", "stem-" + current);
      else box.removeAttribute("aria-activedescendant");
    }

    function row(each) {
      const at = found.order[each];
      const value = found.values ? found.values[at] : undefined;
      const made = el("div", {
        role: "option", id: "stem-" + at, class: "stem", "aria-posinset": each + 1, "aria-setsize": found.order.length,
        "aria-selected": at === current ? "true" : "false", "data-at": at, on: { click: () => choose(at) },
      }, [
        el("bdi", { text: found.about.stems[at] }),
        value === undefined ? null : el("span", { class: "amount", text: IVIF.printed(value, found.by.column) }),
      ]);
      made.style.top = each * height + "px";
      return made;
    }

    function show(next, at) {
      found = next;
      current = at;
      place = found.order.indexOf(at);
      if (place >= 0) {
        const top = place * height;
        space.style.height = found.order.length * height + "px";
        if (top < box.scrollTop) box.scrollTop = top;
        else if (top + height > box.scrollTop + box.clientHeight) box.scrollTop = top - box.clientHeight / 2;
      }
      draw();
    }

    shown = { box, draw };
    return { box, show };
  }

  /* Filters and the order, above the list. */
  function controls(dataset, about) {
    const questions = IVIF.stems.questionsOf(dataset);
    const filter = el("input", {
      type: "search", id: "filter-images", value: state.get("f", ""), "data-filter": true, placeholder: "Filter names  ( / )",
      "aria-label": "Filter names of images", on: { input: () => state.set({ f: filter.value }) },
    });
    const sorts = [["", "name"]].concat(questions.map((question) => [question.title, question.columns.map(
      (column) => [question.id + "|" + column.key, column.title + IVIF.arrows[column.direction]])]));
    const asked = questions.find((each) => state.get("s", "").split("|")[0] === each.id);
    const methods = asked ? asked.methods.map((id) => [id, IVIF.title(id)]) : [];
    const tags = Object.keys(about.tags);
    const classes = Object.keys(about.classes);
    return el("div", { class: "controls" }, [
      filter,
      IVIF.select("Sort by", sorts, state.get("s", ""), (value) => state.set({ s: value, sd: worstFirst(questions, value) }), { id: "sort-by" }),
      asked ? IVIF.select("of", methods, state.get("so", asked.methods[0]), (value) => state.set({ so: value }), { id: "sort-of" }) : null,
      asked ? IVIF.select("less", [["", "–"]].concat(methods), state.get("sm", ""), (value) => state.set({ sm: value }), { id: "sort-less" }) : null,
      asked && asked.boxes ? el("p", { class: "quiet", text: "Counted at each method's own confidence, whichever is chosen for the boxes." }) : null,
      IVIF.check("largest first", state.get("sd") === "1", (on) => state.set({ sd: on ? "1" : "" }), { id: "sort-falling" }),
      tags.length ? IVIF.select("Condition", [["", "all"]].concat(tags.map((each) => [each, each])), state.get("tag", ""), (value) => state.set({ tag: value }), { id: "tag" }) : null,
      classes.length ? IVIF.select("Shows", [["", "anything"]].concat(classes.map((each) => [each, each])), state.get("cls", ""), (value) => state.set({ cls: value }), { id: "class" }) : null,
      about.previews.length < about.stems.length ? IVIF.check("with preview", state.get("pre") === "1", (on) => state.set({ pre: on ? "1" : "" }), { id: "with-preview" }) : null,
    ]);
  }

  /* Where things went wrong comes first. */
  function worstFirst(questions, value) {
    const parts = value.split("|");
    const question = questions.find((each) => each.id === parts[0]);
    const column = question && question.columns.find((each) => each.key === parts.slice(1).join("|"));
    return column && column.direction === "down" ? "1" : "";
  }

  IVIF.stemlist = { create, controls };
})();
