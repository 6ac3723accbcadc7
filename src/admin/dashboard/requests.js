// The tail of failed and retried requests, and the explanation of one.

const kTailMax = 200;  // rows, and those that wait while it is paused

function keyOf(request) { return `${request.worker} ${request.at} ${request.id}`; }

function isFailed(request) {
  return request.refusal !== undefined || request.ended_by !== 'complete' || request.status >= 500;
}

function statusText(request) { return request.status === undefined ? 'none' : String(request.status); }

// "b1 refused → b2 answered 200 in 3 ms", with what was passed over and why there was no answer.
function storyOf(request) {
  const parts = [];
  (request.attempts || []).forEach((attempt, i) => {
    if (i > 0) parts.push(element('span', {class: 'then'}, ' → '));
    parts.push(element('span', {class: attempt.result === 'answered' ? 'answered' : 'failed'},
      element('b', {}, shortName(attempt.backend)), ` ${outcome(attempt)}`));
  });
  const reason = reasonOf(request);
  if (reason) parts.push(element('span', {class: 'reason'}, parts.length > 0 ? ` · ${reason}` : reason));
  const detail = request.detail;
  if (detail && detail !== reason && parts.length === 1) parts.push(element('span', {class: 'quiet'}, ` (${detail})`));
  const passed = (request.passed_over || []).filter((one) => one.why !== 'tried');
  if (passed.length > 0) {
    const names = passed.map((one) => `${shortName(one.backend)} (${kPassedOver[one.why] || one.why})`).join(', ');
    parts.push(element('span', {class: 'quiet'}, ` · passed over ${names}`));
  }
  return parts;
}

class Tail {
  constructor() {
    this.list = byId('tail');
    this.seen = new Set();
    this.waiting = [];
    this.pauseButton = byId('tail-pause');
    this.paused = false;
    this.pauseButton.addEventListener('click', () => this.pause(!this.paused));
  }

  pause(paused) {
    this.paused = paused;
    setAttribute(this.pauseButton, 'aria-pressed', String(paused));
    for (const request of this.waiting.splice(0)) this.show(request);
    this.drawButton();
  }

  drawButton() {
    const more = this.waiting.length;
    setText(this.pauseButton, !this.paused ? 'Pause' : more > 0 ? `Go on (${more} new)` : 'Go on');
  }

  // Each request once, also when the connection was lost between two tellings.
  add(request) {
    const key = keyOf(request);
    if (this.seen.has(key)) return;
    this.seen.add(key);
    if (this.seen.size > 4 * kTailMax) this.seen.delete(this.seen.values().next().value);
    if (!this.paused) return this.show(request);
    this.waiting.push(request);
    if (this.waiting.length > kTailMax) this.waiting.shift();
    this.drawButton();
  }

  show(request) {
    byId('tail-empty').hidden = true;
    const at = new Date(request.at);
    const id = element('a', {href: `/why/${encodeURIComponent(request.id)}`, class: 'id', title: request.id}, request.id.slice(0, 8));
    setAttribute(id, 'aria-label', `Why: request ${request.id}`);
    id.addEventListener('click', (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      explain(request);
    });
    const line = request.request || '(no request line)';
    this.list.prepend(element('li', {'data-failed': isFailed(request) ? '' : null, 'data-id': request.id},
      element('time', {datetime: request.at, title: at.toLocaleString()}, clockTime(at)),
      element('span', {class: 'status'}, statusText(request)),
      element('span', {class: 'line mono', title: line}, line),
      element('span', {class: 'story'}, ...storyOf(request)),
      id));
    while (this.list.children.length > kTailMax) this.list.lastChild.remove();
  }
}

// Fills in the dialog from what the tail knows, then from what the balancer still knows.
async function explain(request) {
  setText(byId('why-request'), request.request || '(no request line)');
  setText(byId('why-words'), reasonOf(request));
  setText(byId('why-json'), JSON.stringify(request, null, 2));
  byId('why-all').open = false;
  byId('why-attempts').replaceChildren(...timelineOf(request));
  const facts = [
    ['status', statusText(request)], ['took', milliseconds(request.duration_ms)],
    ['first byte after', milliseconds(request.first_byte_ms)], ['client', request.client || kNothing],
    ['at', new Date(request.at).toLocaleString()], ['id', request.id]];
  byId('why-facts').replaceChildren(...facts.map(([name, value]) =>
    element('div', {}, element('dt', {}, name), element('dd', {}, value))));
  byId('why').showModal();
  const known = await get(`/why/${encodeURIComponent(request.id)}`).catch(() => null);
  if (!known || known.id !== request.id) return;
  setText(byId('why-words'), known.explanation);
  setText(byId('why-json'), JSON.stringify(known, null, 2));
}

// One bar for each attempt, on the time of the request.
function timelineOf(request) {
  const whole = Math.max(request.duration_ms || 0, 0.001);
  return (request.attempts || []).map((attempt) => {
    const bar = element('i');
    bar.style.setProperty('--from', Math.min(1, attempt.began_ms / whole).toFixed(4));
    bar.style.setProperty('--share', Math.min(1, attempt.duration_ms / whole).toFixed(4));
    const notes = [attempt.reused ? 'on a kept connection' : '', attempt.last_resort ? 'as a last resort' : '']
      .filter(Boolean).join(', ');
    return element('li', {class: attempt.result === 'answered' ? 'answered' : 'failed'},
      element('p', {}, element('b', {}, shortName(attempt.backend)), ` ${outcome(attempt)}${notes ? `, ${notes}` : ''}`,
        element('span', {class: 'quiet'}, ` after ${milliseconds(attempt.began_ms)}`)),
      element('span', {class: 'bar'}, bar));
  });
}
