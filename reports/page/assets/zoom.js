/* Zoom and pan of several panels in step. */
(function () {
  "use strict";
  const { state } = IVIF;

  function parse() {
    const found = state.get("z", "1,0,0").split(",").map(Number);
    return found.length === 3 && found.every(Number.isFinite) ? found : [1, 0, 0];
  }

  /* inners: elements that are moved, each in a viewport of the same size. Places are in shares of its width. */
  function together(inners) {
    const all = [];
    let busy = false;
    let timer = 0;

    /* Names of boxes keep their size by this. */
    function tell(scale) {
      all.forEach((each) => each.inner.style.setProperty("--z", String(scale)));
    }

    function follow(source, detail) {
      if (busy) return;
      busy = true;
      tell(detail.scale);
      all.forEach(function (each) {
        if (each.inner === source) return;
        each.panzoom.zoom(detail.scale, { animate: false, silent: true, force: true });
        each.panzoom.pan(detail.x, detail.y, { animate: false, silent: true, force: true });
      });
      busy = false;
      clearTimeout(timer);
      timer = setTimeout(function () {
        all.forEach((each) => IVIF.boxes.thin(each.inner));
        const width = source.parentElement.clientWidth || 1;
        const parts = [detail.scale, detail.x / width, detail.y / width].map((each) => Number(each.toFixed(3)));
        state.set({ z: parts[0] === 1 ? "" : parts.join(",") }, { quiet: true });
      }, 150);
    }

    inners.forEach(function (inner) {
      const panzoom = Panzoom(inner, { maxScale: 20, minScale: 1, contain: "outside", panOnlyWhenZoomed: true, canvas: true, cursor: "grab", touchAction: "pan-y", step: 0.4 });
      const viewport = inner.parentElement;
      const wheel = function (event) {
        if (!(event.ctrlKey || event.metaKey || event.shiftKey || panzoom.getScale() > 1 || viewport.matches(":hover"))) return;
        panzoom.zoomWithWheel(event);
      };
      viewport.addEventListener("wheel", wheel, { passive: false });
      inner.addEventListener("panzoomchange", (event) => follow(inner, event.detail));
      all.push({ inner, panzoom, viewport, wheel });
    });

    function apply(values) {
      busy = true;
      tell(values[0]);
      all.forEach(function (each) {
        const width = each.inner.parentElement.clientWidth || 1;
        each.panzoom.zoom(values[0], { animate: false, silent: true, force: true });
        each.panzoom.pan(values[1] * width, values[2] * width, { animate: false, silent: true, force: true });
      });
      requestAnimationFrame(() => all.forEach((each) => IVIF.boxes.thin(each.inner)));
      busy = false;
    }

    function by(factor) {
      if (!all.length) return;
      const first = all[0].panzoom;
      first.zoom(Math.min(20, Math.max(1, first.getScale() * factor)), { animate: false });
    }

    const start = parse();
    if (start[0] !== 1) requestAnimationFrame(() => apply(start));
    return {
      by,
      reset: () => { apply([1, 0, 0]); state.set({ z: "" }, { quiet: true }); },
      destroy: () => all.forEach(function (each) {
        each.viewport.removeEventListener("wheel", each.wheel);
        each.panzoom.destroy();
      }),
    };
  }

  IVIF.zoom = { together };
})();
