// The head of the page, and what holds the rest together.

function say(sentence) { setText(byId('said'), sentence); }

let toastTimer = 0;
function complain(sentence) {
  const toast = byId('toast');
  setText(toast, sentence);
  toast.hidden = false;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => { toast.hidden = true; }, 8000);
}

// True if the operator says yes.
function confirmed(title, text, yes) {
  const dialog = byId('confirm');
  setText(byId('confirm-title'), title);
  setText(byId('confirm-text'), text);
  setText(byId('confirm-yes'), yes);
  dialog.returnValue = 'no';
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => resolve(dialog.returnValue === 'yes'), {once: true});
    dialog.showModal();
  });
}

const kDone = {drain: 'is draining: it gets no new requests', disable: 'is disabled', enable: 'is enabled', check: 'was checked'};

async function act(what, row) {
  const name = shortName(row.url);
  const last = takesTraffic(row.status) && !list.others(row.url).some((other) => takesTraffic(other.status));
  if (last && (what === 'drain' || what === 'disable')) {
    const yes = await confirmed(`${what === 'drain' ? 'Drain' : 'Disable'} ${name}?`,
      'It is the last backend that takes traffic: without it requests fail.',
      what === 'drain' ? 'Drain it' : 'Disable it');
    if (!yes) return;
  }
  row.node.classList.add('busy');
  try {
    const path = what === 'check' ? '/check' : `/backends/${what}`;
    const status = await post(path, {url: row.url});
    if (status.url) list.replace(status);
    drawTitle(list.statuses());
    say(`${name} ${kDone[what]}${what === 'check' && status.state ? `: ${status.state}` : ''}.`);
  } catch (error) {
    complain(`${name}: ${error.message}`);
  } finally {
    row.node.classList.remove('busy');
  }
}

class Head {
  constructor() {
    const spark = (id, layers) => {
      const line = new Sparkline(layers);
      byId(id).append(line.node);
      return line;
    };
    this.lines = {
      requests: spark('figure-requests', [['area', 'rate'], ['line', 'rate']]),
      errors: spark('figure-errors', [['strokes', 'error']]),
      latency: spark('figure-latency', [['area', 'p99'], ['line', 'p99'], ['line', 'p50']]),
      clients: spark('figure-clients', [['area', 'rate'], ['line', 'rate']]),
    };
    this.series = {requests: new Series(), errors: new Series(), p50: new Series(), p99: new Series(), clients: new Series()};
  }

  push(status) {
    const now = status.requests || {};
    this.series.requests.push(now.per_second);
    this.series.errors.push(now.errors_per_second);
    this.series.p50.push(now.p50_ms);
    this.series.p99.push(now.p99_ms);
    this.series.clients.push(status.clients?.connections);
  }

  recall(past) {
    this.series.requests.recall(past.per_second);
    this.series.errors.recall(past.errors_per_second);
    this.series.p50.recall(past.p50_ms);
    this.series.p99.recall(past.p99_ms);
    this.series.clients.recall(past.connections);
  }

  skip(seconds) { for (let i = 0; i < seconds; ++i) this.push({}); }

  update(status, clock) {
    this.push(status);
    setText(byId('version'), `${status.version}${status.state === 'stopping' ? ' · stopping' : ''}`);
    setText(byId('listening'), status.listening || 'nothing yet');
    setText(byId('uptime'), duration(status.uptime_seconds));
    setAttribute(byId('uptime'), 'title', `started ${new Date(status.started).toLocaleString()}, process ${status.pid}`);
    setText(byId('workers'), `${status.workers}, by ${status.transport}`);
    this.drawReload(status.reload, clock);
    const now = status.requests;
    this.figure('figure-requests', [count(now.per_second)]);
    this.figure('figure-errors', [count(now.errors_per_second)]);
    this.figure('figure-latency', [milliseconds(now.p50_ms), milliseconds(now.p99_ms)]);
    this.figure('figure-clients', [count(status.clients.connections)]);
    const turned = status.clients.turned_away;
    setText(byId('figure-clients').querySelector('span'),
      `of ${count(status.clients.connections_max)}${turned ? ` · ${count(turned)} turned away` : ''}`);
    byId('figure-errors').classList.toggle('bad', now.errors_per_second > 0);
    const {series, lines} = this;
    lines.requests.draw([series.requests, series.requests], 1);
    lines.errors.draw([series.errors], 1);
    lines.latency.draw([series.p99, series.p99, series.p50], 1);
    lines.clients.draw([series.clients, series.clients], 1);
  }

