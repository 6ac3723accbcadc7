// A WebSocket server with compression.
//
//   node websocket_backend.js NAME PORT
//
// It sends back what it gets, text as text and binary as binary; "name" asks for its name, "close CODE REASON" for a
// close from its side, "seen" for the codes that clients have closed with.
'use strict';
const { WebSocketServer } = require('ws');

const [name, port] = process.argv.slice(2);
const codes = [];
const server = new WebSocketServer({ host: '127.0.0.1', port: Number(port), maxPayload: 4 << 20,
  perMessageDeflate: { threshold: 64 } });

server.on('connection', (socket) => {
  socket.on('message', (data, isBinary) => {
    const words = isBinary ? [] : data.toString().slice(0, 100).split(' ');
    if (words[0] === 'name') socket.send(name);
    else if (words[0] === 'close') socket.close(Number(words[1]), words[2]);
    else if (words[0] === 'ping') socket.ping(words[1]);
    else if (words[0] === 'seen') socket.send(JSON.stringify(codes));
    else socket.send(data, { binary: isBinary });
  });
  socket.on('pong', (data) => socket.send(`pong ${data}`));
  socket.on('close', (code, reason) => codes.push([code, reason.toString()]));
});
