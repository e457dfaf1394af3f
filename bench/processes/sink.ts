// A server that takes every message as fast as it can, in a process of its own, and remembers who got one and when.
import { createServer, type AddressInfo, type Socket } from 'node:net';
import type { SinkAnswer, SinkOrder } from '../support/sink-client';

const { delay } = JSON.parse(process.argv[2] ?? '{}') as { delay: number };

let times: number[] = [];
let recipients: string[] = [];
let open = 0;
let mostOpen = 0;
let bytes = 0;
let expected = Infinity;

const say = (answer: SinkAnswer): void => void process.send?.(answer);

const take = (recipient: string): void => {
  times.push(Date.now());
  recipients.push(recipient);
  if (times.length === expected) say({ reached: expected });
};

const REPLIES: Record<string, string> = {
  EHLO: '250-sink\r\n250-PIPELINING\r\n250-SIZE 52428800\r\n250 8BITMIME\r\n',
  HELO: '250 sink\r\n',
  DATA: '354 go on\r\n',
  QUIT: '221 bye\r\n',
};

const serve = (socket: Socket): void => {
  let rest = '';
  let recipient: string | undefined;
  let inMessage = false;
  open++;
  mostOpen = Math.max(mostOpen, open);
  const onCommand = (line: string): string => {
    const verb = line.slice(0, 4).toUpperCase();
    if (verb === 'RCPT') recipient ??= /<(.*?)>/.exec(line)?.[1] ?? '';
    if (verb === 'DATA') inMessage = true;
    return REPLIES[verb] ?? '250 ok\r\n';
  };
  const onMessage = (): void => {
    inMessage = false;
    take(recipient ?? '');
    recipient = undefined;
  };
  socket.setEncoding('latin1').setNoDelay(true);
  socket.on('data', (chunk: string) => {
    let said = '';
    let late = false;
    rest += chunk;
    for (;;) {
      const end = rest.indexOf(inMessage ? '\r\n.\r\n' : '\r\n');
      if (end < 0) break;
      const line = rest.slice(0, end);
      rest = rest.slice(end + (inMessage ? 5 : 2));
      if (inMessage) {
        bytes += end;
        onMessage();
        late = delay > 0;
        said += '250 2.0.0 taken\r\n';
      } else said += onCommand(line);
    }
    if (said === '') return;
    if (late) setTimeout(() => socket.write(said), delay);
    else if (said.endsWith(REPLIES['QUIT'] ?? '')) socket.end(said);
    else socket.write(said);
  });
  socket.on('error', () => undefined);
  socket.on('close', () => open--);
  socket.write('220 sink\r\n');
};

process.on('message', (order: SinkOrder) => {
  if (order.ask === 'forget') {
    [times, recipients, mostOpen, bytes, expected] = [[], [], open, 0, Infinity];
    say({ forgotten: true });
  } else if (order.ask === 'expect') {
    expected = order.count;
    if (times.length >= expected) say({ reached: expected });
  } else say({ times, recipients, mostOpen, bytes });
});
process.once('disconnect', () => process.exit(0));

const server = createServer(serve).listen(0, '127.0.0.1', () => {
  process.send?.({ port: (server.address() as AddressInfo).port });
});
