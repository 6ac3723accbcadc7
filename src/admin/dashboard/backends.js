// The list of backends: one row each, the worst first, and what the operator may do with them.

const kRowsStep = 50;  // rows that are drawn at first, and more by each press of the button
const kTroubled = 30;  // s that a backend with errors stays among the first
const kStates = ['down', 'unknown', 'draining', 'disabled', 'up'];
const kStateWords = {up: 'Up', down: 'Down', unknown: 'Not checked', draining: 'Draining', disabled: 'Disabled'};

// What the operator wants stands before what the checks say: a backend that is drained gets nothing however well it is.
function stateOf(status) { return status.administration === 'active' ? status.state : status.administration; }

function takesTraffic(status) {
  const suspended = status.condition === 'stalled' || status.condition === 'ejected';
  return status.administration === 'active' && status.state !== 'down' && !suspended;
}

// What the operator has to know of a backend beyond the word for its state; empty: nothing.
function reasonOfState(status) {
  const health = status.state === 'down' ? `down: ${status.reason}` : '';
  if (status.administration === 'disabled') return 'gets nothing, and is not checked';
  if (status.administration === 'draining') {
    const left = status.in_flight > 0 ? `${plural(status.in_flight, 'request')} left to end` : 'idle: nothing is under way';
    return [left, health].filter(Boolean).join('; ');
  }
  if (status.state !== 'up') return status.reason;
  if (status.condition === 'well') return status.backup ? 'a backup: only when none of the others is up' : '';
  return [status.condition, status.condition_reason || 'its share grows'].join(': ');
}

function stateMark() {
  const use = svg('use', {});
  const word = element('b');
  const node = element('div', {class: 'state'}, svg('svg', {class: 'shape', 'aria-hidden': 'true'}, use), word);
  return {node, show(state) {
    setAttribute(node, 'data-state', state);
    setAttribute(use, 'href', `#shape-${state}`);
    setText(word, kStateWords[state] || state);
  }};
}

// A figure with a label that only narrow screens and screen readers show: wide ones have the head of the table.
function cell(name, label, ...children) {
  return element('div', {class: `cell ${name}`}, element('span', {class: 'label'}, label), ...children);
}

class BackendRow {
  constructor(url, act) {
    this.url = url;
    this.series = {rate: new Series(), errors: new Series(), p50: new Series(), p99: new Series()};
    this.troubledAt = -Infinity;
    this.act = act;
    this.node = null;  // made when it is drawn first: of a thousand, most never are
  }

  update(status, index, second) {
    this.status = status;
    this.index = index;
    const now = status.now || {};
    this.share = now.share || 0;
    this.push(now);
    if (now.errors_per_second > 0) this.troubledAt = second;
    this.rank = kStates.indexOf(stateOf(status));
    if (this.rank === kStates.length - 1 && second - this.troubledAt < kTroubled) this.rank = 0.5;
  }

  push(now) {
    this.series.rate.push(now.requests_per_second);
    this.series.errors.push(now.errors_per_second);
    this.series.p50.push(now.p50_ms);
    this.series.p99.push(now.p99_ms);
  }

  recall(past) {
    this.series.rate.recall(past.requests_per_second);
    this.series.errors.recall(past.errors_per_second);
    this.series.p50.recall(past.p50_ms);
    this.series.p99.recall(past.p99_ms);
  }

  build() {
    const text = (name) => element('span', {class: name});
    this.mark = stateMark();
    this.reason = element('p', {class: 'reason'});
    this.since = element('time');
    this.next = text('next');
    this.checks = element('span', {class: 'checks', role: 'img'});
    this.rate = element('b');
    this.errors = text('errors');
    this.traffic = new Sparkline([['area', 'rate'], ['line', 'rate'], ['strokes', 'error']]);
    this.p50 = element('b');
    this.p99 = element('b', {class: 'second'});
    this.latency = new Sparkline([['area', 'p99'], ['line', 'p99'], ['line', 'p50']]);
    this.inFlight = element('b');
    this.weight = element('b');
    this.shareText = element('b');
    this.shareBar = element('span', {class: 'bar'}, element('i'));
    this.first = element('button', {type: 'button', class: 'first'});
    this.second = element('button', {type: 'button'});
    this.check = element('button', {type: 'button'}, 'Check');
    this.first.addEventListener('click', () => this.act(this.first.value, this));
    this.second.addEventListener('click', () => this.act(this.second.value, this));
    this.check.addEventListener('click', () => this.act('check', this));
    const name = element('h3', {title: this.url}, element('i', {class: 'swatch'}), shortName(this.url));
    this.node = element('li', {class: 'row', 'data-url': this.url},
      element('div', {class: 'cell health'}, this.mark.node, this.since),
      element('div', {class: 'cell backend'}, name, this.reason, element('p', {class: 'checking'}, this.checks, this.next)),
      cell('traffic', 'Traffic', element('p', {}, this.rate, text('unit'), this.errors), this.traffic.node),
      cell('latency', 'Latency', element('p', {}, this.p50, text('unit'), this.p99, text('unit')), this.latency.node),
      cell('number', 'In flight', this.inFlight),
      cell('number', 'Weight', this.weight),
      cell('shared', 'Share', this.shareText, this.shareBar),
      element('div', {class: 'cell acts', role: 'group', 'aria-label': `Steer ${shortName(this.url)}`},
        this.first, this.second, this.check));
    const units = this.node.querySelectorAll('.unit');
    ['/s', 'p50', 'p99'].forEach((unit, i) => setText(units[i], unit));
    this.node.style.setProperty('--hue', hueOf(this.index));
  }

