"use strict";
// From top to bottom as the package goes: layers, latent, likelihoods, a model, log p(x); then the page around them.
// A batch is an array of rows. The mu, logvar, eps and z of one image are rows of L numbers. No weight ever moves.
const $ = id => document.getElementById(id), data = JSON.parse($("data").textContent);
const sum = v => v.reduce((a, b) => a + b, 0), unzip = pairs => [pairs.map(p => p[0]), pairs.map(p => p[1])];
function dot(a, b) {
  let even = 0, odd = 0, i = 0;  // two sums: neither waits for the other
  for (; i + 1 < a.length; i += 2) { even += a[i] * b[i]; odd += a[i + 1] * b[i + 1]; }
  return even + odd + (i < a.length ? a[i] * b[i] : 0);
}

// --- layers: f(...) gives [output, cache], f_backward(doutput, cache) the loss's gradient with respect to the input
function dense(x, W, b) {
  return [x.map(row => {
    const y = Float64Array.from(b), on = [...W.keys()].filter(i => row[i]);  // relu and blank paper: most are 0
    const x_ = k => row[on[k]] ?? 0, W_ = k => W[on[k]] ?? b;
    for (let k = 0; k < on.length; k += 4) {  // four rows of W at once: y is read and written a quarter as often
      const x0 = x_(k), x1 = x_(k + 1), x2 = x_(k + 2), x3 = x_(k + 3);
      const W0 = W_(k), W1 = W_(k + 1), W2 = W_(k + 2), W3 = W_(k + 3);
      for (let o = 0; o < y.length; o++) y[o] += x0 * W0[o] + x1 * W1[o] + x2 * W2[o] + x3 * W3[o];
    }
    return y;
  }), W];
}
function dense_backward(dy, W, h) {  // where the relu below put out h = 0 the gradient ends anyway
  return dy.map((row, n) => Float64Array.from(W, (Wi, i) => !h || h[n][i] ? dot(row, Wi) : 0));
}
function relu(a) { const h = a.map(v => Math.max(v, 0)); return [h, h]; }
function relu_backward(dh, h) { return dh.map((d, i) => h[i] > 0 ? d : 0); }
function tanh(a) { const h = a.map(Math.tanh); return [h, h]; }
function tanh_backward(dh, h) { return dh.map((d, i) => d * (1 - h[i] * h[i])); }
const sigmoid = a => a.map(v => Math.exp(Math.min(v, 0)) / (1 + Math.exp(-Math.abs(v))));

// --- latent
function reparameterize(mu, logvar, eps) {
  const sigma = logvar.map(v => Math.exp(0.5 * v));
  return [mu.map((m, j) => m + sigma[j] * eps[j]), [sigma, eps]];
}
function reparameterize_backward(dz, [sigma, eps]) { return [dz, dz.map((d, j) => 0.5 * d * sigma[j] * eps[j])]; }
function kl_divergence(mu, logvar) {
  const variance = logvar.map(Math.exp);
  return [-0.5 * sum(mu.map((m, j) => 1 + logvar[j] - m ** 2 - variance[j])), [mu, variance]];
}
function kl_divergence_backward(dkl, [mu, v]) { return [mu.map(m => dkl * m), v.map(v => dkl * -0.5 * (1 - v))]; }
const log_prior = z => -0.5 * sum(z.map(v => v * v + LOG_2PI)), LOG_2PI = Math.log(2 * Math.PI);

// --- likelihoods
function bernoulli_nll(x, logits) {
  const softplus = logits.map(a => Math.max(a, 0) + Math.log1p(Math.exp(-Math.abs(a))));
  return [sum(softplus) - dot(x, logits), [x, logits, softplus]];
}
function bernoulli_nll_backward(dnll, [x, logits, softplus]) {
  return logits.map((a, i) => dnll * (Math.exp(a - softplus[i]) - x[i]));
}
function gaussian_nll(x, mean, logvar) {
  const residual = mean.map((m, i) => x[i] - m), precision = Math.exp(-logvar);
  return [0.5 * (x.length * (LOG_2PI + logvar) + dot(residual, residual) * precision), [residual, precision]];
}
function gaussian_nll_backward(dnll, [residual, precision]) { return residual.map(r => -dnll * r * precision); }
// Of both, nll(x, output) = nll(0, output) - precision x.output + square x.x: outputs decoded once serve every x.
const bernoulli = {
  nll: bernoulli_nll, nll_backward: bernoulli_nll_backward, mean: sigmoid, precision: 1, square: 0,
  sample: (output, rng) => sigmoid(output).map(p => +(rng() < p)),
};
const gaussian = logvar => ({
  nll: (x, mean) => gaussian_nll(x, mean, logvar), nll_backward: gaussian_nll_backward, mean: output => output,
  sample: (output, rng) => output.map(m => m + Math.exp(0.5 * logvar) * normal(rng)),
  precision: Math.exp(-logvar), square: 0.5 * Math.exp(-logvar),
});
function generator(seed) {  // Park and Miller's: good enough for pictures
  let n = 1 + Math.abs(Math.floor(7919 * seed)) % 2147483646;
  return () => (n = n * 16807 % 2147483647) / 2147483647;
}
const normal = rng => Math.sqrt(-2 * Math.log(1 - rng())) * Math.cos(2 * Math.PI * rng());
const draw_eps = (n, L, rng) => Array.from({length: n}, () => Array.from({length: L}, () => normal(rng)));

