// A backend on Node's own HTTP server: files with validators, and answers of the rarer kinds.
//
//   node backend.js NAME PORT FOLDER ACCESS_LOG
//
// What is asked under /direct/ comes from the test itself, not through the balancer, and is neither logged nor counted.
'use strict';
const crypto = require('node:crypto');
const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');

const [name, port, folder, logFile] = process.argv.slice(2);
const log = fs.createWriteStream(logFile, { flags: 'a' });
const seen = { requests: 0, endless: 0, aborted: 0, continued: 0, refused: 0, uploading: '', bodies: 0 };
let sendNextEvent = null;

const routes = {
  // What was posted, as its checksum and how it came.
  '/checksum'(request, response) {
    const digest = crypto.createHash('sha256');
    let bytes = 0;
    request.on('data', (block) => {
      digest.update(block);
      bytes += block.length;
    });
    request.on('end', () => {
      seen.bodies += 1;
      const framing = request.headers['transfer-encoding'] ?? request.headers['content-length'];
      answer(response, `${digest.digest('hex')} ${bytes} ${framing} ${name}\n`);
    });
  },
  '/echo'(request, response) {
    response.writeHead(200, { 'Content-Type': request.headers['content-type'] ?? 'application/octet-stream' });
    request.pipe(response);
  },
  // Remembers what has come of a body so far, for the one who wants to know before it ends.
  '/upload'(request, response) {
    seen.uploading = '';
    request.setEncoding('utf8');
    request.on('data', (text) => { seen.uploading += text; });
    request.on('end', () => answer(response, seen.uploading));
  },
  '/endless'(request, response) {
    seen.endless += 1;
    response.writeHead(200, { 'Content-Type': 'application/octet-stream' });
    const block = Buffer.alloc(16384, 'x');
    const write = () => { while (!response.destroyed && response.write(block)); };
    response.on('drain', write);
    response.on('close', () => { seen.aborted += 1; });
    write();
  },
  '/silent'(request, response) {
    seen.endless += 1;
    response.on('close', () => { seen.aborted += 1; });
  },
  '/trailers'(request, response) {
    response.writeHead(200, { 'Content-Type': 'text/plain', Trailer: 'X-Checksum, X-Backend' });
    response.write('a body ');
    response.addTrailers({ 'X-Checksum': 'abc123', 'X-Backend': name });
    response.end('with trailers');
  },
  '/early-hints'(request, response) {
    response.writeEarlyHints({ link: ['</a.css>; rel=preload; as=style', '</b.js>; rel=preload; as=script'] });
    answer(response, name);
  },
  // Each event is sent only when the test says so.
  '/events'(request, response) {
    response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache' });
    let number = 0;
    sendNextEvent = () => response.write(`id: ${number}\ndata: event ${number++} of ${name}\n\n`);
    sendNextEvent();
    response.on('close', () => { seen.aborted += 1; });
  },
};

const direct = {
  '/direct/seen': (response) => answer(response, JSON.stringify(seen), { 'Content-Type': 'application/json' }),
  '/direct/next-event': (response) => {
    sendNextEvent();
    answer(response, 'sent');
  },
};

function answer(response, text, fields = {}) {
  response.writeHead(200, { 'Content-Type': 'text/plain', 'Content-Length': Buffer.byteLength(text), ...fields });
  response.end(text);
}

function serveFile(request, response) {
  const file = path.join(folder, path.basename(request.url.split('?')[0]));
  const found = fs.statSync(file, { throwIfNoEntry: false });
  if (!found?.isFile()) {
    response.writeHead(404, { 'Content-Type': 'text/plain' });
    return response.end('no such file here\n');
  }
  const fields = { 'Last-Modified': found.mtime.toUTCString(), ETag: `"${found.mtimeMs}-${found.size}"` };
  const { 'if-none-match': tag, 'if-modified-since': date } = request.headers;
  if (tag === fields.ETag || date === fields['Last-Modified']) {
    response.writeHead(304, fields);
    return response.end();
  }
  response.writeHead(200, { 'Content-Type': 'text/plain', 'Content-Length': found.size, ...fields });
  if (request.method === 'HEAD') return response.end();
  return fs.createReadStream(file).pipe(response);
}

function serve(request, response) {
  const target = request.url.split('?')[0];
  if (direct[target]) return direct[target](response);
  seen.requests += 1;
  const line = `${request.socket.remotePort} ${request.method} ${request.url}`;
  response.on('finish', () => log.write(`${line} ${response.statusCode}\n`));
  return (routes[target] ?? serveFile)(request, response);
}

const server = http.createServer(serve);
server.on('checkContinue', (request, response) => {
  if (request.url === '/too-large') {
    seen.refused += 1;
    response.writeHead(413, { 'Content-Type': 'text/plain', Connection: 'close' });
    return response.end('too large\n');
  }
  seen.continued += 1;
  response.writeContinue();
  return serve(request, response);
});
server.listen(Number(port), '127.0.0.1');
