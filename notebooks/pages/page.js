"use strict";
// A wide formula breaks into lines, at a wide space if that is enough, else before a relation.
function break_formulas() {
  for (const math of document.querySelectorAll(".formula > math")) {
    const only = math.children.length === 1 && math.firstElementChild.localName === "mrow", groups = [[[]]];
    for (const part of [...(only ? math.firstElementChild : math).children]) {
      const pieces = groups.at(-1), piece = pieces.at(-1);
      const is_lone = piece.length === 1 && piece[0].localName === "mo";
      if (part.localName === "mspace" && parseFloat(part.getAttribute("width")) >= 1 && !is_lone) {
        if (piece.length) groups.push([[]]);
      } else if (part.localName === "mo" && "=≥≤⇒∼≈←".includes(part.textContent)) {
        part.setAttribute("form", "infix");
        if (piece.length) pieces.push([part]);
        else piece.push(part);
      } else piece.push(part);
    }
    math.replaceWith(...groups.map(pieces => {
      const group = document.createElement("span");
      group.append(...pieces.map(parts => {
        const copy = math.cloneNode(), row = document.createElementNS(math.namespaceURI, "mrow");
        row.append(...parts);
        copy.append(row);
        return copy;
      }));
      return group;
    }));
  }
  for (const math of document.querySelectorAll("p > math, li > math"))
    if (math.getBoundingClientRect().width > math.parentElement.clientWidth) {
      const scrolling = document.createElement("span");
      scrolling.className = "formula";
      math.replaceWith(scrolling);
      scrolling.append(math);
    }
}

// The notes: a symbol marks itself wherever it stands, in formulas and in code, and says its shape and what it is.
function name_symbols() {
  const symbols = new Map(), patterns = [];
  for (const row of document.querySelectorAll("td + td + td + td:last-child")) {
    const [drawn, named, shape, what] = row.parentElement.cells;
    if (!shape.textContent.startsWith("(N")) continue;
    const maths = [...drawn.querySelectorAll("math")].map(math => math.innerHTML.replace(/^<mrow>(.*)<\/mrow>$/, "$1"));
    [...named.querySelectorAll("code")].forEach(({textContent: name}, i) => {
      symbols.set(name, {shape: shape.textContent, what: what.innerHTML});
      symbols.set("d" + name, {shape: shape.textContent,
        what: `gradient of the loss with respect to <code>${name}</code>, in nats per unit of <code>${name}</code>`});
      const math = (maths[i] ?? `<mi>${name}</mi>`).replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
      const squared = math.replace("<msup>", "<msubsup>").replace("<mn>2", "<mi>.</mi><mn>2").replace("</msup>", "</msubsup>");
      patterns.push({name, pattern: `<msub>${math}<mi>.</mi></msub>|${squared}|${math}`});
    });
  }
  patterns.sort((a, b) => b.pattern.length - a.pattern.length); // log sigma^2 before sigma
  for (const math of document.querySelectorAll(".row math")) {
    const other = (math.closest("[data-unmarked]")?.dataset.unmarked ?? "").split(" ");
    const known = patterns.filter(({name}) => !other.includes(name));
    const any = new RegExp(`(<mi>d</mi>)?(?:${known.map(({pattern}) => `(${pattern})`).join("|")})`, "g");
    math.innerHTML = math.innerHTML.replace(any, (all, d, ...found) =>
      `<mrow data-s="${d ? "d" : ""}${known[found.findIndex(one => one)].name}">${all}</mrow>`);
  }
  for (const word of document.querySelectorAll(".row code, .row .code span"))
    if (symbols.has(word.textContent)) word.dataset.s = word.textContent;
  return symbols;
}

function mark_symbols() {
  const symbols = name_symbols(), bar = document.createElement("nav"), said = document.createElement("output");
  bar.id = "symbols";
  bar.ariaLabel = "Symbols";
  let kept = null;
  const show = name => {
    for (const one of document.querySelectorAll(".lit")) one.classList.remove("lit");
    for (const one of document.querySelectorAll(`[data-s="${name}"]`)) one.classList.add("lit");
    const {shape, what} = symbols.get(name) ?? {};
    said.innerHTML = shape ? `<b>${name}</b> <span>${shape}</span> ${what}` : "Point at a symbol, or choose one.";
  };
  for (const name of symbols.keys()) {
    if (![".text", ".beside"].every(side => document.querySelector(`${side} [data-s="${name}"]`))) continue;
    const button = document.createElement("button");
    button.textContent = button.dataset.s = name;
    bar.append(button);
  }
  bar.append(said);
  document.body.append(bar);
  const name_of = event => event.target.closest?.("[data-s]")?.dataset.s;
  document.addEventListener("pointerover", event => { if (event.pointerType === "mouse") show(name_of(event) ?? kept); });
  document.addEventListener("focusin", event => { if (name_of(event)) show(name_of(event)); });
  document.addEventListener("click", event => {
    const name = name_of(event);
    kept = name === kept ? null : name;
    show(kept);
  });
  document.addEventListener("keydown", event => { if (event.key === "Escape") show(kept = null); });
  show(null);
}

// The decks: one slide at a time, its text as large as fits.
function turn_slides() {
  const slides = [...document.querySelectorAll("main > section")], counter = document.querySelector(".turn output");
  let now = 0;
  const show = i => {
    now = Math.min(Math.max(i, 0), slides.length - 1);
    slides.forEach((slide, j) => { slide.classList.toggle("now", j === now); slide.inert = j !== now; });
    counter.textContent = `${now + 1} / ${slides.length}`;
    history.replaceState(null, "", `#${now + 1}`);
    scrollTo(0, 0);
  };
  const fit = () => {
    for (const slide of slides)
      for (let size = 1; size >= 0.3; size -= 0.05) {
        slide.style.setProperty("--fit", size);
        if (slide.scrollHeight <= slide.clientHeight && slide.scrollWidth <= slide.clientWidth) break;
      }
  };
  const steps = {ArrowRight: 1, PageDown: 1, " ": 1, ArrowLeft: -1, PageUp: -1, Home: -Infinity, End: Infinity};
  document.addEventListener("keydown", event => {
    if (event.key in steps && !(event.key === " " && event.target.closest("summary, button, a"))) { show(now + steps[event.key]); event.preventDefault(); }
  });
  for (const button of document.querySelectorAll("[data-turn]")) button.onclick = () => show(now + Number(button.dataset.turn));
  let start = null;
  document.addEventListener("touchstart", ({touches}) => { start = touches.length === 1 ? touches[0] : null; }, {passive: true});
  document.addEventListener("touchend", ({changedTouches: [end]}) => {
    const across = start ? end.clientX - start.clientX : 0;
    if (Math.abs(across) > 50 && Math.abs(across) > 2 * Math.abs(end.clientY - start.clientY)) show(now - Math.sign(across));
  });
  document.body.classList.add("turning");
  document.addEventListener("toggle", fit, true);
  addEventListener("load", fit);
  addEventListener("hashchange", () => show(Number(location.hash.slice(1)) - 1));
  show((Number(location.hash.slice(1)) || 1) - 1);
}

// On paper nothing can be unfolded, so the notes are; a lesson keeps what only draws folded.
addEventListener("beforeprint", () => {
  for (const folded of document.querySelectorAll("details:not(.drawing)")) folded.open = true;
});

break_formulas();
if (document.body.classList.contains("notes")) mark_symbols();
if (document.body.classList.contains("deck")) turn_slides();