// --- a model
function numbers({dtype, base64}) {
  const bytes = Uint8Array.from(atob(base64), c => c.charCodeAt(0)).buffer;
  if (dtype === "float32") return new Float32Array(bytes);
  return Float32Array.from(new Uint16Array(bytes), bits => {  // float16: sign, five bits of exponent, ten of fraction
    const exponent = bits >> 10 & 31, fraction = (bits & 1023) / 1024;
    return (bits >> 15 ? -1 : 1) * (exponent ? (1 + fraction) * 2 ** (exponent - 15) : fraction * 2 ** -14);
  });
}
class Model {
  constructor(entry) {
    const isPlain = entry.class === "AutoEncoder", {name, std} = entry.likelihood;
    Object.assign(this, entry, {p: {}, grids: {}, codes: numbers(entry.codes), isPlain});
    for (const [name, {columns, ...raw}] of Object.entries(entry.params)) {
      const array = numbers(raw), row = i => array.subarray(i * columns, (i + 1) * columns);
      this.p[name] = columns ? Array.from({length: array.length / columns}, (_, i) => row(i)) : array;
    }
    const logvar = std === "learned" ? this.p["output.logvar"][0] : 2 * Math.log(std);
    this.pixels = name === "bernoulli" ? bernoulli : gaussian(logvar);
    [this.act, this.act_backward] = entry.activation === "relu" ? [relu, relu_backward] : [tanh, tanh_backward];
  }
  dense(name, x) { return dense(x, this.p[`${name}.W`], this.p[`${name}.b`]); }
  with_label(rows, label) {
    return rows.map(row => [...row, ...Array.from({length: this.label_dim}, (_, y) => +(y === label))]);
  }
  mlp(name, h) {
    const caches = [];
    for (let i = 0; `${name}.${i}.W` in this.p; i++) {
      const [a, W] = this.dense(`${name}.${i}`, h);
      h = a.map(row => this.act(row)[0]);
      caches.push([W, h]);  // an activation's cache is its output
    }
    return [h, caches];
  }
  encode(x, label) {
    const [h] = this.mlp("encoder", this.with_label([x], label)), head = name => [...this.dense(name, h)[0][0]];
    if (!this.isPlain) return {mu: head("mu"), logvar: head("logvar")};
    return {mu: head("latent"), logvar: Array(this.latent_dim).fill(-Infinity)};  // a code is a point: sigma is 0
  }
  decode(z, label) {
    const [g, caches] = this.mlp("decoder", this.with_label(z, label)), [output, W] = this.dense("output", g);
    return [output, [caches, W]];
  }
  decode_backward(dy, [caches, W]) {
    for (const [below, h] of [...caches].reverse()) {
      dy = dense_backward(dy, W, this.act === relu ? h : null).map((dh, n) => this.act_backward(dh, h[n]));
      W = below;
    }
    return dense_backward(dy, W).map(row => row.slice(0, this.latent_dim));  // the label's columns are data
  }
  // For each eps: -log p(x given z), and its gradients with respect to mu and logvar.
  draws(x, {mu, logvar}, eps, label) {
    const [z, z_cache] = unzip(eps.map(e => reparameterize(mu, logvar, e))), [output, cache] = this.decode(z, label);
    const [nll, nll_cache] = unzip(output.map(row => this.pixels.nll(x, row)));
    const dz = this.decode_backward(nll_cache.map(c => this.pixels.nll_backward(1, c)), cache);
    const [dmu, dlogvar] = unzip(dz.map((d, k) => reparameterize_backward(d, z_cache[k])));
    return {nll, dmu, dlogvar};
  }
  // The loss, and its gradients by where they come from. The expectation over q is a weighted mean over eps.
  terms(x, q, label, {eps, weights = eps.map(() => 1 / eps.length)} = this.nodes) {
    const each = this.draws(x, q, eps, label), nll = dot(weights, each.nll);
    const mean = rows => q.mu.map((_, j) => dot(weights, rows.map(row => row[j])));
    const [kl, kl_cache] = this.isPlain ? [0, [q.mu.map(() => 0), q.mu.map(() => 1)]] : kl_divergence(q.mu, q.logvar);
    const [dmu_kl, dlogvar_kl] = kl_divergence_backward(this.beta, kl_cache);
    const [dmu_z, dlogvar_z] = [mean(each.dmu), mean(each.dlogvar)], plus = (a, b) => a.map((v, j) => v + b[j]);
    const [dmu, dlogvar] = [plus(dmu_z, dmu_kl), plus(dlogvar_z, dlogvar_kl)];  // two paths meet at each
    return {nll, kl, loss: nll + this.beta * kl, dmu_z, dlogvar_z, dmu_kl, dlogvar_kl, dmu, dlogvar};
  }
}

