// What is used of a package that brings no types.
declare module 'mailauth/lib/dkim/verify' {
  interface DkimResult {
    signingDomain: string;
    selector: string;
    /** The headers of the message that `h=` names, separated by a colon and a space. */
    signingHeaders: { keys: string };
    status: { result: 'pass' | 'fail' | 'neutral' | 'none' | 'policy' | 'temperror'; comment: string | false };
  }
  /** @param options.resolver asks the DNS: gives the texts of a name, each in its pieces */
  export const dkimVerify: (
    message: Buffer,
    options: { resolver: (name: string, type: string) => Promise<string[][]> },
  ) => Promise<{ results: DkimResult[] }>;
}
