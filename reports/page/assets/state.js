/* What is shown, as the part of the address behind "#". */
(function () {
  "use strict";
  const listeners = [];
  let current = parse();

  function parse() {
    const found = {};
    new URLSearchParams(location.hash.slice(1)).forEach(function (value, key) {
      found[key] = value;
    });
    return found;
  }

  function text(values) {
    const parts = new URLSearchParams();
    Object.keys(values).forEach(function (key) {
      const value = values[key];
      if (value !== "" && value !== null && value !== undefined) parts.set(key, value);
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
    set,
    listen: (each) => listeners.push(each),
    link: (values) => text(Object.assign(
      current.theme ? { theme: current.theme } : {}, values)),
  };
})();
