'use strict';
// What every scenario needs: backends, a balancer, traffic, pages that are watched, and waits with a deadline.

const fs = require('node:fs');
const http = require('node:http');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const {spawn} = require('node:child_process');

const kPatience = 15000;  // ms; many times what anything here takes

class Failed extends Error {}

function expect(holds, what) {
  if (!holds) throw new Failed(what);
}

function expectEqual(what, seen, expected) {
  const [a, b] = [JSON.stringify(seen), JSON.stringify(expected)];
  expect(a === b, `${what}: ${a} instead of ${b}`);
}

// Polls `holds` until it is true, and returns what it was.
async function until(what, holds, patience = kPatience) {
  const deadline = Date.now() + patience;
  for (;;) {
    const seen = await holds();
    if (seen) return seen;
    expect(Date.now() < deadline, `not within ${patience / 1000} s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

class Backend {
  static async start() {
    const backend = new Backend();
    await backend.listen(0);
    return backend;
  }

  constructor() {
    this.requests = 0;
    this.thinks = () => 0;  // ms before an answer
  }

  get url() { return `http://127.0.0.1:${this.port}`; }
  get name() { return `127.0.0.1:${this.port}`; }

  async listen(port) {
    this.server = http.createServer((request, response) => {
      this.requests += 1;
      setTimeout(() => response.end('hello\n'), this.thinks());
    });
    await new Promise((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(port, '127.0.0.1', resolve);
    });
    this.port = this.server.address().port;
  }

  // As if it were killed: its connections are reset, and nobody listens.
  async kill() {
    if (!this.server) return;
    const closed = new Promise((resolve) => this.server.close(resolve));
    this.server.closeAllConnections();
    this.server = null;
    await closed;
  }
}

async function freePort() {
  const server = net.createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const {port} = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

class Balancer {
  // `admin`: lines for [admin]; `toml`: other tables.
  static async start(binary, urls, {admin = '', toml = '', adminPort = 0} = {}) {
    const balancer = new Balancer();
    balancer.adminPort = adminPort || await freePort();
    balancer.folder = fs.mkdtempSync(path.join(os.tmpdir(), 'lb-browser-'));
    const file = path.join(balancer.folder, 'load-balancer.toml');
    fs.writeFileSync(file, [
      '[server]', 'port = 0', 'address = "127.0.0.1"', 'threads = 2',
      '[admin]', `port = ${balancer.adminPort}`, admin, toml,
      ...urls.map((url) => `[[backends]]\nurl = "${url}"`)].join('\n'));
    balancer.log = '';
    balancer.process = spawn(binary, ['-config', file], {stdio: ['ignore', 'inherit', 'pipe']});
    balancer.exited = new Promise((resolve) => balancer.process.once('exit', resolve));
    balancer.process.once('exit', (code, signal) => { balancer.ended = `${code ?? signal}`; });
    balancer.process.stderr.on('data', (bytes) => { balancer.log += bytes; });
    const found = await until('the balancer listens', () => {
      expect(!balancer.ended, `the balancer ended with ${balancer.ended}: ${balancer.log}`);
      return /listening on 127\.0\.0\.1:(\d+)/.exec(balancer.log);
    });
    balancer.port = Number(found[1]);
    return balancer;
  }

  get page() { return `http://127.0.0.1:${this.adminPort}/`; }

  async stop(signal = 'SIGTERM') {
    if (!this.ended) this.process.kill(signal);
    await this.exited;
    fs.rmSync(this.folder, {recursive: true, force: true});
  }

  // The status of the answer.
  get(target = '/') {
    return new Promise((resolve, reject) => {
      const request = http.get({host: '127.0.0.1', port: this.port, path: target, agent: false}, (answer) => {
        answer.resume();
        answer.on('end', () => resolve(answer.statusCode));
      });
      request.on('error', reject);
    });
  }
}

// One request after the other, until stop(); at most some hundred a second.
class Traffic {
  constructor(balancer) {
    this.stopped = false;
    this.done = (async () => {
      while (!this.stopped) {
        await balancer.get('/traffic').catch(() => {});
        await new Promise((resolve) => setTimeout(resolve, 4));
      }
    })();
  }

  async stop() {
    this.stopped = true;
    await this.done;
  }
}

// What one scenario has started; all of it ends with it.
class Scene {
  constructor(binary, browser) {
    this.binary = binary;
    this.browser = browser;
    this.backends = [];
    this.balancers = [];
    this.traffic = [];
    this.contexts = [];
    this.complaints = [];
  }

  async backend() {
    this.backends.push(await Backend.start());
    return this.backends.at(-1);
  }

  // In front of the backends so far, or of `urls`.
  async balancer(options = {}, urls = this.backends.map((one) => one.url)) {
    this.balancers.push(await Balancer.start(this.binary, urls, options));
    return this.balancers.at(-1);
  }

  send(balancer) { this.traffic.push(new Traffic(balancer)); }

  // A page on the dashboard. What it must never do is noted: errors, violations of its policy, requests to elsewhere.
  async open(balancer, {width = 1280, height = 900, colorScheme = 'dark', expected = [], ...more} = {}) {
    const context = await this.browser.newContext({viewport: {width, height}, colorScheme, ...more});
    this.contexts.push(context);
    const page = await context.newPage();
    page.setDefaultTimeout(kPatience);
    page.on('pageerror', (error) => this.complaints.push(`an exception: ${error.message}`));
    page.on('dialog', (dialog) => {
      this.complaints.push(`a dialog: ${dialog.message()}`);
      dialog.dismiss();
    });
    page.on('console', (message) => {
      const text = message.text();
      if (message.type() !== 'error' && !/Content Security Policy/.test(text)) return;
      if (!expected.some((pattern) => pattern.test(text))) this.complaints.push(`on the console: ${text}`);
    });
    page.on('request', (request) => {
      const url = request.url();
      if (!url.startsWith(balancer.page) && !url.startsWith('data:')) this.complaints.push(`a request to ${url}`);
    });
    await page.goto(balancer.page);
    return page;
  }

  async end() {
    for (const one of this.contexts) await one.close();
    for (const one of this.traffic) await one.stop();
    for (const one of this.balancers) await one.stop('SIGKILL');
    for (const one of this.backends) await one.kill();
  }
}

// What scenarios look at.
const row = (page, backend) => page.locator(`#rows > li[data-url="${backend.url}"]`);
const isLive = (page) => page.locator('#link[data-state=live]').waitFor();

async function untilState(page, backend, state) {
  await page.locator(`#rows > li[data-url="${backend.url}"][data-state=${state}]`).waitFor();
}

module.exports = {Backend, Failed, Scene, expect, expectEqual, isLive, row, until, untilState};
