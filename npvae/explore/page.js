"use strict";
// From top to bottom as the package goes: layers, latent, likelihoods, a model, log p(x); then the page around them.
// A batch is an array of rows. The mu, logvar, eps and z of one image are rows of L numbers. No weight ever moves here.

const $ = id => document.getElementById(id), data = JSON.parse($("data").textContent);
const sum = values => values.reduce((a, b) => a + b, 0), unzip = pairs => [pairs.map(p => p[0]), pairs.map(p => p[1])];
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
function dense_backward(dy, W, alive) {  // where alive, what the relu below put out, is 0, the gradient ends anyway
  return dy.map((row, n) => Float64Array.from(W, (Wi, i) => !alive || alive[n][i] ? dot(row, Wi) : 0));
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
function reparameterize_backward(dz, [sigma, eps]) {
  return [dz, dz.map((d, j) => 0.5 * d * sigma[j] * eps[j])];
}
function kl_divergence(mu, logvar) {
  const variance = logvar.map(Math.exp);
  return [-0.5 * sum(mu.map((m, j) => 1 + logvar[j] - m ** 2 - variance[j])), [mu, variance]];
}
function kl_divergence_backward(dkl, [mu, variance]) {
  return [mu.map(m => dkl * m), variance.map(v => dkl * -0.5 * (1 - v))];
}
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

// --- noise

const generator = seed => () => {  // mulberry32: small, seeded, good enough for pictures
  seed = seed + 0x6D2B79F5 | 0;
  let t = Math.imul(seed ^ seed >>> 15, seed | 1);
  t ^= t + Math.imul(t ^ t >>> 7, t | 61);
  return ((t ^ t >>> 14) >>> 0) / 2 ** 32;
};
const normal = rng => Math.sqrt(-2 * Math.log(1 - rng())) * Math.cos(2 * Math.PI * rng());
const draw_eps = (n, L, rng) => Array.from({length: n}, () => Array.from({length: L}, () => normal(rng)));
const equally = eps => ({eps, weights: eps.map(() => 1 / eps.length)});

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
    Object.assign(this, entry, {p: {}, grids: {}, codes: numbers(entry.codes)});
    const vector = numbers(entry.params);
    let start = 0;
    const take = size => vector.subarray(start, start += size);
    for (const [name, [rows = 1, columns]] of entry.shapes)
      this.p[name] = columns ? Array.from({length: rows}, () => take(columns)) : take(rows);
    const {name, std} = entry.likelihood, logvar = std === "learned" ? this.p["output.logvar"][0] : 2 * Math.log(std);
    this.pixels = name === "bernoulli" ? bernoulli : gaussian(logvar);
    this.isVariational = entry.class !== "AutoEncoder";
    [this.act, this.act_backward] = entry.activation === "relu" ? [relu, relu_backward] : [tanh, tanh_backward];
  }
  dense(name, x) { return dense(x, this.p[`${name}.W`], this.p[`${name}.b`]); }
  with_label(rows, label) {
    const one_hot = Array.from({length: this.label_dim}, (_, y) => +(y === label));
    return this.label_dim ? rows.map(row => [...row, ...one_hot]) : rows;
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
    const [h] = this.mlp("encoder", this.with_label([x], label)), head = name => Array.from(this.dense(name, h)[0][0]);
    if (this.isVariational) return {mu: head("mu"), logvar: head("logvar")};
    return {mu: head("latent"), logvar: Array(this.latent_dim).fill(-Infinity)};  // a point: sigma is 0
  }
  decode(z, label) {
    const [g, caches] = this.mlp("decoder", this.with_label(z, label)), [output, W] = this.dense("output", g);
    return [output, [caches, W]];
  }
  decode_backward(doutput, [caches, W]) {
    const alive = i => this.act === relu ? caches[i]?.[1] : undefined;
    let dh = dense_backward(doutput, W, alive(caches.length - 1));
    for (let i = caches.length - 1; i >= 0; i--)
      dh = dense_backward(dh.map((row, n) => this.act_backward(row, caches[i][1][n])), caches[i][0], alive(i - 1));
    return dh.map(row => row.slice(0, this.latent_dim));  // the label's columns are data
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
  terms(x, q, label, {eps, weights} = this.noise) {
    const each = this.draws(x, q, eps, label), mean = rows => q.mu.map((_, j) => dot(weights, rows.map(row => row[j])));
    const nll = dot(weights, each.nll), [kl, kl_cache] = kl_divergence(q.mu, q.logvar);
    const [dmu_kl, dlogvar_kl] = kl_divergence_backward(this.beta, kl_cache);
    const [dmu_z, dlogvar_z] = [mean(each.dmu), mean(each.dlogvar)], plus = (a, b) => a.map((v, j) => v + b[j]);
    const [dmu, dlogvar] = [plus(dmu_z, dmu_kl), plus(dlogvar_z, dlogvar_kl)];  // two paths meet at each
    return {nll, kl, loss: nll + this.beta * kl, dmu_z, dlogvar_z, dmu_kl, dlogvar_kl, dmu, dlogvar};
  }
}

