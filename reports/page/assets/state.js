/* What is shown, as the part of the address behind "#". */
(function () {
  "use strict";
  const listeners = [];
  // Ids are places in the run, which change when a method is added: the address holds names instead.
  const kinds = {
    d: "datasets", m: "methods", ref: "methods", so: "methods", sm: "methods", pm: "methods", io: "methods",
    s: "questions", bq: "questions", mq: "questions", pq: "questions", iq: "questions",
  };
  const known = { ids: {}, names: {} };
  let current = parse();

  /* A value of the address with every name as its id, or the other way round; what is unknown stays. */
  function translated(key, value, to) {
    const table = known[to][kinds[key]];
    if (!table) return value;
    return String(value).split(",").map(function (each) {
      const parts = each.split("|");
      return [table.has(parts[0]) ? table.get(parts[0]) : parts[0]].concat(parts.slice(1)).join("|");
    }).join(",");
  }

  /* Learn names and ids of a run; from now on the address holds names. */
  function learn(run) {
    [["datasets", "name"], ["methods", "name"], ["questions", "table"]].forEach(function (each) {
      const pairs = run[each[0]].map((one) => [one.id, one[each[1]].replace(/[%,|]/g, (sign) => encodeURIComponent(sign))]);
      known.names[each[0]] = new Map(pairs);
      known.ids[each[0]] = new Map(pairs.map((pair) => [pair[1], pair[0]]));
    });
    current = parse();
  }

  function parse() {
    const found = {};
    new URLSearchParams(location.hash.slice(1)).forEach(function (value, key) {
      found[key] = translated(key, value, "ids");
    });
    return found;
  }

  function text(values) {
    const parts = new URLSearchParams();
    Object.keys(values).forEach(function (key) {
      const value = values[key];
      if (value !== "" && value !== null && value !== undefined) parts.set(key, translated(key, value, "names"));
    });
    return "#" + parts.toString().replace(/%2C/g, ",");
  }

  /* Change values. A step of its own in the browser's history if `push`; listeners hear of it unless `quiet`. */
  function set(patch, how) {
    const options = how || {};
    current = Object.assign({}, current, patch);
    const hash = text(current);
    if (hash !== location.hash) {
      if (options.push) history.pushState(null, "", hash);
      else history.replaceState(null, "", hash);
    }
    if (!options.quiet) listeners.forEach((each) => each(Object.keys(patch)));
  }

  window.addEventListener("hashchange", function () {
    const next = parse();
    if (text(next) === text(current)) return;
    current = next;
    listeners.forEach((each) => each(null));
  });
  window.addEventListener("popstate", function () {
    const next = parse();
    if (text(next) === text(current)) return;
    current = next;
    listeners.forEach((each) => each(null));
  });

  IVIF.state = {
    get: (key, otherwise) => (key in current && current[key] !== "" ? current[key] : otherwise),
    list: (key) => (current[key] ? current[key].split(",") : []),
    set, learn,
    listen: (each) => listeners.push(each),
    link: (values) => text(Object.assign(
      current.theme ? { theme: current.theme } : {}, values)),
  };
})();