  draw(clock, rateMax) {
    if (!this.node) this.build();
    const {status} = this;
    const now = status.now || {};
    const state = stateOf(status);
    setAttribute(this.node, 'data-state', state);
    this.mark.show(state);
    this.drawHealth(clock, state);
    setText(this.rate, count(now.requests_per_second || 0));
    setText(this.errors, now.errors_per_second > 0 ? `${count(now.errors_per_second)} errors/s` : '');
    this.traffic.draw([this.series.rate, this.series.rate, this.series.errors], 1, rateMax);
    setText(this.p50, milliseconds(now.p50_ms));
    setText(this.p99, milliseconds(now.p99_ms));
    this.latency.draw([this.series.p99, this.series.p99, this.series.p50], 1);
    const limit = status.connections_max ? ` / ${count(status.connections_max)}` : '';
    setText(this.inFlight, count(status.in_flight) + limit);
    setText(this.weight, count(status.weight));
    setText(this.shareText, isNumber(now.share) ? percent(now.share) : kNothing);
    this.shareBar.firstChild.style.setProperty('--share', (now.share || 0).toFixed(4));
    this.drawActs(status.administration);
  }

  drawHealth(clock, state) {
    const {status} = this;
    setText(this.reason, reasonOfState(status));
    const since = Date.parse(status.since);
    const known = isNumber(since) && status.changes > 0 && state === status.state;
    setText(this.since, known ? `for ${duration((clock - since) / 1000)}` : '');
    setAttribute(this.since, 'datetime', known ? status.since : null);
    setAttribute(this.since, 'title', known ? `since ${new Date(since).toLocaleString()}` : null);
    const next = Date.parse(status.next_check);
    const seconds = (next - clock) / 1000;
    setText(this.next, !isNumber(next) ? 'no check to come' : seconds < 1 ? 'checking' : `next check in ${duration(seconds)}`);
    setAttribute(this.next, 'title', isNumber(next) ? new Date(next).toLocaleString() : null);
    this.drawChecks(status.checks || []);
  }

  // The last checks, oldest first: a tall mark passed, a low one failed.
  drawChecks(checks) {
    const key = checks.map((one) => one.at + one.passed).join();
    if (key === this.checksKey) return;
    this.checksKey = key;
    this.checks.replaceChildren(...checks.map((one) => element('i', {
      class: one.passed ? 'passed' : 'failed',
      title: `${new Date(one.at).toLocaleTimeString()}: ${one.passed ? 'passed' : one.reason || 'failed'}, ${milliseconds(one.took_ms)}`,
    })));
    const failed = checks.filter((one) => !one.passed).length;
    setAttribute(this.checks, 'aria-label', checks.length === 0 ? 'no checks yet'
      : `of the last ${plural(checks.length, 'check')} ${failed === 0 ? 'none' : failed} failed`);
  }

  // Each button keeps its place and its focus: the one that drained a backend enables it again.
  drawActs(administration) {
    const [first, second] = {active: ['drain', 'disable'], draining: ['enable', 'disable'],
                             disabled: ['enable', 'drain']}[administration] || ['enable', 'drain'];
    const words = {drain: 'Drain', disable: 'Disable', enable: 'Enable'};
    for (const [button, what] of [[this.first, first], [this.second, second]]) {
      if (button.value !== what) button.value = what;
      setText(button, words[what]);
    }
    this.check.disabled = administration === 'disabled';
  }
}

