/* The keyboard. */
(function () {
  "use strict";
  const { el, state } = IVIF;
  const list = [
    ["← →", "previous, next image"], ["1 … 9, 0", "show or hide a method"], ["g s d", "side by side, slider, difference"],
    ["b", "boxes"], ["t p e", "masks: truth, prediction, errors"], ["+ −", "zoom"], ["w", "whole image"],
    ["← → ↑ ↓", "in a plot of lines: next point, next line"], ["Enter", "in a plot: open the images of the point"],
    ["/", "filter"], ["o a i l", "overview, tables, images, plots"], ["?", "this list"],
  ];

  function dialog() {
    const box = document.getElementById("keys");
    box.replaceChildren(
      el("h2", { id: "keys-title", text: "Keys" }),
      el("dl", {}, list.flatMap((each) => [el("dt", {}, each[0].split(" ").map((key) => el("kbd", { text: key }))), el("dd", { text: each[1] })])),
      el("form", { method: "dialog" }, [el("button", { text: "Close", on: { click: (event) => { event.preventDefault(); box.close(); } } })]));
    box.showModal();
  }

  function mask(letter) {
    const now = state.get("k", "");
    state.set({ k: now.includes(letter) ? now.replace(letter, "") : now + letter });
  }

  function inImages(key) {
    const images = IVIF.views.images;
    const dataset = images.dataset();
    if (!dataset) return false;
    const zoom = images.zoom();
    const digit = "1234567890".indexOf(key);
    if (key.length === 1 && digit >= 0) {
      if (digit < dataset.methods.length) IVIF.toolbar.toggle(dataset, dataset.methods[digit]);
    } else if (key === "ArrowLeft" || key === "ArrowUp") images.step(-1);
    else if (key === "ArrowRight" || key === "ArrowDown") images.step(1);
    else if (key === "g") state.set({ mode: "grid" }, { push: true });
    else if (key === "s") state.set({ mode: "slider" }, { push: true });
    else if (key === "d") state.set({ mode: "difference" }, { push: true });
    else if (key === "b") state.set({ b: state.get("b", "1") === "1" ? "0" : "1" });
    else if ("tpe".includes(key)) mask(key);
    else if (key === "+" || key === "=") { if (zoom) zoom.by(1.5); }
    else if (key === "-") { if (zoom) zoom.by(1 / 1.5); }
    else if (key === "w") { if (zoom) zoom.reset(); }
    else return false;
    return true;
  }

  document.addEventListener("keydown", function (event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !IVIF.run) return;
    const target = event.target;
    const writes = target.matches("input:not([type=checkbox]):not([type=range]), select, textarea");
    if (writes && event.key === "Escape") target.blur();
    if (writes || document.getElementById("keys").open) return;
    if (target.matches("input[type=range]") && event.key.startsWith("Arrow")) return;
    if (event.key.startsWith("Arrow") && target.matches(".scroll")) return;
    const view = { o: "overview", a: "tables", i: "images", l: "plots" }[event.key];
    if (event.key === "?") dialog();
    else if (event.key === "/") {
      const filter = document.querySelector("[data-filter]");
      if (!filter) return;
      const closed = filter.closest("details:not([open])");
      if (closed) closed.open = true;
      filter.focus();
      filter.select();
    } else if (view) state.set({ view }, { push: true });
    else if (!(state.get("view") === "images" && inImages(event.key))) return;
    event.preventDefault();
  });

  IVIF.keys = { dialog };
})();
