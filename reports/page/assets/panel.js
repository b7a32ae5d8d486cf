/* One image of one method, with its layers. */
(function () {
  "use strict";
  const { el, load } = IVIF;

  const elsewhere = "original outside of the run";

  /* Where the image of a method is: a preview on the page, the original in the run; null without one. `outside`
     where the original is known, but lies outside of the run. */
  async function places(dataset, method, at, stem) {
    const found = await load("images/" + dataset.id + "/" + method);
    const original = Array.isArray(found.original) ? found.original[at] : found.original;
    const whole = original ? original.replace("{stem}", encodeURIComponent(stem)) : null;
    const small = found.previews[at];
    return { small: small ? preview(small) : null, whole, outside: original === false };
  }

  /* A link to the original, or why there is none. */
  function link(method, said) {
    if (said.whole) return el("a", { class: "whole", id: "original-" + method, href: said.whole, target: "_blank", rel: "noopener", text: "original", "aria-label": "original of " + IVIF.title(method) });
    return said.outside ? el("span", { class: "quiet", text: elsewhere }) : null;
  }

  function preview(id) {
    return "img/" + id.slice(0, 2) + "/" + id.slice(2) + ".webp";
  }

  function picture(source, text, kind) {
    const made = el("img", { src: source, alt: text, class: kind, draggable: "false", decoding: "async" });
    return made;
  }

  async function layers(question, method, at, wanted) {
    const found = [];
    const kept = await load("masks/" + question.id);
    [["truth", "truth"], [method, "prediction"], [method + "-errors", "errors"]].forEach(function (each) {
      const name = kept[each[0]] && kept[each[0]][at];
      if (name && wanted[each[1]]) found.push(picture(preview(name), "", "mask " + each[1]));
    });
    return found;
  }

  /* options: dataset, about, at, against (method), gain, boxes {question, level, kinds}, masks {question, wanted, opacity} */
  async function stage(method, options) {
    const stem = options.about.stems[options.at];
    const size = IVIF.stems.sizeOf(options.about, options.at);
    const where = await places(options.dataset, method, options.at, stem);
    const inner = el("div", { class: "inner" });
    const view = el("div", { class: "viewport", "data-method": method }, [inner]);
    view.style.aspectRatio = size[1] + " / " + size[0];
    const source = where.small || where.whole;
    const title = IVIF.title(method);
    const said = { words: "", whole: where.whole, outside: where.outside && where.small };
    if (source) {
      const image = picture(source, "image " + stem + ", " + title, "base");
      image.addEventListener("error", () => view.append(el("p", { class: "absent", text: "This image is not beside the page." })));
      const pair = el("div", { class: "pair" }, [image]);
      inner.append(pair);
      if (options.against && options.against !== method) {
        const other = await places(options.dataset, options.against, options.at, stem);
        if (other.small || other.whole) {
          pair.append(picture(other.small || other.whole, "", "other"));
          pair.style.filter = "brightness(" + options.gain + ")";
        }
      }
    } else view.append(el("p", { class: "absent", text: where.outside ? "No preview of this image, and its " + elsewhere + "." : "No image of this method here." }));
    if (options.masks && options.masks.question.methods.includes(method)) {
      (await layers(options.masks.question, method, options.at, options.masks.wanted)).forEach(function (mask) {
        mask.style.opacity = options.masks.opacity;
        inner.append(mask);
      });
    }
    if (options.boxes && options.boxes.question.methods.includes(method)) {
      const question = options.boxes.question;
      const level = IVIF.boxes.level(question, method, options.boxes.level);
      const groups = await IVIF.boxes.at(question, method, options.at, level);
      if (groups) inner.append(...IVIF.boxes.draw(groups, options.boxes.kinds, size));
      said.words = groups ? IVIF.boxes.words(groups, level) : "this image was not judged";
    }
    return { view, inner, said };
  }

  async function panel(method, number, options) {
    const made = await stage(method, options);
    const figure = el("figure", { class: options.against === method ? "panel is-reference" : "panel", "data-method": method }, [
      made.view,
      el("figcaption", {}, [
        el("span", { class: "title" }, [IVIF.name(IVIF.title(method)), options.against === method ? el("span", { class: "reference", text: "reference" }) : null]),
        made.said.words ? el("span", { class: "counts", text: made.said.words }) : null,
        link(method, made.said)]),
    ]);
    return { figure, inner: made.inner };
  }

  /* Two methods in one frame; the second to the right of a line that is dragged, or moved by arrows. */
  async function slider(left, right, options, moved) {
    const one = await stage(left, options);
    const two = await stage(right, options);
    const over = el("div", { class: "over" }, [two.view]);
    const line = el("div", {
      class: "line", id: "line", role: "slider", tabindex: "0", "aria-label": "Line between " + IVIF.title(left) + " and " + IVIF.title(right),
      "aria-valuemin": "0", "aria-valuemax": "100", "aria-orientation": "horizontal",
    }, [el("span", { class: "grip", "aria-hidden": "true", text: "◂▸" })]);
    const frame = el("div", { class: "frame" }, [one.view, over, line]);
    let share = options.share;

    function place(next, quiet) {
      share = Math.min(100, Math.max(0, next));
      over.style.clipPath = "inset(0 0 0 " + share + "%)";
      line.style.left = share + "%";
      line.setAttribute("aria-valuenow", Math.round(share));
      if (!quiet) moved(Math.round(share));
    }

    line.addEventListener("pointerdown", function (event) {
      line.setPointerCapture(event.pointerId);
      event.preventDefault();
      line.focus();
    });
    line.addEventListener("pointermove", function (event) {
      if (!line.hasPointerCapture(event.pointerId)) return;
      const box = frame.getBoundingClientRect();
      place(100 * (event.clientX - box.left) / box.width);
    });
    line.addEventListener("keydown", function (event) {
      const step = { ArrowLeft: -5, ArrowRight: 5, Home: -100, End: 100 }[event.key];
      if (!step) return;
      event.preventDefault();
      event.stopPropagation();
      place(share + step);
    });
    place(share, true);
    const caption = el("figcaption", {}, [[left, one], [right, two]].map((each) => el("span", { class: "title" }, [
      IVIF.name(IVIF.title(each[0])), el("span", { class: "counts", text: each[1].said.words }),
      el("span", { class: "counts" }, [link(each[0], each[1].said)])])));
    return { figure: el("figure", { class: "panel wide" }, [frame, caption]), inners: [one.inner, two.inner] };
  }

  IVIF.panel = { panel, slider };
})();
