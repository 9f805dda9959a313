// Calls functions of a running weir serve: node client.js SOCKET METHOD [ARGUMENT...]
// A value, or each value of a stream, is printed on a line.
'use strict';
const net = require('net');
const readline = require('readline');

const [path, method, ...words] = process.argv.slice(2);
const params = words.map((word) => { try { return JSON.parse(word); } catch { return word; } });
const socket = net.connect(path);
const say = (message) => socket.write(JSON.stringify({ jsonrpc: '2.0', ...message }) + '\n');

socket.on('error', (error) => fail(error.message));
socket.on('close', () => fail('the server has closed the connection'));
say({ id: 1, method: 'weir/hello', params: { version: 1 } });
say({ id: 2, method, params, weir: { deadline_ms: 10000, credit: 16 } });

readline.createInterface({ input: socket }).on('line', (line) => {
  const message = JSON.parse(line);
  if (message.method === 'weir/chunk') {
    console.log(JSON.stringify(message.params.value));
    say({ method: 'weir/credit', params: { id: 2, n: 1 } });
  } else if (message.error) {
    fail(message.error.message);
  } else if (message.id === 2) {
    if (message.result !== null) console.log(JSON.stringify(message.result));
    process.exit(0);
  }
});

function fail(why) {
  console.error(why);
  process.exit(1);
}