  figure(id, texts) {
    const numbers = byId(id).querySelectorAll('b');
    texts.forEach((text, i) => setText(numbers[i], text));
  }

  drawReload(reload, clock) {
    const last = reload && reload.last;
    const node = byId('reload');
    if (!last) return setText(node, 'never');
    setText(node, `${last.ok ? 'ok' : 'refused'}, ${duration((clock - Date.parse(last.at)) / 1000)} ago`);
    setAttribute(node, 'title', `${new Date(last.at).toLocaleString()}: ${last.message}`);
    setAttribute(node, 'class', last.ok ? null : 'wrong');
  }
}

// The tab tells the worst as well.
function drawTitle(backends) {
  const down = backends.filter((one) => stateOf(one) === 'down').length;
  const title = down > 0 ? `${down} down · load-balancer` : 'load-balancer';
  if (document.title !== title) document.title = title;
}

// Changes of state, for those who do not see the colours change.
const states = new Map();
function announce(backends) {
  const news = [];
  for (const status of backends) {
    const state = stateOf(status);
    const before = states.get(status.url);
    states.set(status.url, state);
    if (before !== undefined && before !== state) news.push(`${shortName(status.url)} is ${kStateWords[state].toLowerCase()}`);
  }
  if (news.length > 0) say(`${news.slice(0, 5).join(', ')}.`);
}

const head = new Head();
const list = new BackendList(act);
const tail = new Tail();
let lastAt = 0;  // ms, of the last event

// A page that was cut off has its own past; one that is loaded anew is told of it.
function recall(past) {
  if (lastAt !== 0) return;
  if (past.server) head.recall(past.server);
  if (past.backends) list.recall(past.backends);
}

function onEvent(name, data) {
  if (name === 'request') return tail.add(data);
  if (name === 'history') return recall(data);
  if (name !== 'status') return;
  const clock = Date.now();
  const missed = lastAt === 0 ? 0 : Math.min(kSeconds, Math.round((clock - lastAt) / 1000) - 1);
  if (missed > 0) {
    head.skip(missed);
    list.skip(missed);
  }
  lastAt = clock;
  head.update(data, clock);
  list.update(data.backends, clock, clock / 1000);
  announce(data.backends);
  drawTitle(data.backends);
}

let linkState = '';
function onLink(state, seconds) {
  const lost = state === 'lost';
  if (lost) {
    const from = lastAt === 0 ? 'No figures have come yet.' : `The figures are from ${new Date(lastAt).toLocaleTimeString()}.`;
    setText(byId('lost-text'), `Disconnected. ${from} ${seconds > 0 ? `Trying again in ${seconds} s.` : 'Trying again.'}`);
  }
  if (linkState === state) return;
  linkState = state;
  byId('lost').hidden = !lost;
  document.body.classList.toggle('stale', lost);
  setAttribute(byId('link'), 'data-state', state);
  setText(byId('link').querySelector('span'), lost ? 'disconnected' : 'live');
  say(lost ? 'Disconnected.' : 'Connected.');
}

const connection = new Connection(onEvent, onLink);
byId('lost-retry').addEventListener('click', () => connection.retryNow());
document.addEventListener('visibilitychange', () => { if (!document.hidden && linkState === 'lost') connection.retryNow(); });
document.addEventListener('keydown', (event) => {
  if (event.key !== '/' || event.target.matches('input, textarea') || document.querySelector('dialog[open]')) return;
  event.preventDefault();
  byId('search').focus();
});
connection.run();