// --- log p(x), and with it the true posterior p(z given x) = p(x given z) p(z) / p(x)
const CELLS = 41, CUT = 150, LEVELS = 9, STILL = 0.0005, SLICE = 60;
const REACH = Math.max(3.5, 1.1 * Math.max(...data.models.filter(m => m.latent_dim === 2).map(m => m.reach)));
const CORNERS = [[-0.25, -0.25], [-0.25, 0.25], [0.25, -0.25], [0.25, 0.25]];
const pause = () => new Promise(resume => setTimeout(resume)), log_mass = cell => cell.logp + 2 * Math.log(cell.size);
const log_sum_exp = (values, top = Math.max(...values)) => top + Math.log(sum(values.map(v => Math.exp(v - top))));
// A grid over the plane, decoded once per model and label, a row at a time: the page stays awake.
async function decode_grid(model, label) {
  const size = 2 * REACH / CELLS, blank = new Float64Array(model.input_dim), cells = [];
  const centres = Array.from({length: CELLS}, (_, i) => (i + 0.5) * size - REACH);
  for (const b of centres) {
    const row = centres.map(a => [a, b]), [outputs] = model.decode(row, label);
    row.forEach((z, i) => cells.push({z, size, output: Float32Array.from(outputs[i]),
      base: log_prior(z) - model.pixels.nll(blank, outputs[i])[0]}));
    await pause();
  }
  return model.grids[label] = cells;
}
function on_grid({precision, square}, cells, x) {
  const on = [...x.keys()].filter(i => x[i]), constant = square * dot(x, x);
  const along = output => on.reduce((s, i) => s + x[i] * output[i], 0);
  return cells.map(({z, size, output, base}) => ({z, size, logp: base + precision * along(output) - constant}));
}
// The midpoint rule. Cells are cut in four until the sum stands still: first those that hold the mass, then those
// whose parents changed it most. (A grid of one size misses by nats: the posterior is narrower than its cells.)
async function* quadrature(model, x, label) {
  let cells = on_grid(model.pixels, await (model.grids[label] ??= decode_grid(model, label)), x), was, is = NaN;
  for (const cell of cells) cell.error = log_mass(cell);
  for (let level = 0; level < LEVELS && (level < 4 || Math.abs(is - was) > STILL); level++) {
    cells.sort((a, b) => b.error - a.error);
    const parents = cells.slice(0, CUT);
    const quarter = ({z, size}, c) => ({z: z.map((a, j) => a + c[j] * size), size: size / 2});
    const children = parents.flatMap(p => p.quarters = CORNERS.map(c => quarter(p, c)));
    for (let k = 0; k < children.length; k += SLICE) {
      const some = children.slice(k, k + SLICE), [outputs] = model.decode(some.map(c => c.z), label);
      some.forEach((c, i) => { c.logp = log_prior(c.z) - model.pixels.nll(x, outputs[i])[0]; });
      await pause();
    }
    for (const p of parents) {
      const a = log_mass(p), b = log_sum_exp(p.quarters.map(log_mass));  // the error is log |e^a - e^b|
      for (const c of p.quarters) c.error = Math.max(a, b) + Math.log(-Math.expm1(-Math.abs(a - b)));
    }
    cells = [...children, ...cells.slice(CUT)];
    [was, is] = [is, log_sum_exp(cells.map(log_mass))];
    yield {cells, logPx: NaN};
  }
  yield {cells, logPx: is};
}
// Without a plane: log of the mean of k importance weights, below log p(x) in the mean, and climbing with k.
async function* importance(model, x, label) {
  const {mu, logvar} = model.encode(x, label), log_w = [];
  while (log_w.length < 2000) {
    const eps = draw_eps(50, mu.length, Math.random), z = eps.map(e => reparameterize(mu, logvar, e)[0]);
    const log_prior_ratio = k => 0.5 * sum(eps[k].map((e, j) => logvar[j] + e * e - z[k][j] ** 2));
    model.decode(z, label)[0].forEach((output, k) => log_w.push(log_prior_ratio(k) - model.pixels.nll(x, output)[0]));
    await pause();
    yield {k: log_w.length, logPx: log_sum_exp(log_w) - Math.log(log_w.length)};
  }
}
const posterior = (model, ...of) => (model.latent_dim === 2 ? quadrature : importance)(model, ...of);

