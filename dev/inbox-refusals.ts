// Recipients whom the development inbox does not take, as real servers would not: so that what goes wrong can be tried.
import type { Server, Socket } from 'node:net';
import type { SMTPServerAddress, SMTPServerSession } from 'smtp-server';

/** `@gmial.example` does not exist, `busy@` is asked later, and after a mail to `lost@` the connection breaks: nobody knows. */
const REFUSED_DOMAIN = /@gmial\.example$/i;
const BUSY = /^busy@/i;
const LOST = /^lost@/i;

/** @returns what the server says of a recipient whom it does not take */
export const refusalOf = ({ address }: Pick<SMTPServerAddress, 'address'>): Error | undefined => {
  const refused = (responseCode: number, text: string): Error => Object.assign(new Error(text), { responseCode });
  if (REFUSED_DOMAIN.test(address))
    return refused(550, `5.1.2 <${address}>: no such domain (a mistyped gmail.example?)`);
  return BUSY.test(address) ? refused(450, `4.2.1 <${address}>: this mailbox is busy, try again later`) : undefined;
};

/** @param server whose connections may break @returns breaks that of a session where a recipient wants it */
export const createBreaking = (server: Server): ((session: SMTPServerSession) => boolean) => {
  const sockets = new Map<number, Socket>();
  server.on('connection', (socket: Socket) => {
    const { remotePort = 0 } = socket;
    sockets.set(remotePort, socket);
    socket.once('close', () => sockets.delete(remotePort));
  });
  return ({ envelope, remotePort }) => {
    if (!envelope.rcptTo.some(({ address }) => LOST.test(address))) return false;
    sockets.get(remotePort)?.destroy();
    return true;
  };
};
