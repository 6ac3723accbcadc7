// Pictures: two minutes of figures as lines, and the share of traffic as a bar.

const kSeconds = 120;  // that a sparkline shows
const kWidth = 120;
const kHeight = 28;
const kHues = 10;  // colours of --hue-0 ... in style.css

// The last two minutes of one figure, a value for each second; null: nothing was measured.
class Series {
  constructor() {
    this.values = [];
  }

  push(value) {
    this.values.push(isNumber(value) ? value : null);
    if (this.values.length > kSeconds) this.values.shift();
  }

  // What was there before this page was loaded.
  recall(values) { for (const value of values || []) this.push(value); }

  max() {
    let most = 0;
    for (const value of this.values) if (value !== null && value > most) most = value;
    return most;
  }
}

// The path of a line; where nothing was measured it is interrupted. A lone point becomes a short dash.
function linePath(series, most) {
  if (series.max() === 0) return '';  // the ground line says it
  const offset = kSeconds - series.values.length;
  let path = '';
  let drawing = false;
  series.values.forEach((value, i) => {
    if (value === null) {
      drawing = false;
      return;
    }
    const x = offset + i;
    const y = (kHeight - 1.5 - (value / most) * (kHeight - 4)).toFixed(1);
    path += drawing ? `L${x + 1} ${y}` : `M${x} ${y}h1`;
    drawing = true;
  });
  return path;
}

// A stroke for each second in which there was any: where there was none the line would only be in the way.
function strokesPath(series, most) {
  const offset = kSeconds - series.values.length;
  let path = '';
  series.values.forEach((value, i) => {
    if (value > 0) path += `M${offset + i + 0.5} ${kHeight}V${(kHeight - 3 - (value / most) * (kHeight - 6)).toFixed(1)}`;
  });
  return path;
}

// What counts as a rate fills the ground below its line.
function areaPath(series, most) {
  if (series.values.length === 0) return '';
  const offset = kSeconds - series.values.length;
  let path = `M${offset} ${kHeight}`;
  series.values.forEach((value, i) => {
    path += `L${offset + i + 1} ${(kHeight - 1.5 - ((value || 0) / most) * (kHeight - 4)).toFixed(1)}`;
  });
  return `${path}V${kHeight}Z`;
}

const kPaths = {line: linePath, area: areaPath, strokes: strokesPath};

class Sparkline {
  // `layers`: the kind of each and its class, in the order in which they are drawn.
  constructor(layers) {
    this.paths = layers.map(([kind, name]) => [kind, svg('path', {class: `${kind} ${name}`})]);
    this.node = svg('svg', {class: 'spark', viewBox: `0 0 ${kWidth} ${kHeight}`, preserveAspectRatio: 'none',
                            'aria-hidden': 'true'}, ...this.paths.map(([, path]) => path));
  }

  // One series for each layer; `floor`: what the scale shows at least, so that a little is not drawn as much.
  draw(series, floor, most) {
    const scale = Math.max(most || 0, floor, ...series.map((one) => one.max()));
    this.paths.forEach(([kind, path], i) => {
      setAttribute(path, 'd', kPaths[kind](series[i], scale));
    });
  }
}

// The colour of a backend, by its place in the configuration.
function hueOf(index) { return `var(--hue-${index % kHues})`; }

const kSegmentsMax = 40;  // more would be thinner than the gaps between them

// A bar of all backends: the larger their share, the wider. The smallest of very many are one segment at its end.
function drawShares(bar, backends) {
  const shares = backends.filter((one) => one.share > 0).sort((a, b) => b.share - a.share);
  const shown = shares.slice(0, kSegmentsMax).sort((a, b) => a.index - b.index)
    .map((one) => ({share: one.share, hue: hueOf(one.index), title: `${shortName(one.url)}: ${percent(one.share)}`}));
  const rest = shares.slice(kSegmentsMax);
  if (rest.length > 0) {
    const share = rest.reduce((sum, one) => sum + one.share, 0);
    shown.push({share, hue: 'var(--off)', title: `${plural(rest.length, 'other')}: ${percent(share)}`});
  }
  while (bar.children.length > shown.length) bar.lastChild.remove();
  while (bar.children.length < shown.length) bar.append(element('i'));
  shown.forEach((one, i) => {
    const segment = bar.children[i];
    segment.style.setProperty('--share', one.share.toFixed(4));
    segment.style.setProperty('--hue', one.hue);
    setAttribute(segment, 'title', one.title);
  });
  bar.classList.toggle('idle', shown.length === 0);
  const words = shares.slice(0, 5).map((one) => `${shortName(one.url)} ${percent(one.share)}`).join(', ');
  setAttribute(bar, 'aria-label', words ? `Share of traffic: ${words}` : 'Share of traffic: none in the last second');
}