// --- log p(x), and with it the true posterior p(z given x) = p(x given z) p(z) / p(x)

const CELLS = 41, CUT = 150, LEVELS = 9, STILL = 0.0005, SLICE = 30;
const REACH = Math.max(3.5, 1.1 * Math.max(...data.models.filter(m => m.latent_dim === 2).map(m => m.reach)));
const pause = () => new Promise(resume => setTimeout(resume));
const log_mass = cell => cell.logp + 2 * Math.log(cell.size);
function log_sum_exp(values) {
  const largest = values.reduce((a, b) => Math.max(a, b));
  return largest + Math.log(sum(values.map(v => Math.exp(v - largest))));
}
// A grid over the plane, decoded once per model and label, a row at a time: the page stays awake.
function grid(model, label) {
  return model.grids[label] ??= (async () => {
    const size = 2 * REACH / CELLS, blank = new Float64Array(model.input_dim), cells = [];
    const centres = Array.from({length: CELLS}, (_, i) => (i + 0.5) * size - REACH);
    for (const b of centres) {
      const row = centres.map(a => [a, b]);
      model.decode(row, label)[0].forEach((output, i) => cells.push({z: row[i], size, output: Float32Array.from(output),
        base: log_prior(row[i]) - model.pixels.nll(blank, output)[0]}));
      await pause();
    }
    return model.grids[label] = cells;
  })();
}
function on_grid({precision, square}, cells, x) {
  return cells.map(({z, size, output, base}) =>
    ({z, size, logp: base + precision * dot(x, output) - square * dot(x, x)}));
}
// The midpoint rule. Cells are cut in four, again and again, until the sum stands still: first those that hold the mass,
// then those whose parents changed the sum most. (A grid of one size misses by nats: q is narrower than its cells.)
async function quadrature(model, x, label, report = () => true) {
  let cells = on_grid(model.pixels, await grid(model, label), x), was = -Infinity, is = log_sum_exp(cells.map(log_mass));
  for (const cell of cells) cell.error = log_mass(cell);
  for (let level = 0; level < LEVELS && (level < 4 || Math.abs(is - was) > STILL); level++) {
    cells.sort((a, b) => b.error - a.error);
    const parents = cells.slice(0, CUT), quarters = parents.map(({z: [a, b], size: s}) =>
      [[-s, -s], [-s, s], [s, -s], [s, s]].map(([u, v]) => ({z: [a + u / 4, b + v / 4], size: s / 2})));
    const children = quarters.flat();
    for (let k = 0; k < children.length; k += SLICE) {
      const some = children.slice(k, k + SLICE), [outputs] = model.decode(some.map(c => c.z), label);
      some.forEach((c, i) => { c.logp = log_prior(c.z) - model.pixels.nll(x, outputs[i])[0]; });
      await pause();
    }
    parents.forEach((parent, i) => {
      const before = log_mass(parent), after = log_sum_exp(quarters[i].map(log_mass));
      const change = Math.max(before, after) + Math.log(-Math.expm1(-Math.abs(before - after)));
      for (const cell of quarters[i]) cell.error = change;
    });
    cells = [...children, ...cells.slice(CUT)];
    [was, is] = [is, log_sum_exp(cells.map(log_mass))];
    if (!report(is, cells)) return null;
  }
  return is;
}
// Where a plane does not reach, log of the mean of k importance weights: a lower bound (in the mean) that climbs with k.
async function importance(model, x, label, report, most = 2000) {
  const q = model.encode(x, label), log_w = [];
  while (log_w.length < most) {
    const eps = draw_eps(50, model.latent_dim, Math.random), z = eps.map(e => reparameterize(q.mu, q.logvar, e)[0]);
    model.decode(z, label)[0].forEach((output, k) => log_w.push(
      0.5 * sum(eps[k].map((e, j) => q.logvar[j] + e * e - z[k][j] ** 2)) - model.pixels.nll(x, output)[0]));
    if (!report(log_sum_exp(log_w) - Math.log(log_w.length), null, log_w.length)) return null;
    await pause();
  }
  return log_sum_exp(log_w) - Math.log(log_w.length);
}

