// A way between client and server that a test can cut, close, freeze or listen to: networks fail, not only servers.
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** What becomes of a chunk: it goes on, it is lost, or the connection breaks in its place. */
export type Verdict = 'pass' | 'drop' | 'cut';

export type Judge = (chunk: Buffer) => Verdict;

export interface TcpProxy {
  host: string;
  port: number;
  /** Connections ever. */
  connections: number;
  /** Breaks all connections that are open now. */
  cut(): void;
  /** New connections are refused, as if nobody listened; those that are open stay. */
  refuse(): void;
  /** New connections are welcome again, at the same port. */
  accept(): Promise<void>;
  /** Nothing goes through any more, in either direction, and nobody is told. */
  freeze(): void;
  /** What was held back goes on. */
  thaw(): void;
  /** Judges what the server says. */
  onReply?: Judge | undefined;
  /** Judges what the client says. */
  onRequest?: Judge | undefined;
  close(): Promise<void>;
}

/** Starts a proxy on 127.0.0.1 before a server. */
export const startProxy = async (upstream: { host: string; port: number }): Promise<TcpProxy> => {
  const sockets = new Set<Socket>();
  let frozen = false;

  /** A socket that was connected while frozen waits like all others. */
  const carry = (from: Socket, to: Socket, judge: Judge): void => {
    sockets.add(from);
    if (frozen) from.pause();
    from.on('data', (chunk: Buffer) => {
      const verdict = judge(chunk);
      if (verdict === 'cut') return void (from.destroy(), to.destroy());
      // The source waits for a slow drain, so that memory does not stand in for the network's limits.
      if (verdict === 'pass' && !to.write(chunk)) {
        from.pause();
        to.once('drain', () => frozen || from.resume());
      }
    });
    from.on('error', () => to.destroy());
    from.on('end', () => to.end());
    from.on('close', () => {
      sockets.delete(from);
      to.destroySoon();
    });
  };

  const listener = createServer({ noDelay: true, allowHalfOpen: true }, (client) => {
    proxy.connections++;
    const server = connect({ ...upstream, noDelay: true, allowHalfOpen: true });
    carry(client, server, (chunk) => proxy.onRequest?.(chunk) ?? 'pass');
    carry(server, client, (chunk) => proxy.onReply?.(chunk) ?? 'pass');
  });
  const listen = (port: number): Promise<void> =>
    new Promise((resolve, reject) => {
      listener.once('error', reject).listen(port, '127.0.0.1', () => {
        listener.off('error', reject);
        resolve();
      });
    });
  await listen(0);

  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  const proxy: TcpProxy = {
    host: '127.0.0.1',
    port: (listener.address() as AddressInfo).port,
    connections: 0,
    cut,
    // The listening socket closes at once; its callback would wait for the connections that are open.
    refuse: () => void listener.close(),
    accept: () => (listener.listening ? Promise.resolve() : listen(proxy.port)),
    freeze() {
      frozen = true;
      for (const socket of sockets) socket.pause();
    },
    thaw() {
      frozen = false;
      for (const socket of sockets) socket.resume();
    },
    close: () =>
      new Promise((resolve) => {
        listener.close(() => resolve());
        cut();
      }),
  };
  return proxy;
};
