/* Images of a dataset: numbers of each, their order, and which are shown. */
(function () {
  "use strict";
  const { load, state } = IVIF;

  function questionsOf(dataset) {
    return IVIF.run.questions.filter((each) => each.dataset === dataset.id && each.columns.length);
  }

  /* Numbers of a question for one method, by position of the image; null where there is none. */
  async function numbers(question, key, method) {
    if (!question.methods.includes(method)) return null;
    const at = question.columns.findIndex((column) => column.key === key);
    if (at < 0) return null;
    return (await load("scores/" + question.id + "/" + method)).columns[at];
  }

  /* What the list is sorted by: {question, column, of, minus} or null for names. */
  function sorting(dataset) {
    const parts = state.get("s", "").split("|");
    const question = questionsOf(dataset).find((each) => each.id === parts[0]);
    if (!question) return null;
    const column = question.columns.find((each) => each.key === parts.slice(1).join("|"));
    if (!column) return null;
    const of = state.get("so", question.methods[0]);
    return {
      question, column,
      of: question.methods.includes(of) ? of : question.methods[0],
      minus: question.methods.includes(state.get("sm")) ? state.get("sm") : "",
    };
  }

  async function keysOf(dataset, by) {
    if (!by) return null;
    const first = await numbers(by.question, by.column.key, by.of);
    if (!by.minus) return first;
    const second = await numbers(by.question, by.column.key, by.minus);
    return first.map((value, at) => (value === null || second[at] === null ? null : value - second[at]));
  }

  function kept(about) {
    const wanted = state.get("f", "").toLowerCase();
    const sets = [];
    const tag = state.get("tag", "");
    const shows = state.get("cls", "");
    if (tag) sets.push(new Set(about.tags[tag] || []));
    if (shows) sets.push(new Set(about.classes[shows] || []));
    if (state.get("pre") === "1") sets.push(new Set(about.previews));
    const found = [];
    for (let at = 0; at < about.stems.length; at += 1) {
      if (wanted && !about.stems[at].toLowerCase().includes(wanted)) continue;
      if (sets.every((each) => each.has(at))) found.push(at);
    }
    return found;
  }

  /* Positions of the images in the order asked for; those without a number last. */
  function sorted(positions, values, falling) {
    if (!values) return falling ? positions.slice().reverse() : positions;
    const sign = falling ? -1 : 1;
    const known = positions.filter((at) => values[at] !== null && values[at] !== undefined);
    const gone = positions.filter((at) => values[at] === null || values[at] === undefined);
    known.sort((a, b) => sign * (values[a] - values[b]) || a - b);
    return known.concat(gone);
  }

  /* {about, order, values, by} for a dataset. */
  async function view(dataset) {
    const about = await load("images/" + dataset.id + "/stems");
    const by = sorting(dataset);
    const values = await keysOf(dataset, by);
    const order = sorted(kept(about), values, state.get("sd") === "1");
    return { about, order, values, by };
  }

  function sizeOf(about, at) {
    const sizes = about.sizes;
    const size = typeof sizes[0] === "number" ? sizes : sizes[at];
    return size || [3, 4];
  }

  IVIF.stems = { view, numbers, questionsOf, sizeOf };
})();