// --- the page: what it knows, and what a frame does

const models = data.models.map(entry => new Model(entry)), images = numbers(data.images), D = data.height * data.width;
const many = seed => draw_eps(1, 512, generator(seed))[0];
const state = {model: models[0], label: 0, strokes: [], noise: many(3), outputs: 1, free: null, path: null, lit: ""};
const eps = () => state.noise.slice(0, state.model.latent_dim), sigma = () => state.q.logvar.map(v => Math.exp(0.5 * v));
const place = () => state.free ?? reparameterize(state.q.mu, state.q.logvar, eps())[0];
const on_axes = v => state.axes.map(j => v[j]);
const with_axes = (v, pair) => v.map((a, j) => state.axes.includes(j) ? pair[state.axes.indexOf(j)] : a);

let pending = 4;  // what the next frame does again: 0 all of it, from x; 1 from q; 2 from z; 3 only the pictures
function put(changes, level) {
  Object.assign(state, changes);
  if (pending === 4) requestAnimationFrame(() => compute(pending));
  pending = Math.min(pending, level);
}
function compute(level) {
  const {model, label} = state;
  pending = 4;
  if (level <= 0) {
    const isCut = state.pick === null || data.binarize === "threshold", rng = generator(1000 * state.pick + state.redraws);
    const ink = v => model.pixels !== bernoulli || state.isGiven ? v : +(isCut ? v > 0.5 : rng() < v);
    Object.assign(state, {x: Float64Array.from(state.image, ink), steps: 0, start: null, logPx: null, cells: null, job: {}});
    state.q = model.encode(state.x, label);
    if (Array.isArray(model.grids[label])) state.cells = on_grid(model.pixels, model.grids[label], state.x);
    if (!state.isDrawing) refine(state.job);
  }
  if (level <= 1 && model.isVariational) {
    state.terms = model.terms(state.x, state.q, label);
    state.start ??= state.terms;
    const sixteen = draw_eps(16, model.latent_dim, generator(16));
    state.singles = $("singles").checked ? model.draws(state.x, state.q, sixteen, label).dmu : [];
  }
  if (level <= 2) [[state.output]] = model.decode([place()], label);
  draw(level);
}
async function refine(job) {  // grey levels have no log p(x) under a Bernoulli
  const {model, x, label} = state, isData = model.pixels !== bernoulli || x.every(v => v === 0 || v === 1);
  if (!isData || !model.isVariational) return;
  const report = (logPx, cells, k) => {
    if (state.job === job) put({cells, k, logPx: k ? logPx : null}, 3);
    return state.job === job;
  };
  const logPx = await (model.latent_dim === 2 ? quadrature : importance)(model, x, label, report);
  if (state.job === job) put({logPx}, 3);
}

// --- pictures

