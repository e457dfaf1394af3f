// How the command line ends: its exit codes, and the error that carries one.

/** What a script may rely on; docs/cli.md and `rohrpost --help` list them. */
export const EXIT = {
  done: 0,
  /** The API refused, or some of many. */
  refused: 1,
  /** The command was not understood, or a file that it names is not as it should be. */
  usage: 2,
  unreachable: 3,
  notFound: 4,
  /** `follow`: the email has ended, or waits for a person, and was not sent. */
  unsent: 5,
} as const;

/** Ends the command: its message is told, its code is that of the process. */
export class Stop extends Error {
  constructor(
    readonly exitCode: number,
    message: string,
    /** Of the API's answer, where there was one. */
    readonly status?: number,
  ) {
    super(message);
  }
}

export const usage = (message: string): Stop => new Stop(EXIT.usage, message);

/** In one line, for people. */
export const reasonOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error);
  const { cause, message } = error;
  // The words of fetch and of connections that try several addresses are in what they wrap.
  if (cause instanceof AggregateError) return reasonOf(cause.errors[0]);
  return cause instanceof Error ? reasonOf(cause) : message;
};
