// The way to the balancer: answers, the token, and the stream of events, which comes back by itself.

const kSilenceMax = 5000;  // ms: an event comes every second, so after this the connection is dead
const kBackoffMax = 15000;  // ms
const kTokenKey = 'load-balancer token';

class Unauthorized extends Error {}

const token = {
  get() { return sessionStorage.getItem(kTokenKey) || ''; },
  set(value) { sessionStorage.setItem(kTokenKey, value); },
  headers() { return this.get() ? {Authorization: `Bearer ${this.get()}`} : {}; },
};

// Asks for the token until there is one, for whoever needs it: one dialog however many wait.
let asking = null;
function askForToken() {
  if (asking) return asking;
  const dialog = byId('token');
  setText(byId('token-wrong'), token.get() ? 'That token was refused.' : '');
  byId('token-input').value = '';
  asking = new Promise((resolve) => {
    dialog.addEventListener('cancel', (event) => event.preventDefault());
    dialog.addEventListener('close', () => {
      token.set(byId('token-input').value);
      asking = null;
      resolve();
    }, {once: true});
    dialog.showModal();
  });
  return asking;
}

async function sentenceOf(answer) {
  const body = await answer.json().catch(() => ({}));
  return body.error || `The balancer answered ${answer.status}.`;
}

async function get(path) {
  const answer = await fetch(path, {headers: token.headers(), cache: 'no-store'});
  if (!answer.ok) throw new Error(await sentenceOf(answer));
  return answer.json();
}

async function post(path, body) {
  const answer = await fetch(path, {
    method: 'POST', headers: {...token.headers(), 'Content-Type': 'application/json'}, body: JSON.stringify(body)});
  if (answer.status === 401) {
    await askForToken();
    return post(path, body);
  }
  if (!answer.ok) throw new Error(await sentenceOf(answer));
  return answer.json();
}

// Reads text/event-stream by hand, for EventSource cannot send a token. Calls on(name, data) for each event.
async function readEvents(on, signal, alive) {
  const answer = await fetch('/events', {headers: token.headers(), cache: 'no-store', signal});
  if (answer.status === 401) throw new Unauthorized();
  if (!answer.ok) throw new Error(await sentenceOf(answer));
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const {value, done} = await reader.read();
    if (done) return;
    alive();
    const blocks = (rest + value).split('\n\n');
    rest = blocks.pop();
    for (const block of blocks) {
      let name = 'message';
      const data = [];
      for (const line of block.split('\n')) {
        if (line.startsWith('event:')) name = line.slice(6).trim();
        if (line.startsWith('data:')) data.push(line.slice(5));
      }
      if (data.length > 0) on(name, JSON.parse(data.join('\n')));
    }
  }
}

// Calls on(name, data) for each event, for ever; told(state, seconds) when the connection is "live" or "lost", with the
// seconds until the next try.
class Connection {
  constructor(on, told) {
    this.on = on;
    this.told = told;
    this.failures = 0;
    this.wake = () => {};
  }

  // Ends the wait for the next try.
  retryNow() {
    this.failures = 0;
    this.wake();
  }

  async run() {
    for (;;) {
      try {
        await this.readOnce();
      } catch (error) {
        if (error instanceof Unauthorized) {
          await askForToken();
          continue;
        }
      }
      await this.pause();
    }
  }

  async readOnce() {
    const abort = new AbortController();
    let watchdog = 0;
    const alive = () => {
      clearTimeout(watchdog);
      watchdog = setTimeout(() => abort.abort(), kSilenceMax);
    };
    alive();
    try {
      await readEvents((name, data) => {
        this.failures = 0;
        this.told('live', 0);
        this.on(name, data);
      }, abort.signal, alive);
    } finally {
      clearTimeout(watchdog);
    }
  }

  // Each failure doubles the wait; chance keeps many pages from coming back at the same moment.
  async pause() {
    const wait = Math.min(kBackoffMax, 1000 * 2 ** this.failures) * (0.8 + 0.4 * Math.random());
    this.failures += 1;
    const until = Date.now() + wait;
    await new Promise((resolve) => {
      const show = () => {
        const left = Math.max(0, until - Date.now());
        this.told('lost', Math.ceil(left / 1000));
        if (left === 0) this.wake();
      };
      const timer = setInterval(show, 250);
      this.wake = () => {
        clearInterval(timer);
        resolve();
      };
      show();
    });
  }
}
