// The WebSocket client of `ws`, through the balancer to two of its servers (websocket_backend.js).
//
//   node websocket_client.js CASE BALANCER_URL BACKEND_URL BACKEND_URL
'use strict';
const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const { once } = require('node:events');
const WebSocket = require('ws');

const [chosen, url, ...backends] = process.argv.slice(2);

async function open(to = url, options = {}) {
  const socket = new WebSocket(to.replace('http:', 'ws:'), { maxPayload: 4 << 20, ...options });
  await once(socket, 'open');
  return socket;
}

async function ask(socket, data) {
  const answer = once(socket, 'message');
  socket.send(data);
  const [message, isBinary] = await answer;
  return { message, isBinary, text: message.toString() };
}

async function close(socket) {
  socket.close();
  await once(socket, 'close');
}

async function expectEcho(socket, size) {
  const binary = crypto.randomBytes(size);
  const back = await ask(socket, binary);
  assert.ok(back.isBinary && back.message.equals(binary), `${size} bytes differ`);
  // Text that compresses well, with characters of several bytes.
  const text = 'größer ✓ '.repeat(Math.ceil(size / 9)).slice(0, size);
  const echoed = await ask(socket, text);
  assert.ok(!echoed.isBinary && echoed.text === text, `a text of ${size} characters differs`);
}

// The codes that the servers' clients have closed with, asked directly.
async function codesSeen() {
  const codes = [];
  for (const backend of backends) {
    const socket = await open(backend);
    codes.push(...JSON.parse((await ask(socket, 'seen')).text));
    await close(socket);
  }
  return codes;
}

async function expectSeen(code, reason) {
  const deadline = Date.now() + 3000;
  while (!(await codesSeen()).some(([a, b]) => a === code && b === reason)) {
    assert.ok(Date.now() < deadline, `a server sees within 3 s that a client has closed with ${code}`);
  }
}

async function echo(options, extension) {
  const socket = await open(url, options);
  assert.equal(socket.extensions, extension);
  for (const size of [0, 1, 125, 126, 65535, 65536, 300000, 1 << 20]) await expectEcho(socket, size);
  await close(socket);
}

const cases = {
  echo: () => echo({ perMessageDeflate: false }, ''),
  echo_compressed: () => echo({ perMessageDeflate: { threshold: 64 } }, 'permessage-deflate'),

  async pings() {
    const socket = await open();
    for (const payload of ['', 'here', 'x'.repeat(125)]) {
      const pong = once(socket, 'pong');
      socket.ping(payload);
      assert.equal((await pong)[0].toString(), payload);
    }
    const ping = once(socket, 'ping');
    const answered = ask(socket, 'ping there');
    assert.equal((await ping)[0].toString(), 'there');
    assert.equal((await answered).text, 'pong there');
    await close(socket);
  },

  async closes() {
    for (const [code, reason] of [[1000, 'done'], [1001, ''], [3000, 'registered'], [4999, 'private']]) {
      const theirs = await open();
      theirs.send(`close ${code} ${reason}`);
      const [seenCode, seenReason] = await once(theirs, 'close');
      assert.deepEqual([seenCode, seenReason.toString()], [code, reason]);

      const ours = await open();
      ours.close(code, `ours${code}`);
      assert.equal((await once(ours, 'close'))[0], code);
      await expectSeen(code, `ours${code}`);
    }
    // One that vanishes without a word is 1006 at the other side.
    assert.ok(!(await codesSeen()).some(([code]) => code === 1006));
    const gone = await open();
    gone.terminate();
    await expectSeen(1006, '');
  },

  async parallel() {
    const sockets = await Promise.all(Array.from({ length: 100 }, () => open()));
    const names = await Promise.all(sockets.map(async (socket) => (await ask(socket, 'name')).text));
    assert.equal(names.filter((name) => name === 'one').length, 50);
    assert.equal(names.filter((name) => name === 'two').length, 50);
    await Promise.all(sockets.map(async (socket, i) => {
      for (let round = 0; round < 10; round += 1) {
        assert.equal((await ask(socket, `socket ${i}, round ${round}`)).text, `socket ${i}, round ${round}`);
      }
      await expectEcho(socket, 20000 + i);
    }));
    await Promise.all(sockets.map(close));
  },
};

// Said only at the very end: Node also ends well when nothing is left that could happen.
cases[chosen]().then(() => console.log('passed'));