const colour = name => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`);
const fmt = (v, digits = 2) => v.toFixed(digits).replace("-", "\u2212"), text = (id, words) => { $(id).textContent = words; };
const vec = (v, digits) => `(${v.slice(0, 4).map(a => fmt(a, digits)).join(", ")}${v.length > 4 ? ", \u2026" : ""})`;
const times = (v, s) => v.map((a, i) => a * (s[i] ?? s));

function show(canvas, values, x = 0, y = 0, columns = 1) {  // black on nothing; the style turns it over in the dark
  const {width: w, height: h} = data, picture = new ImageData(w, h);
  if (canvas.width !== columns * w) Object.assign(canvas, {width: columns * w, height: columns * h});
  values.forEach((v, i) => { picture.data[4 * i + 3] = 255 * v; });
  canvas.getContext("2d").putImageData(picture, x * w, y * h);
  return canvas;
}
const new_canvas = () => document.createElement("canvas");
function strip(id, pictures) {
  pictures.forEach((values, i) => show($(id).children[i] ?? $(id).appendChild(new_canvas()), values));
}
// A window on two latent axes, `half` to the left and right of a centre, and the strokes that are drawn in it.
function view(canvas, centre, half) {
  const {clientWidth: width, clientHeight: height} = canvas, g = canvas.getContext("2d"), unit = width / (2 * half);
  Object.assign(canvas, {width: width * devicePixelRatio, height: height * devicePixelRatio});
  g.scale(devicePixelRatio, devicePixelRatio);
  const px = ([a, b]) => [width / 2 + (a - centre[0]) * unit, height / 2 - (b - centre[1]) * unit];
  canvas.at = ([x, y]) => [centre[0] + (x - width / 2) / unit, centre[1] - (y - height / 2) / unit];
  const stroke = (name, wide, dash, path) => {
    Object.assign(g, {strokeStyle: colour(name), fillStyle: colour(name), lineWidth: wide}).setLineDash(dash);
    g.beginPath(); path(); g.stroke();
  };
  const line = (name, points) => stroke(name, 1.5, [], () => points.forEach(z => g.lineTo(...px(z))));
  const ellipse = (name, z, [a, b], wide = 1, dash = [4, 4]) =>
    stroke(name, wide, dash, () => g.ellipse(...px(z), a * unit, b * unit, 0, 0, 7));
  const disc = (name, z, radius) => { stroke(name, 1, [], () => g.arc(...px(z), radius, 0, 7)); g.fill(); };
  // An arrow against a gradient, from pixel (x, y). What is longer than `longest` is cut there, with a break mark.
  const pull = (name, id, [x, y], [da, db], longest = Infinity, note = "") => {
    const full = Math.hypot(da, db), size = Math.min(full, longest), [ux, uy] = [-da / full, db / full];
    if (!(full > 1)) return;
    g.save(); g.translate(x, y); g.rotate(Math.atan2(uy, ux));
    stroke(name, state.lit === id ? 5 : 2, name === "kl" ? [4, 3] : [], () => [0, size - 4].forEach(a => g.lineTo(a, 0)));
    g.beginPath(); [[size + 1, 0], [size - 8, 4], [size - 8, -4]].forEach(p => g.lineTo(...p)); g.fill();
    if (full > size) { g.font = "bold 15px sans-serif"; g.fillText("//", size / 2 - 5, 5); }
    g.restore(); Object.assign(g, {font: "12px sans-serif", textAlign: ux < 0 ? "right" : "left", fillStyle: colour(name)});
    g.fillText(note, x + ux * size + 6 * Math.sign(ux), y + uy * size + (uy > 0 ? 14 : -5));
  };
  return {g, px, unit, line, ellipse, disc, pull, width, height};
}
// The posterior's cells, as dark as it is dense; darker within e^-2 of its peak, which is where q's two-sigma ellipse ends.
function shade({g, px, unit, width}, least) {
  const peak = state.cells.reduce((top, c) => Math.max(top, c.logp), -Infinity);
  g.fillStyle = colour("post");
  for (const {z, size, logp} of state.cells) {
    const [x, y] = px(z), side = Math.max(least, size * unit + 0.5);
    if (logp < peak - 6 || Math.max(Math.abs(x - width / 2), Math.abs(y - width / 2)) > width / 2 + side) continue;
    g.globalAlpha = 0.65 * Math.exp(logp - peak) + (logp > peak - 2 ? 0.25 : 0.03);
    g.fillRect(x - side / 2, y - side / 2, side, side);
  }
  g.globalAlpha = 1;
}
const lens_half = () => 4 * Math.max(...on_axes(sigma()));
const hue = y => `hsl(${Math.round(360 * y / data.labels.length)} 65% 45%)`;

function draw_plane() {
  const {model, q, terms, path} = state, v = view($("plane"), [0, 0], REACH), {g} = v, mu = on_axes(q.mu);
  if ($("manifold").checked) g.drawImage(manifold(), 0, 0, v.width, v.width);
  data.classes.slice(0, model.codes.length / 2).forEach((y, i) => {
    const [a, b] = v.px(model.codes.subarray(2 * i, 2 * i + 2));
    g.fillStyle = hue(y);
    g.fillRect(a - 0.6, b - 0.6, 1.2, 1.2);
  });
  for (const r of [1, 2]) v.ellipse("soft", [0, 0], [r, r]);
  v.disc("soft", [0, 0], 2);
  if (state.cells) shade(v, 3);
  if (path) v.line("z", [on_axes(path), mu]);
  v.disc("z", on_axes(place()), 5);
  if (!model.isVariational) return v.disc("q", mu, 4);
  const half = lens_half() * v.unit, nll = on_axes(terms.dmu_z), [x, y] = v.px(mu);
  v.pull("kl", "mu.kl", [x, y], times(on_axes(terms.dmu_kl), v.unit));
  v.pull("nll", "mu.z", [x, y], times(nll, v.unit), 0.22 * v.width, fmt(Math.hypot(...nll), 1));
  v.disc("z", on_axes(place()), 5);
  Object.assign(g, {strokeStyle: colour("q"), lineWidth: 1.5}).strokeRect(x - half, y - half, 2 * half, 2 * half);
}
// What the decoder makes of 14 x 14 places of the plane; with more dimensions, of a slice through today's z.
function manifold() {
  const {model, label} = state, off = place().filter((_, j) => !state.axes.includes(j));
  const key = `${models.indexOf(model)} ${label} ${state.axes} ${off}`;
  if (state.sheet?.key === key) return state.sheet.canvas;
  const canvas = new_canvas(), steps = Array.from({length: 14}, (_, i) => REACH * (2 * i - 13) / 14);
  steps.forEach((b, j) => model.decode(steps.map(a => with_axes(place(), [a, -b])), label)[0]
    .forEach((output, i) => show(canvas, model.pixels.mean(output), i, j, 14)));
  state.sheet = {key, canvas};
  return canvas;
}
function draw_lens() {
  const {q, terms, singles} = state, s = on_axes(sigma()), mu = on_axes(q.mu), z = on_axes(place());
  const v = view($("lens"), mu, lens_half()), middle = v.px(mu), per_sigma = times(s, 0.1 * v.width), nat = 0.2 * v.width;
  if (state.cells) shade(v, 1);
  v.ellipse("q", mu, times(s, 2), 2, []);
  for (const dmu of singles) v.pull("soft", "", middle, times(on_axes(dmu), per_sigma), 0.4 * v.width);
  for (const [from, name, aside] of [["z", "nll", 4], ["kl", "kl", -4]]) {
    v.pull(name, `mu.${from}`, middle, times(on_axes(terms[`dmu_${from}`]), per_sigma), 0.4 * v.width);
    on_axes(terms[`dlogvar_${from}`]).forEach((d, i) => [-1, 1].forEach(side => {
      const [x, y] = v.px(mu.map((m, k) => m + (k === i ? 2 * side * s[i] : 0))), along = side * d * nat;
      v.pull(name, `logvar${i}.${from}`, i ? [x + aside, y] : [x, y + aside], i ? [0, along] : [along, 0], nat);
    }));
  }
  v.line("z", [mu, z]); v.disc("z", z, 6); v.disc("q", mu, 3);
  text("lenscaption", `the lens on q, ${fmt(2 * lens_half(), 3)} wide`);
  const small = view($("noise"), [0, 0], 3.5), e = on_axes(eps());
  for (const r of [1, 2, 3]) small.ellipse("soft", [0, 0], [r, r]);
  small.line("z", [[0, 0], e]); small.disc("z", e, 6);
}
// Each bar of a box from one value to another, on an axis from low to high; the style draws arrows by their direction.
function bars(box, low, high, values) {
  for (const [name, [from, to]] of Object.entries(values)) {
    const bar = box.querySelector(`[data-bar=${name}]`), at = v => 100 * (v - low) / (high - low);
    bar.style.cssText = `left: ${at(Math.min(from, to))}%; width: ${at(Math.abs(to - from) + low) || 0}%`;
    bar.dataset.to = to < from ? "left" : "right";
  }
}
function draw_rows() {
  const {q, terms, model} = state, s = sigma(), z = place(), far = 0.3 * REACH;
  for (const j of model.order) {
    const row = $(`row${j}`), m = q.mu[j], pull = d => [m, m - Math.max(-far, Math.min(far, d))];
    row.querySelector("input").value = z[j];
    bars(row, -REACH, REACH, {q: [m - s[j], m + s[j]]});
    if (!model.isVariational) continue;
    bars(row, -REACH, REACH, {nll: pull(terms.dmu_z[j]), kl: pull(terms.dmu_kl[j])});
    row.querySelector("[data-bar=nll]").classList.toggle("cut", Math.abs(terms.dmu_z[j]) > far);
    row.querySelector("output").textContent = `KL ${fmt(kl_divergence([m], [q.logvar[j]])[0])}`;
  }
}
function draw_numbers() {
  const {q, terms, model, logPx, start, steps, k} = state, s = vec(sigma(), 3), z = vec(place());
  if (!model.isVariational) return text("heads", `There is one head. The code is ${vec(q.mu)}.`);
  text("heads", `mu = ${vec(q.mu)}, logvar = ${vec(q.logvar)}, so sigma = ${s}`);
  text("trick", `z = ${z}` + (state.free ? " is where you put it: not a draw from q" : ` = ${vec(q.mu)} + ${s} ${vec(eps())}`));
  text("walk", steps ? `${steps} steps: loss ${fmt(start.loss)} at the encoder's q, ${fmt(terms.loss)} now` : "q is the encoder's");
  const [gap, first] = [terms, start].map(t => logPx === null ? NaN : t.nll + t.kl + logPx), {nll, loss} = terms;
  const low = Math.min(0, nll, loss), high = 1.02 * Math.max(1, nll, loss);
  bars($("bars"), low, high, {zero: [0, 0], nll: [0, nll], kl: [nll, loss], loss: [0, loss], logpx: [0, -logPx]});
  bars($("bars"), 0, Math.max(5, gap, first) || 5, {gap: [0, gap], first: [first, first]});
  for (const [name, value] of Object.entries({nll, kl: loss - nll, loss, logpx: logPx === null ? NaN : -logPx, gap}))
    text(`figure-${name}`, Number.isNaN(value) ? "\u2026" : fmt(value));
  for (const row of $("table").tBodies[0].rows) {
    const [head, i] = row.dataset.of.split(" "), j = state.axes[i], of = from => -terms[`d${head}${from}`][j];
    [q[head][j], of("_z"), of("_kl"), of("")].forEach((value, c) => { row.cells[c + 1].textContent = fmt(value, 3); });
  }
}
function draw(level) {
  const {model, label, q} = state, rng = generator(state.outputs), {mean, sample} = model.pixels, L = model.latent_dim;
  const nine = Array.from({length: 9}, (_, i) => i / 8), from = state.path ?? q.mu.map(() => 0);
  show($("seen"), state.x); show($("mean"), mean(state.output));
  if (L > 1) draw_plane();
  draw_rows(); draw_numbers();
  if (model.isVariational && L > 1) draw_lens();
  if (level === 3) return;
  const others = [eps(), ...draw_eps(7, L, generator(state.noise[511] * 1e6 | 0))];
  const z = [...nine.map(t => from.map((a, j) => a + (q.mu[j] - a) * t)), ...others.map(e => reparameterize(q.mu, q.logvar, e)[0])];
  const pictures = model.decode(z, label)[0].map(mean);
  strip("path", pictures.slice(0, 9)); strip("means", pictures.slice(9));
  strip("outputs", others.map(() => sample(state.output, rng)));
}

