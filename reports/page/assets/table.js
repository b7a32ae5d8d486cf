/* One table: sorted, filtered, with chosen columns. */
(function () {
  "use strict";
  const { el, name, arrows } = IVIF;
  const signs = { better: " ▲", worse: " ▼" };

  /* Rows in the order asked for; cells without a number stay last. `sort` is a key, with "-" before it for falling. */
  function ordered(rows, columns, sort) {
    if (!sort) return rows;
    const falling = sort[0] === "-";
    const key = falling ? sort.slice(1) : sort;
    const at = columns.findIndex((column) => column.key === key);
    const sign = falling ? -1 : 1;
    const keyed = rows.map((row, index) => ({ row, index, value: at < 0 ? row.title : row.cells[at].value }));
    keyed.sort(function (one, other) {
      const a = one.value;
      const b = other.value;
      const none = (a === undefined ? 1 : 0) - (b === undefined ? 1 : 0);
      if (none) return none;
      if (typeof a === "string") return sign * a.localeCompare(b) || one.index - other.index;
      return (a === undefined ? 0 : sign * (a - b)) || one.index - other.index;
    });
    return keyed.map((each) => each.row);
  }

  function nextSort(sort, column) {
    const first = column.direction === "down" ? column.key : "-" + column.key;
    const second = column.direction === "down" ? "-" + column.key : column.key;
    return sort === first ? second : sort === second ? "" : first;
  }

  function chosen(content, options) {
    const hidden = new Set(options.hidden || []);
    const wanted = (options.filter || "").toLowerCase();
    const columns = content.columns.map((column, at) => ({ column, at })).filter((each) => !hidden.has(each.column.key));
    const rows = ordered(content.rows, content.columns, options.sort).filter(function (row) {
      if (row.published && !options.published) return false;
      return !wanted || (row.group + " " + row.title).toLowerCase().includes(wanted);
    });
    return { columns, rows };
  }

  function heading(column, options) {
    const up = options.sort === column.key;
    const down = options.sort === "-" + column.key;
    const label = column.title + arrows[column.direction];
    const content = options.sorted
      ? el("button", { type: "button", class: "sort", id: "sort-column-" + column.key, on: { click: () => options.sorted(nextSort(options.sort, column)) } },
        [name(label), el("span", { class: "sign", "aria-hidden": "true", text: up ? "▴" : down ? "▾" : "" })])
      : name(label);
    return el("th", { scope: "col", class: "number", "aria-sort": up ? "ascending" : down ? "descending" : "none" }, [content]);
  }

  function sign(verdict) {
    return verdict ? el("span", { class: verdict, text: signs[verdict], title: verdict + " than the best source image" }) : null;
  }

  /* What the signs of these verdicts mean; null without one. */
  function legend(verdicts) {
    const used = Object.keys(signs).filter((each) => verdicts.includes(each));
    if (!used.length) return null;
    return el("p", { class: "quiet", text: used.map((each) => signs[each].trim() + " " + each).join(", ") + " than the best source image: the 95 % interval of the difference leaves out zero." });
  }

  function value(cell, notes, options) {
    const parts = [el("span", { class: "value", text: cell.text })];
    if (cell.verdict) parts.push(sign(cell.verdict));
    if (options.intervals && cell.interval) parts.push(el("span", { class: "interval", text: cell.interval, title: "95 %: " + cell.what }));
    if (cell.note && notes[cell.note]) parts.push(el("sup", { text: cell.note, title: notes[cell.note] }));
    return el("td", { class: "number " + (cell.mark || ""), "data-value": cell.value }, parts);
  }

  function titleOf(row) {
    return (row.group ? row.group + ": " : "") + row.title;
  }

  function rowHead(row, content, options) {
    const title = titleOf(row);
    const parts = [options.open && row.method && options.shown(row.method)
      ? el("a", { href: options.open(row.method), title: "images of this method" }, [name(title)])
      : name(title)];
    if (row.note && content.notes[row.note]) parts.push(el("sup", { text: row.note, title: content.notes[row.note] }));
    return el("th", { scope: "row" }, parts);
  }

  /* options: sort, sorted(key), filter, hidden, intervals, published, open(method), shown(method) */
  function table(content, options) {
    const { columns, rows } = chosen(content, options);
    const head = el("tr", {}, [el("th", { scope: "col", text: content.head })].concat(columns.map((each) => heading(each.column, options))));
    const body = rows.map((row) => el("tr", { class: row.published ? "published" : row.ranked ? "" : "unranked" },
      [rowHead(row, content, options)].concat(columns.map((each) => value(row.cells[each.at], content.notes, options)))));
    return el("div", { class: "scroll", id: "table-" + content.name, tabindex: "0", role: "region", "aria-label": content.title }, [
      el("table", {}, [
        el("caption", { class: "unseen", text: content.title }),
        el("thead", {}, [head]), el("tbody", {}, body)]),
    ]);
  }

  function quoted(text) {
    return /[",\n]/.test(text) ? '"' + text.replace(/"/g, '""') + '"' : text;
  }

  /* What is shown as CSV, numbers unrounded; a column with intervals has two more for their ends. */
  function csvOf(content, options) {
    const { columns, rows } = chosen(content, options);
    const parts = columns.flatMap(function (each) {
      const title = each.column.title;
      const intervals = options.intervals && rows.some((row) => row.cells[each.at].interval);
      return [[title, "value"]].concat(intervals ? [[title + ", 95 % from", "low"], [title + ", 95 % to", "high"]] : [])
        .map((part) => ({ title: part[0], of: (row) => row.cells[each.at][part[1]] }));
    });
    const lines = [[content.head].concat(parts.map((part) => part.title))].concat(
      rows.map((row) => [titleOf(row)].concat(parts.map(function (part) {
        const found = part.of(row);
        return found === undefined ? "" : String(found);
      }))));
    return lines.map((line) => line.map(quoted).join(",") + "\n").join("");
  }

  IVIF.table = { table, csvOf, sign, legend };
})();
