// Listens to an SMTP dialogue without content and secrets, for emails that ask for it.

/** Receives lines as they are said: `C: MAIL FROM:<...>`, `S: 250 OK`. */
export interface Listener {
  hear?: ((line: string) => void) | undefined;
}

interface Entry {
  tnx?: string;
}

/** A bunyan-like logger as nodemailer's connection takes it; it strikes out credentials itself. */
export const dialogueLogger = (listener: Listener) => {
  const hear = (entry: Entry, message: string, ...args: unknown[]): void => {
    if (listener.hear === undefined) return;
    const side = entry.tnx === 'client' ? 'C' : entry.tnx === 'server' ? 'S' : undefined;
    if (side === undefined) return;
    const text = args.reduce<string>((line, arg) => line.replace('%s', String(arg)), message);
    for (const line of text.split(/\r?\n/)) if (line !== '') listener.hear(`${side}: ${line.slice(0, 1_000)}`);
  };
  const silent = (): void => undefined;
  return { level: silent, trace: silent, debug: hear, info: hear, warn: silent, error: silent, fatal: silent };
};