// --- hands

function step(kind) {
  const {model, x, q, label} = state, L = model.latent_dim, isPlain = kind === "plain";
  const noise = kind === "one" ? equally([eps()]) : equally(draw_eps(16, L, Math.random));  // 16 fresh draws, as training
  const {dmu, dlogvar} = kind === "one" || L > 2 ? model.terms(x, q, label, noise) : state.terms;
  const mu = q.mu.map((m, j) => m - dmu[j] * (isPlain ? 0.001 : 0.1 * Math.exp(q.logvar[j])));
  Object.assign(state, {q: {mu, logvar: q.logvar.map((v, j) => v - dlogvar[j] * (isPlain ? 0.001 : 0.2))}, steps: state.steps + 1});
  compute(1);
}
function walk(n, job = state.job) {
  if (n === 0 || job !== state.job) return;
  step($("kind").value);
  requestAnimationFrame(() => walk(n - 1, job));
}
function choose(model) {
  document.body.className = [!model.isVariational && "plain", model.latent_dim === 2 && "flat"].filter(Boolean).join(" ");
  $("rows").replaceChildren(...model.order.map(j => {
    const row = $("row").content.firstElementChild.cloneNode(true), [axis, , input] = row.querySelectorAll("button, .track, input");
    Object.assign(axis, {textContent: `z${j + 1}`, onclick: () => put({axes: [state.axes[1], j]}, 1)});
    Object.assign(input, {min: -REACH, max: REACH, ariaLabel: `z ${j + 1}`});
    input.oninput = () => put({free: place().map((v, k) => k === j ? +input.value : v)}, 2);
    return Object.assign(row, {id: `row${j}`});
  }));
  text("about", model.about);
  put({model, free: null, path: null, axes: model.order.slice(0, 2).sort()}, 0);
}
function pick(i) {
  if (state.model.label_dim) $("label").value = state.label = data.image_classes[i];
  put({pick: i, redraws: 0, image: images.subarray(i * D, (i + 1) * D), strokes: [], isGiven: false}, 0);
  draw_pad();
}
function brush(g, strokes, wide, at) {
  Object.assign(g, {lineWidth: wide, lineCap: "round", lineJoin: "round", strokeStyle: colour("ink")});
  for (const stroke of strokes) { g.beginPath(); [stroke[0], ...stroke].forEach(p => g.lineTo(...at(p))); g.stroke(); }
}
function draw_pad() {
  const {g, px, width} = view($("pad"), [0, 0], 1);
  brush(g, state.strokes, width / 12, px);
  if (state.strokes.length) put({image: centred(state.strokes), pick: null, isGiven: false}, 0);
}
// As MNIST's digits are made: the drawing's longer side as long as theirs, its centre of mass in the middle.
function centred(strokes) {
  const {height: h, width: w, ink} = data, g = Object.assign(new_canvas(), {width: w, height: h}).getContext("2d");
  const [lows, sizes] = unzip(unzip(strokes.flat()).map(v => [Math.min(...v), Math.max(...v) - Math.min(...v)]));
  const scale = 0.89 * ink / Math.max(...sizes, 0.3), [a0, b0] = lows.map((v, i) => v + sizes[i] / 2);
  const raster = (dx, dy) => {
    g.clearRect(0, 0, w, h);
    brush(g, strokes, 0.11 * ink, ([a, b]) => [w / 2 + dx + scale * (a - a0), h / 2 + dy - scale * (b - b0)]);
    const {data: rgba} = g.getImageData(0, 0, w, h);
    return Float64Array.from({length: D}, (_, i) => rgba[4 * i + 3] / 255);
  };
  const grey = raster(0, 0), room = (Math.min(h, w) - ink) / 2;
  const shift = (size, at) => Math.max(-room, Math.min(room, Math.round(size / 2 - sum(grey.map((v, i) => v * (at(i) + 0.5))) / sum(grey))));
  return raster(shift(w, i => i % w), shift(h, i => Math.floor(i / w)));
}
// Mouse, pen and finger move to a place; the arrow keys move by a direction.
const ARROWS = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1]};
function drag(id, to, by, start = () => {}, end = () => {}) {
  const canvas = $(id), go = event => to(canvas.at([event.offsetX, event.offsetY]));
  canvas.onpointerdown = event => { canvas.setPointerCapture(event.pointerId); start(); go(event); };
  canvas.onpointermove = event => { if (event.buttons) go(event); };
  canvas.onpointerup = canvas.onpointercancel = end;
  canvas.onkeydown = event => { if (ARROWS[event.key]) { by(ARROWS[event.key]); event.preventDefault(); } };
}
const moved = (v, by, size) => on_axes(v).map((a, i) => a + size * by[i]), set_eps = pair => put({noise: with_axes(state.noise, pair), free: null}, 2);
const set_z = pair => put({free: with_axes(place(), pair)}, 2);
drag("plane", set_z, by => set_z(moved(place(), by, 0.05)));
drag("lens", z => set_eps(z.map((v, i) => (v - on_axes(state.q.mu)[i]) / on_axes(sigma())[i])), by => set_eps(moved(eps(), by, 0.1)));
drag("noise", set_eps, by => set_eps(moved(eps(), by, 0.1)));
drag("pad", z => { state.strokes.at(-1).push(z); draw_pad(); }, () => {},
  () => { state.isDrawing = true; state.strokes.push([]); }, () => put({isDrawing: false}, 0));