// --- the page: what it knows, and what a frame does
const models = data.models.map(entry => new Model(entry)), images = data.images.map(numbers);
const many = seed => draw_eps(1, 512, generator(seed))[0], eps = () => state.noise.slice(0, state.model.latent_dim);
const state = {label: 0, strokes: [], noise: many(3), outputs: 1, free: null, path: null, lit: ""};
const sigma = () => state.q.logvar.map(v => Math.exp(0.5 * v));
const label_of = () => state.model.label_dim && state.label;  // a model that is told none has one grid for all
const place = () => state.free ?? reparameterize(state.q.mu, state.q.logvar, eps())[0];
const on_axes = v => state.axes.map(j => v[j]), lens_half = () => 4 * Math.max(...on_axes(sigma()));
const with_axes = (v, pair) => v.map((a, j) => state.axes.includes(j) ? pair[state.axes.indexOf(j)] : a);
let pending = 4;  // what the next frame does again: 0 all, from x; 1 from q; 2 from z; 3 the pictures; 4 nothing
function put(changes, level) {
  Object.assign(state, changes);
  if (pending === 4) requestAnimationFrame(() => compute(4));
  pending = Math.min(pending, level);
}
function compute(asked, nodes = state.isDrawing ? state.model.rough : state.model.nodes) {  // rough while it moves
  const {model} = state, label = label_of(), isCut = state.pick === null || data.binarize === "threshold";
  const level = Math.min(asked, pending); pending = 4;
  if (level <= 0) {
    const rng = generator(1000 * state.pick + state.redraws), isGrey = model.pixels !== bernoulli || state.isGiven;
    state.x = Float64Array.from(state.image, v => isGrey ? v : +(isCut ? v > 0.5 : rng() < v));
    state.q = model.encode(state.x, label);
    const cells = Array.isArray(model.grids[label]) ? on_grid(model.pixels, model.grids[label], state.x) : null;
    Object.assign(state, {steps: 0, start: null, logPx: NaN, k: 0, cells, job: {}, walking: null});
    if (!state.isDrawing) refine(state.job);
  }
  if (level <= 1) {
    state.terms = model.terms(state.x, state.q, label, nodes);
    state.start ??= state.terms;
    const sixteen = $("singles").checked ? draw_eps(16, model.latent_dim, generator(16)) : [];
    state.singles = model.draws(state.x, state.q, sixteen, label).dmu;
  }
  if (level <= 2) [[state.output]] = model.decode([place()], label);
  if (level < 4) draw(level);
}
async function refine(job) {
  const {model, x} = state, isData = model.pixels !== bernoulli || x.every(v => v === 0 || v === 1);
  if (!isData || model.isPlain) return;  // grey levels have no log p(x) under a Bernoulli
  for await (const found of posterior(model, x, label_of()))
    if (state.job === job) put(found, 3); else return;
}

