// Node's two HTTP clients, fetch and http, through the balancer to two backends (backend.js).
//
//   node http_client.js CASE BALANCER_URL BACKEND_URL BACKEND_URL
//
// The exit status is 1, after what differed, when something did.
'use strict';
const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const http = require('node:http');

const [chosen, url, ...backends] = process.argv.slice(2);

// What the backends have counted, asked directly.
async function seen() {
  return Promise.all(backends.map((backend) => new Promise((resolve, reject) => {
    http.get(`${backend}/direct/seen`, { agent: false }, async (response) => {
      resolve(JSON.parse(await textOf(response)));
    }).on('error', reject);
  })));
}
const total = async (what) => (await seen()).reduce((sum, each) => sum + each[what], 0);

async function until(holds, what, milliseconds = 20000) {
  const deadline = Date.now() + milliseconds;
  while (!(await holds())) {
    assert.ok(Date.now() < deadline, `not within ${milliseconds} ms: ${what}`);
    await new Promise((resolve) => { setTimeout(resolve, 5); });
  }
}

async function textOf(stream) {
  let text = '';
  stream.setEncoding('utf8');
  for await (const piece of stream) text += piece;
  return text;
}

// http.request as a promise of everything that came.
function request(options, body) {
  return new Promise((resolve, reject) => {
    const events = [];
    const outgoing = http.request(`${url}${options.path}`, options, async (response) => {
      const text = await textOf(response);
      resolve({ status: response.statusCode, headers: response.headers, text, trailers: response.trailers, events,
        reused: outgoing.reusedSocket });
    });
    outgoing.on('information', ({ statusCode, headers }) => events.push({ statusCode, headers }));
    outgoing.on('error', reject);
    if (options.headers?.Expect) {
      outgoing.on('continue', () => {
        events.push('continue');
        outgoing.end(body);
      });
      outgoing.flushHeaders();
    } else {
      outgoing.end(body);
    }
  });
}

function expectTurns(names) {
  const first = names[0] === 'one' ? 0 : 1;
  assert.deepEqual(names, names.map((_, i) => ['one', 'two'][(first + i) % 2]));
}

const cases = {
  async fetch_in_parallel() {
    const bodies = Array.from({ length: 200 }, (_, i) => crypto.randomBytes(i * 97));
    const answers = await Promise.all(bodies.map(async (body) => {
      const response = await fetch(`${url}/echo`, { method: 'POST', body });
      return { status: response.status, body: Buffer.from(await response.arrayBuffer()) };
    }));
    for (const [i, answer] of answers.entries()) {
      assert.equal(answer.status, 200);
      assert.ok(answer.body.equals(bodies[i]), `answer ${i} is not what was sent`);
    }
    assert.deepEqual((await seen()).map((each) => each.requests), [100, 100]);
  },

  // Each piece of the body is sent only when a backend has seen the one before.
  async fetch_streams_its_body() {
    const pieces = Array.from({ length: 10 }, (_, i) => `piece ${i}, `);
    let sent = '';
    const body = new ReadableStream({
      async pull(controller) {
        if (pieces.length === 0) return controller.close();
        sent += pieces[0];
        controller.enqueue(new TextEncoder().encode(pieces.shift()));
        return until(async () => (await seen()).some((each) => each.uploading === sent), `a backend has '${sent}'`);
      },
    }, { highWaterMark: 0 });
    const response = await fetch(`${url}/upload`, { method: 'POST', body, duplex: 'half' });
    assert.equal(response.status, 200);
    assert.equal(await response.text(), sent);
    assert.equal(sent.length, 90);
  },

  // The exchange with the backend ends at once, be it in the middle of an answer or before it.
  async fetch_aborts() {
    for (const [i, target] of ['/endless', '/silent', '/endless', '/silent'].entries()) {
      const abort = new AbortController();
      const response = fetch(`${url}${target}`, { signal: abort.signal });
      if (target === '/endless') {
        const { value } = await (await response).body.getReader().read();
        assert.ok(value.every((byte) => byte === 'x'.charCodeAt(0)));
      } else {
        await until(async () => (await total('endless')) === i + 1, 'a backend has the request');
      }
      assert.equal(await total('aborted'), i);
      abort.abort();
      await assert.rejects(async () => (await response).text());
      await until(async () => (await total('aborted')) === i + 1, `the backend sees the end of ${target}`, 2000);
    }
  },

  async http_agent_keeps_its_connection() {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const names = [];
    for (let i = 0; i < 100; i += 1) {
      const { status, text, reused, headers } = await request({ path: '/small.txt', agent });
      assert.equal(status, 200);
      assert.equal(headers.connection ?? 'keep-alive', 'keep-alive');
      assert.equal(reused, i > 0, `request ${i} on ${reused ? 'a used' : 'a new'} connection`);
      names.push(text.trim());
    }
    expectTurns(names);
    agent.destroy();
  },

  async http_trailers() {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const names = [];
    for (let i = 0; i < 4; i += 1) {
      const { text, headers, trailers } = await request({ path: '/trailers', agent });
      assert.equal(text, 'a body with trailers');
      assert.equal(headers.trailer, 'X-Checksum, X-Backend');
      assert.equal(trailers['x-checksum'], 'abc123');
      names.push(trailers['x-backend']);
    }
    expectTurns(names);
    agent.destroy();
  },

  async http_early_hints() {
    const { status, events } = await request({ path: '/early-hints', agent: false });
    assert.equal(status, 200);
    assert.deepEqual(events, [{ statusCode: 103,
      headers: { link: '</a.css>; rel=preload; as=style, </b.js>; rel=preload; as=script' } }]);
  },

  // The body is sent only after the event, so an answer says that it came.
  async http_continue() {
    const body = crypto.randomBytes(200000);
    const digest = crypto.createHash('sha256').update(body).digest('hex');
    for (const framing of ['200000', 'chunked']) {
      const headers = { Expect: '100-continue' };
      if (framing !== 'chunked') headers['Content-Length'] = framing;
      const options = { path: '/checksum', method: 'POST', headers, agent: false };
      const { status, text, events } = await request(options, body);
      assert.equal(status, 200);
      assert.equal(text.slice(0, -5), `${digest} 200000 ${framing}`);
      // Node tells of a 100 in both ways.
      assert.ok(events.includes('continue'));
    }
    assert.equal(await total('continued'), 2);
  },
};

// Said only at the very end: Node also ends well when nothing is left that could happen.
cases[chosen]().then(() => console.log('passed'));