const new_eps = () => put({noise: many(Math.random() * 2 ** 31), free: null}, 2);
const highest = () => state.cells && put({q: {...state.q, mu: state.cells.reduce((top, c) => c.logp > top.logp ? c : top).z}}, 1);
const clicks = {
  clear: () => pick(state.pick ?? 0), redraw: () => put({redraws: state.redraws + 1}, 0), follow: () => put({free: null}, 2),
  neweps: new_eps, neweps2: new_eps, zeroeps: () => set_eps([0, 0]), newoutputs: () => put({outputs: state.outputs + 1}, 2),
  step: () => walk(1), fifty: () => walk(50), back: () => put({}, 0), highest, from: () => put({path: state.q.mu}, 2),
  manifold: () => put({}, 3), singles: () => put({}, 1),
};
for (const [id, click] of Object.entries(clicks)) $(id).onclick = click;
$("table").onmouseover = $("table").onfocus = event => put({lit: event.target.dataset.pull ?? ""}, 3);
$("table").addEventListener("focusin", $("table").onfocus);
$("model").append(...models.map((model, i) => new Option(model.name, i)));
$("model").onchange = () => choose(models[$("model").value]);
$("label").append(...data.labels.map((label, i) => new Option(label, i)));
$("label").onchange = () => put({label: +$("label").value}, 0);
for (let i = 0; i < images.length / D; i++) {
  const button = $("picks").appendChild(document.createElement("button")), label = data.labels[data.image_classes[i]];
  Object.assign(button, {ariaLabel: `test image ${i + 1}, label ${label}`, onclick: () => pick(i)});
  show(button.appendChild(new_canvas()), images.subarray(i * D, (i + 1) * D));
}
matchMedia("(prefers-color-scheme: dark)").onchange = onresize = () => { draw_pad(); put({}, 3); };
$("rows").style.setProperty("--reach", REACH);
choose(models[0]);
pick(0);

window.npvae = {
  state,
  encode: x => state.model.encode(x, state.label),
  logits: z => Array.from(state.model.decode([z], state.label)[0][0]),
  loss: (x, mu, logvar) => state.model.terms(x, {mu, logvar}, state.label),
  gradient: (x, mu, logvar) => state.model.terms(x, {mu, logvar}, state.label),
  logPx: x => (state.model.latent_dim === 2 ? quadrature : importance)(state.model, x, state.label),
  set: x => { Object.assign(state, {image: x, isGiven: true, pick: null}); compute(0); },
};
