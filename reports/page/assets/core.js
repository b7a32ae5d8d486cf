/* Names of the page, elements, and data files, which arrive as scripts. */
(function () {
  "use strict";
  const values = new Map();
  const loading = new Map();

  function load(name) {
    if (values.has(name)) return Promise.resolve(values.get(name));
    if (loading.has(name)) return loading.get(name);
    const found = new Promise(function (resolve, reject) {
      const script = document.createElement("script");
      script.src = "data/" + name + ".js";
      script.onload = function () {
        script.remove();
        if (values.has(name)) resolve(values.get(name));
        else reject(new Error("data/" + name + ".js holds no data"));
      };
      script.onerror = function () {
        script.remove();
        loading.delete(name);
        reject(new Error("data/" + name + ".js is not there: copy the whole folder of the page"));
      };
      document.head.appendChild(script);
    });
    loading.set(name, found);
    return found;
  }

  /* An element; texts become text nodes, never markup. */
  function el(tag, properties, children) {
    const made = document.createElement(tag);
    return fill(made, properties, children);
  }

  function svg(tag, properties, children) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    return fill(made, properties, children);
  }

  function fill(made, properties, children) {
    Object.entries(properties || {}).forEach(function (entry) {
      const key = entry[0];
      const value = entry[1];
      if (value === null || value === undefined || value === false) return;
      if (key === "on") {
        Object.entries(value).forEach((each) => made.addEventListener(each[0], each[1]));
      } else if (key === "text") {
        made.textContent = value;
      } else {
        made.setAttribute(key, value === true ? "" : value);
      }
    });
    (children || []).forEach(function (child) {
      if (child !== null && child !== undefined) made.append(child);
    });
    return made;
  }

  /* A name from data: its own direction, so that it cannot reorder what stands beside it. */
  function name(text, tag) {
    return el(tag || "bdi", { text: text });
  }

  /* Options are [value, text], or [heading, options] for a group of them. */
  function select(label, options, value, changed, more) {
    const box = el("select", Object.assign({ on: { change: () => changed(box.value) } }, more || {}));
    function add(place, option) {
      if (Array.isArray(option[1])) {
        const group = el("optgroup", { label: option[0] });
        option[1].forEach((each) => add(group, each));
        place.append(group);
        return;
      }
      const item = el("option", { value: option[0], text: option[1], dir: "auto" });
      item.selected = option[0] === value;
      place.append(item);
    }
    options.forEach((option) => add(box, option));
    return el("label", { class: "field" }, [el("span", { text: label }), box]);
  }

  function check(label, value, changed, more) {
    const box = el("input", Object.assign(
      { type: "checkbox", on: { change: () => changed(box.checked) } }, more || {}));
    box.checked = value;
    return el("label", { class: "check" }, [box, el("span", { text: label })]);
  }

  function range(label, value, limits, changed, more) {
    const box = el("input", Object.assign({
      type: "range", min: limits[0], max: limits[1], step: limits[2], value: value,
      on: { input: () => changed(Number(box.value)) },
    }, more || {}));
    return el("label", { class: "field" }, [el("span", { text: label }), box]);
  }

  /* Draw a part again. What has the focus in it, or is open, is found again by its id; `change` returns the new part. */
  function redraw(old, change) {
    const active = document.activeElement;
    const focused = active && old.contains(active) ? active.id : "";
    const cursor = focused && active.type === "search" ? active.selectionStart : null;
    const open = [...old.querySelectorAll("details[id][open]")].map((each) => each.id);
    const next = change();
    next.querySelectorAll("details").forEach((each) => { each.open = each.open || open.includes(each.id); });
    const again = focused ? document.getElementById(focused) : null;
    if (!again) return;
    const frame = again.disabled && again.closest("fieldset");
    (frame ? frame.querySelector("input:not(:disabled)") : again).focus({ preventScroll: true });
    if (cursor !== null) again.setSelectionRange(cursor, cursor);
  }

  /* A number as tables print it. */
  function printed(value, column) {
    if (value === null || value === undefined) return "–";
    const text = (value * column.scale).toFixed(column.decimals);
    return Number(text) === 0 ? text.replace("-", "") : text;
  }

  const arrows = { up: "\u00a0↑", down: "\u00a0↓", "": "" };

  function say(text) {
    document.getElementById("said").textContent = text;
  }

  function download(file, text) {
    const link = el("a", {
      href: URL.createObjectURL(new Blob([text], { type: "text/csv" })), download: file,
    });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }

  window.IVIF = {
    put: (name, value) => values.set(name, value),
    load, el, svg, name, redraw, select, check, range, printed, arrows, say, download, views: {},
  };
})();
