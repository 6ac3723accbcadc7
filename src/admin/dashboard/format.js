// Numbers, times and outcomes in words; and elements, whose texts are never read as HTML.

const kNothing = '–';

function byId(id) { return document.getElementById(id); }

// setText touches the document only when something has changed: a row that is still costs nothing.
function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function setAttribute(node, name, value) {
  if (value === null) node.removeAttribute(name);
  else if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}

function element(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

function svg(tag, attributes, ...children) {
  const node = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes || {})) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

function isNumber(value) { return typeof value === 'number' && Number.isFinite(value); }

// 0, 0.4, 12, 1,204, 48.2k, 3.1M
function count(value) {
  if (!isNumber(value)) return kNothing;
  if (value === 0) return '0';
  if (value < 10 && !Number.isInteger(value)) return value.toFixed(1);
  if (value < 10000) return Math.round(value).toLocaleString('en');
  for (const [unit, letter] of [[1e9, 'G'], [1e6, 'M'], [1e3, 'k']]) {
    if (value >= unit) return (value / unit).toFixed(1).replace('.0', '') + letter;
  }
  return kNothing;
}

function bytes(value) {
  if (!isNumber(value)) return kNothing;
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

// 0.41 ms, 3.2 ms, 128 ms, 1.40 s
function milliseconds(value) {
  if (!isNumber(value)) return kNothing;
  if (value < 1) return value.toFixed(2) + ' ms';
  if (value < 10) return value.toFixed(1) + ' ms';
  if (value < 1000) return Math.round(value) + ' ms';
  if (value < 60000) return (value / 1000).toFixed(2) + ' s';
  return duration(value / 1000);
}

function percent(share) {
  if (!isNumber(share)) return kNothing;
  if (share > 0 && share < 0.01) return '<1 %';
  return Math.round(share * 100) + ' %';
}

// 8 s, 4 min, 3 h 20 min, 12 d 3 h
function duration(seconds) {
  const s = Math.max(0, Math.floor(seconds));
  if (s < 60) return `${s} s`;
  const minutes = Math.floor(s / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  return hours % 24 ? `${Math.floor(hours / 24)} d ${hours % 24} h` : `${Math.floor(hours / 24)} d`;
}

const kClock = new Intl.DateTimeFormat('en-GB', {
  hour: '2-digit', minute: '2-digit', second: '2-digit', fractionalSecondDigits: 3});

function clockTime(date) { return kClock.format(date); }

function plural(number, what) { return `${count(number)} ${what}${number === 1 ? '' : 's'}`; }

// Backends are told apart by host and port: the scheme is the same for all.
function shortName(url) { return url.replace(/^http:\/\//, ''); }

const kResults = {
  not_connected: 'could not be reached',
  stale: 'had closed the idle connection',
  no_answer: 'closed without an answer',
  bad_answer: 'answered with what is not HTTP',
  timed_out: 'gave no answer in time',
  broke_off: 'broke off in its answer',
  client_left: 'was answering when the client left',
  abandoned: 'was given up by the balancer',
  over_limits: 'answered beyond our limits',
  stalled: 'owed every answer',
};
const kRefusals = {
  bad_request: 'the request is malformed',
  header_too_large: 'its head is too large',
  body_too_large: 'its body is too large',
  client_timeout: 'the client took too long to send it',
  connection_limit: 'there are too many client connections',
  backends_busy: 'every backend is at its connection limit',
  no_backend: 'there is no backend left to try',
  out_of_resources: 'the balancer is out of file descriptors',
  backend_failed: 'no backend could answer',
  backend_timed_out: 'no backend answered in time',
  last_hop: 'Max-Forwards ends here',
  internal: 'the balancer failed',
  answer_too_large: 'the answer is beyond our limits',
  request_at_fault: 'the request fails at backends that serve others',
};
const kEndings = {client: 'the client left', backend: 'the answer broke off', balancer: 'the balancer was stopping'};
const kPassedOver = {
  down: 'down', drained: 'draining', disabled: 'disabled', busy: 'at its connection limit', tried: 'tried before',
  stalled: 'stalled', ejected: 'ejected for doing worse than the others', reduced: 'on a part of its share'};

// "refused", "answered 200 in 3 ms"
function outcome(attempt) {
  if (attempt.result === 'answered') {
    const status = attempt.status === undefined ? '' : ` ${attempt.status}`;
    return `answered${status} in ${milliseconds(attempt.duration_ms)}`;
  }
  if (attempt.result === 'timed_out') return `${kResults.timed_out} (${milliseconds(attempt.duration_ms)})`;
  if (attempt.result === 'not_connected' && attempt.detail) {
    return attempt.detail === 'connection refused' ? 'refused' : `${kResults.not_connected}: ${attempt.detail}`;
  }
  return kResults[attempt.result] || attempt.result;
}

// Why there was no answer of a backend's; empty: there was.
function reasonOf(request) {
  if (request.refusal) return kRefusals[request.refusal] || request.refusal;
  return kEndings[request.ended_by] || '';
}