class BackendList {
  constructor(act) {
    this.act = act;
    this.past = new Map();  // by URL: what came before the first status
    this.rows = new Map();
    this.order = [];
    this.shown = kRowsStep;
    this.filter = '';
    this.state = '';
    this.list = byId('rows');
    this.filters = new Map();
    byId('search').addEventListener('input', (event) => {
      this.filter = event.target.value.trim().toLowerCase();
      this.shown = kRowsStep;
      this.draw();
    });
    byId('rows-more').addEventListener('click', () => {
      this.shown += kRowsStep;
      this.draw();
    });
    this.list.addEventListener('pointerleave', () => this.draw());
  }

  update(backends, clock, second) {
    this.clock = clock;
    const left = new Set(this.rows.keys());
    backends.forEach((status, index) => {
      let row = this.rows.get(status.url);
      if (!row) {
        this.rows.set(status.url, row = new BackendRow(status.url, this.act));
        row.recall(this.past.get(status.url) || {});
      }
      left.delete(status.url);
      row.update(status, index, second);
    });
    this.past.clear();
    for (const url of left) {
      this.rows.get(url).node?.remove();
      this.rows.delete(url);
    }
    this.draw();
  }

  recall(backends) { for (const [url, past] of Object.entries(backends)) this.past.set(url, past); }

  // Seconds of which nothing is known.
  skip(seconds) {
    for (const row of this.rows.values()) for (let i = 0; i < seconds; ++i) row.push({});
  }

  // An answer to an operation says more than the last event.
  replace(status) {
    const row = this.rows.get(status.url);
    if (!row) return;
    row.status = {...status, now: row.status.now};
    this.draw();
  }

  statuses() { return [...this.rows.values()].map((row) => row.status); }

  others(url) { return [...this.rows.values()].filter((row) => row.url !== url); }

  // While the pointer or the focus is among the rows they keep their places: nobody shall press another's button.
  mayMove() { return !this.list.matches(':hover') && !this.list.contains(document.activeElement); }

  sort() {
    const known = this.order.filter((row) => this.rows.get(row.url) === row);
    const added = [...this.rows.values()].filter((row) => !known.includes(row));
    this.order = known.concat(added);
    if (this.mayMove()) this.order.sort((a, b) => a.rank - b.rank || a.index - b.index);
  }

  draw() {
    if (this.order.length !== this.rows.size || this.mayMove()) this.sort();
    const matching = this.order.filter((row) => (!this.filter || row.url.toLowerCase().includes(this.filter)) &&
                                                (!this.state || stateOf(row.status) === this.state));
    const visible = matching.slice(0, this.shown);
    let rateMax = 0;
    for (const row of visible) rateMax = Math.max(rateMax, row.series.rate.max());
    for (const row of visible) row.draw(this.clock, rateMax);
    this.place(visible.map((row) => row.node));
    this.drawFilters();
    drawShares(byId('share'), [...this.rows.values()]);
    const more = matching.length - visible.length;
    byId('rows-more').hidden = more === 0;
    setText(byId('rows-more'), `Show ${Math.min(more, kRowsStep)} of ${plural(more, 'more backend')}`);
    byId('rows-empty').hidden = matching.length > 0;
    setText(byId('rows-empty'), this.rows.size === 0 ? 'There are no backends.' : 'No backend matches.');
  }

  // Moves no node that is in its place: one that is moved loses its focus.
  place(nodes) {
    const wanted = new Set(nodes);
    for (const node of [...this.list.children]) if (!wanted.has(node)) node.remove();
    nodes.forEach((node, i) => {
      if (this.list.children[i] !== node) this.list.insertBefore(node, this.list.children[i] || null);
    });
  }

  drawFilters() {
    const counts = {};
    for (const row of this.rows.values()) {
      const state = stateOf(row.status);
      counts[state] = (counts[state] || 0) + 1;
    }
    for (const state of kStates) {
      const button = this.filters.get(state) || this.makeFilter(state);
      button.node.hidden = !counts[state] && this.state !== state;
      setText(button.number, count(counts[state] || 0));
      setAttribute(button.node, 'aria-pressed', String(this.state === state));
    }
  }

  makeFilter(state) {
    const number = element('b');
    const node = element('button', {type: 'button', 'data-state': state},
      svg('svg', {class: 'shape', 'aria-hidden': 'true'}, svg('use', {href: `#shape-${state}`})),
      number, kStateWords[state].toLowerCase());
    node.addEventListener('click', () => {
      this.state = this.state === state ? '' : state;
      this.shown = kRowsStep;
      this.draw();
    });
    byId('filters').append(node);
    this.filters.set(state, {node, number});
    return this.filters.get(state);
  }
}