// --- pictures
const colour = name => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`);
const signed = text => text.replace("-", "\u2212"), rounded = (v, d) => v < 1e6 ? v.toFixed(d) : v.toExponential(0);
const fmt = (v, digits = 2) => Number.isNaN(v) ? "\u2026" : signed(rounded(v, digits));
const vec = (v, digits) => `(${v.slice(0, 4).map(a => fmt(a, digits)).join(", ")}${v.length > 4 ? ", \u2026" : ""})`;
const times = (v, s) => v.map((a, i) => a * (s[i] ?? s));
const new_canvas = (width, height) => Object.assign(document.createElement("canvas"), {width, height});
function show(canvas, values, column = 0, row = 0) {  // black on nothing; the style turns it over in the dark
  const picture = new ImageData(data.width, data.height);
  values.forEach((v, i) => { picture.data[4 * i + 3] = 255 * v; });
  canvas.getContext("2d").putImageData(picture, column * data.width, row * data.height);
}
function strip(box, pictures) {
  while (box.children.length < pictures.length) box.append(new_canvas(data.width, data.height));
  pictures.forEach((values, i) => show(box.children[i], values));
}
// A window on two latent axes, `half` to the left and right of a centre, and the strokes that are drawn in it.
function view(canvas, centre, half) {
  const {clientWidth: width, clientHeight: height} = canvas, g = canvas.getContext("2d"), unit = width / (2 * half);
  Object.assign(canvas, {width: width * devicePixelRatio, height: height * devicePixelRatio, pixel: 1 / unit});
  g.scale(devicePixelRatio, devicePixelRatio);
  const px = ([a, b]) => [width / 2 + (a - centre[0]) * unit, height / 2 - (b - centre[1]) * unit];
  canvas.at = ([x, y]) => [centre[0] + (x - width / 2) / unit, centre[1] - (y - height / 2) / unit];
  const stroke = (name, wide, dash, path) => {
    Object.assign(g, {strokeStyle: colour(name), fillStyle: colour(name), lineWidth: wide}).setLineDash(dash);
    g.beginPath(); path(); g.stroke();
  };
  const line = (name, points) => stroke(name, 1.5, [], () => points.forEach(z => g.lineTo(...px(z))));
  const disc = (name, z, radius) => { stroke(name, 1, [], () => g.arc(...px(z), radius, 0, 7)); g.fill(); };
  const ellipse = (name, z, [a, b], wide = 1, dash = [4, 4]) =>
    stroke(name, wide, dash, () => g.ellipse(...px(z), a * unit, b * unit, 0, 0, 7));
  // An arrow against a gradient, from pixel (x, y). What is longer than `longest` is cut there, with a break mark.
  const pull = (name, id, [x, y], [da, db], longest = Infinity) => {
    const full = Math.hypot(da, db), size = Math.min(full, longest), dash = name === "kl" ? [4, 3] : [];
    if (!(full > 1)) return;
    g.save(); g.translate(x, y); g.rotate(Math.atan2(db, -da));
    stroke(name, state.lit === id ? 5 : 2, dash, () => [0, size - 4].forEach(a => g.lineTo(a, 0)));
    g.beginPath(); [[size + 1, 0], [size - 8, 4], [size - 8, -4]].forEach(p => g.lineTo(...p)); g.fill();
    if (full > size) Object.assign(g, {font: "bold 15px sans-serif"}).fillText("//", size / 2 - 5, 5);
    g.restore();
  };
  return {g, px, unit, line, ellipse, disc, pull, width};
}
// The posterior's cells, as dark as it is dense; darker within e^-2 of its peak, where q's two-sigma ellipse ends.
function shade({g, px, unit, width}, least) {
  const peak = state.cells.reduce((top, c) => Math.max(top, c.logp), -Infinity);
  g.fillStyle = colour("post");
  for (const {z, size, logp} of state.cells) {
    const [x, y] = px(z), side = Math.max(least, size * unit + 0.5);
    if (logp < peak - 6 || Math.abs(2 * x - width) > width + side || Math.abs(2 * y - width) > width + side) continue;
    g.globalAlpha = 0.65 * Math.exp(logp - peak) + (logp > peak - 2 ? 0.25 : 0.03);
    g.fillRect(x - side / 2, y - side / 2, side, side);
  }
  g.globalAlpha = 1;
}
function cloud(model) {  // mu of every test image, a colour per label, and the label's name in the middle of its own
  const canvas = new_canvas(900, 900), g = canvas.getContext("2d"), side = 4 + 200 / (20 + model.codes.length ** 0.5);
  const middles = data.labels.map(() => [0, 0, 0]);
  for (let i = 0; i < model.codes.length / 2; i++) {
    const [x, y] = [model.codes[2 * i], -model.codes[2 * i + 1]].map(a => 450 * (1 + a / REACH));
    g.fillStyle = data.labels.length ? `hsl(${360 * data.classes[i] / data.labels.length} 65% 45% / 0.6)` : "gray";
    g.fillRect(x - side / 2, y - side / 2, side, side);
    middles[data.classes[i]]?.forEach((a, k, middle) => { middle[k] = a + [x, y, 1][k]; });
  }
  Object.assign(g, {font: "bold 40px serif", strokeStyle: colour("paper"), fillStyle: colour("ink"), lineWidth: 9});
  const write = draw => middles.forEach(([x, y, n], k) => n && g[draw](data.labels[k].slice(0, 9), x / n, y / n));
  ["strokeText", "fillText"].forEach(write);
  return canvas;
}
// What the decoder makes of 14 x 14 places of the plane; with more dimensions, of a slice through today's z.
function manifold() {
  const {model, label, axes} = state, key = [models.indexOf(model), label, axes, with_axes(place(), [0, 0])].join();
  if (state.sheet?.key === key) return state.sheet.canvas;
  const canvas = new_canvas(14 * data.width, 14 * data.height);
  const steps = Array.from({length: 14}, (_, i) => REACH * (2 * i - 13) / 14);
  steps.forEach((b, j) => model.decode(steps.map(a => with_axes(place(), [a, -b])), label)[0]
    .forEach((output, i) => show(canvas, model.pixels.mean(output), i, j)));
  return (state.sheet = {key, canvas}).canvas;
}
function draw_plane() {
  const {model, q, terms, path} = state, v = view($("plane"), [0, 0], REACH), {g} = v, mu = on_axes(q.mu);
  if ($("manifold").checked) g.drawImage(manifold(), 0, 0, v.width, v.width);
  g.drawImage(model.cloud ??= cloud(model), 0, 0, v.width, v.width);
  for (const r of [1, 2]) v.ellipse("soft", [0, 0], [r, r]);
  if (state.cells) shade(v, 3);
  if (path) v.line("z", [on_axes(path), mu]);
  v.disc("z", on_axes(place()), 5);
  if (model.isPlain) return v.disc("q", mu, 4);
  const at = v.px(mu), half = lens_half() * v.unit, [x, y] = at.map(a => a - half);
  v.pull("kl", "mu.kl", at, times(on_axes(terms.dmu_kl), v.unit));
  v.pull("nll", "mu.z", at, times(on_axes(terms.dmu_z), v.unit), 0.22 * v.width);
  Object.assign(g, {strokeStyle: colour("q"), lineWidth: 1.5}).strokeRect(x, y, 2 * half, 2 * half);
}
function draw_lens() {
  const {q, terms, singles} = state, s = on_axes(sigma()), mu = on_axes(q.mu), z = on_axes(place());
  const v = view($("lens"), mu, lens_half()), at = v.px(mu), nat = 0.2 * v.width, per_sigma = times(s, 0.1 * v.width);
  if (state.cells) shade(v, 1);
  v.ellipse("q", mu, times(s, 2), 2, []);
  for (const dmu of singles) v.pull("soft", "", at, times(on_axes(dmu), per_sigma), 2 * nat);
  for (const [from, name, aside] of [["z", "nll", 4], ["kl", "kl", -4]]) {
    v.pull(name, `mu.${from}`, at, times(on_axes(terms[`dmu_${from}`]), per_sigma), 2 * nat);
    on_axes(terms[`dlogvar_${from}`]).forEach((d, i) => [-1, 1].forEach(side => {
      const [x, y] = v.px(mu.map((m, k) => m + (k === i ? 2 * side * s[i] : 0))), along = side * d * nat;
      v.pull(name, `logvar${i}.${from}`, i ? [x + aside, y] : [x, y + aside], i ? [0, along] : [along, 0], nat);
    }));
  }
  v.line("z", [mu, z]); v.disc("z", z, 6); v.disc("q", mu, 3);
  const small = view($("noise"), [0, 0], 3.5), e = on_axes(eps());
  for (const r of [1, 2, 3]) small.ellipse("soft", [0, 0], [r, r]);
  small.line("z", [[0, 0], e]); small.disc("z", e, 6);
}
const styled = ({style}, values) => Object.keys(values).forEach(k => style.setProperty(`--v-${k}`, values[k] || 0));
function draw_rows() {
  const {q, terms, model} = state, s = sigma(), z = place();
  for (const j of model.order) {
    styled($(`row${j}`), {m: q.mu[j], s: s[j], nll: -terms.dmu_z[j], kl: -terms.dmu_kl[j]});
    $(`row${j}`).querySelector("input").value = z[j];
    $(`row${j}`).querySelector("output").textContent = `KL ${fmt(kl_divergence([q.mu[j]], [q.logvar[j]])[0])}`;
  }
}
function draw_numbers() {
  const {q, terms, logPx, start, steps, k, free, model, x, output} = state, {nll, loss, kl} = terms;
  const gap = t => t.nll + t.kl + logPx, one = model.pixels.nll(x, output)[0];
  const inside = (state.cells ?? []).filter(({z}) => z.every((a, j) => Math.abs(a - q.mu[j]) < lens_half()));
  const values = {
    nll, loss, kl: loss - nll, logpx: -logPx, gap: gap(terms), first: gap(start), before: start.loss, steps, k,
    low: Math.min(0, nll, loss), high: 1.02 * Math.max(1, nll, loss), far: Math.max(5, gap(terms), gap(start)) || 5,
    wide: 2 * lens_half(), reach: REACH, pull: Math.hypot(...on_axes(terms.dmu_z)), one, seeming: gap({nll: one, kl}),
    share: 100 * sum(inside.map(c => Math.exp(log_mass(c) - logPx))),
  };
  styled(document.body, values);
  Object.assign(values, q, {sigma: sigma(), eps: eps(), z: place()});
  for (const element of document.querySelectorAll("[data-figure]")) {
    const [name, digits] = element.dataset.figure.split(" "), value = values[name];
    element.textContent = Array.isArray(value) ? vec(value, digits) : fmt(value, digits);
  }
  const holds = {free, walked: steps, known: logPx, estimated: k, elsewhere: values.share < 50};
  for (const [name, isSo] of Object.entries(holds)) document.body.classList.toggle(name, Boolean(isSo));
  for (const row of $("table").tBodies[0].rows) {
    const [head, i] = row.dataset.of.split(" "), j = state.axes[i] ?? 0, of = from => -terms[`d${head}${from}`][j];
    row.cells[0].textContent = `${head}_${j + 1}`;
    [q[head][j], of("_z"), of("_kl"), of("")].forEach((v, c) => { row.cells[c + 1].textContent = fmt(v, 3); });
  }
}
function draw(level) {
  const {model, label, q, output} = state, {mean, sample} = model.pixels, L = model.latent_dim;
  strip($("seen"), [state.x]); strip($("mean"), [mean(output)]);
  draw_rows(); draw_numbers();
  if (L > 1) { draw_plane(); if (!model.isPlain) draw_lens(); }
  if (level === 3) return;
  const others = [eps(), ...draw_eps(7, L, generator(state.noise[511] * 1e6))], rng = generator(state.outputs);
  const from = state.path ?? q.mu.map(() => 0), path = i => from.map((a, j) => a + (q.mu[j] - a) * i / 8);
  const z = [...[0, 1, 2, 3, 4, 5, 6, 7, 8].map(path), ...others.map(e => reparameterize(q.mu, q.logvar, e)[0])];
  const decoded = model.decode(z, label)[0].map(mean);
  strip($("path"), decoded.slice(0, 9)); strip($("means"), decoded.slice(9));
  strip($("outputs"), others.map(() => sample(output, rng)));
}

// --- hands
// Down the gradient, with this one image's q. In units of q's own width: a plain step of that size would explode.
function walk(n, job = state.walking = {}) {
  if (n === 0 || job !== state.walking) return;
  const {model, x, q, label} = state, kind = $("kind").value, [a, b] = kind === "plain" ? [0.001, 0.001] : [0.2, 0.2];
  const noise = {eps: kind === "one" ? [eps()] : draw_eps(16, model.latent_dim, Math.random)};
  const {dmu, dlogvar} = kind === "one" || model.latent_dim > 2 ? model.terms(x, q, label, noise) : state.terms;
  const mu = q.mu.map((m, j) => m - a * dmu[j] * (kind === "plain" ? 1 : Math.exp(q.logvar[j])));
  state.q = {mu, logvar: q.logvar.map((v, j) => v - b * dlogvar[j])}; state.steps++;
  compute(1, n > 20 ? model.rough : model.nodes);  // roughly there, then exactly
  requestAnimationFrame(() => walk(n - 1, job));
}
function choose(model) {
  document.body.className = model.shown;
  for (const name of ["about", "counted"]) $(name).textContent = model[name];
  $("rows").replaceChildren(...model.order.map(j => {
    const row = $("row").content.firstChild.cloneNode(true), [axis, input] = row.querySelectorAll("button, input");
    const show = () => state.axes.includes(j) || put({axes: [state.axes[1], j].sort((a, b) => a - b)}, 1);
    Object.assign(axis, {textContent: `z_${j + 1}`, title: "show this dimension in the plane", onclick: show});
    Object.assign(input, {min: -REACH, max: REACH, ariaLabel: `z_${j + 1}`});
    input.oninput = () => put({free: place().map((v, k) => k === j ? +input.value : v)}, 2);
    return Object.assign(row, {id: `row${j}`});
  }));
  put({model, free: null, path: null, axes: model.order.slice(0, 2).sort((a, b) => a - b)}, 0);
}
function pick(i) {
  put({pick: i, picked: i, label: data.image_classes[i] ?? 0, redraws: 0, image: images[i], strokes: [],
    isGiven: false}, 0);
  $("label").value = state.label;
  draw_pad();
}
function brush(g, strokes, wide, at) {
  Object.assign(g, {lineWidth: wide, lineCap: "round", lineJoin: "round", strokeStyle: colour("ink")});
  for (const s of strokes) { g.beginPath(); [s[0], ...s].forEach(p => g.lineTo(...at(p))); g.stroke(); }
}
function draw_pad() {
  const {g, px, width} = view($("pad"), [0, 0], 1);
  brush(g, state.strokes, width / 12, px);
  if (state.strokes.length) put({image: centred(state.strokes), pick: null, isGiven: false}, 0);
}
// As MNIST's digits are made: the drawing's longer side as long as theirs, its centre of mass in the middle.
function centred(strokes) {
  const {height: h, width: w, ink} = data, room = (Math.min(h, w) - ink) / 2;
  const g = new_canvas(w, h).getContext("2d", {willReadFrequently: true});
  const [lows, sizes] = unzip(unzip(strokes.flat()).map(v => [Math.min(...v), Math.max(...v) - Math.min(...v)]));
  const scale = 0.89 * ink / Math.max(...sizes, 0.3), [a0, b0] = lows.map((v, i) => v + sizes[i] / 2);
  const raster = ([dx, dy]) => {
    g.clearRect(0, 0, w, h);
    brush(g, strokes, 0.11 * ink, ([a, b]) => [w / 2 + dx + scale * (a - a0), h / 2 + dy - scale * (b - b0)]);
    return Float64Array.from(g.getImageData(0, 0, w, h).data.filter((_, i) => i % 4 === 3), v => v / 255);
  };
  const grey = raster([0, 0]), mean = at => sum(grey.map((v, i) => v * (at(i) + 0.5))) / sum(grey);
  const shift = [w / 2 - mean(i => i % w), h / 2 - mean(i => Math.floor(i / w))];
  return raster(shift.map(d => Math.max(-room, Math.min(room, Math.round(d)))));
}
// Mouse, pen and finger put a pair of numbers where they are; the arrow keys move it by eight pixels.
function drag(canvas, get, set, start = () => {}) {
  const to = event => set(canvas.at([event.offsetX, event.offsetY]));
  canvas.onpointerdown = event => { canvas.setPointerCapture(event.pointerId); start(); to(event); };
  canvas.onpointermove = event => { if (event.buttons) to(event); };
  canvas.onkeydown = event => {
    const by = {ArrowLeft: [-8, 0], ArrowRight: [8, 0], ArrowUp: [0, 8], ArrowDown: [0, -8]}[event.key];
    if (by) { set(get().map((a, i) => a + by[i] * canvas.pixel)); event.preventDefault(); }
  };
}
const set_eps = pair => put({noise: with_axes(state.noise, pair), free: null}, 2), z_pair = () => on_axes(place());
drag($("plane"), z_pair, z => put({free: with_axes(place(), z)}, 2));
drag($("lens"), z_pair, z => set_eps(z.map((v, i) => (v - on_axes(state.q.mu)[i]) / on_axes(sigma())[i])));
drag($("noise"), () => on_axes(eps()), set_eps);
drag($("pad"), null, z => { state.strokes.at(-1).push(z); draw_pad(); },
  () => { state.isDrawing = true; state.strokes.push([]); });
$("pad").onpointerup = $("pad").onpointercancel = () => put({isDrawing: false}, 0);
const new_eps = () => put({noise: many(Math.random() * 2 ** 31), free: null}, 2);
const highest = () => state.cells.reduce((top, c) => c.logp > top.logp ? c : top).z;
const light = event => put({lit: event.target.dataset.pull ?? ""}, 3);
["mouseover", "focusin"].forEach(kind => $("table").addEventListener(kind, light));
$("model").append(...models.map((model, i) => new Option(model.name, i)));
$("label").append(...data.labels.map((label, i) => new Option(label, i)));
images.forEach((image, i) => {
  const button = $("picks").appendChild(document.createElement("button")), label = data.labels[data.image_classes[i]];
  strip(Object.assign(button, {ariaLabel: ["test image", i + 1, label].join(" "), onclick: () => pick(i)}), [image]);
});
const again = () => { draw_pad(); models.forEach(model => { model.cloud = null; }); put({}, 3); };
matchMedia("(prefers-color-scheme: dark)").onchange = onresize = again;
choose(models[0]); pick(0);
const terms = (x, mu, logvar) => state.model.terms(x, {mu, logvar}, state.label);
window.npvae = {
  state, loss: terms, gradient: terms, encode: x => state.model.encode(x, state.label),
  logits: z => Array.from(state.model.decode([z], state.label)[0][0]),
  logPx: async x => { let last; for await (last of posterior(state.model, x, state.label)); return last.logPx; },
  set: x => { Object.assign(state, {image: x, isGiven: true, pick: null}); compute(0); },
};
