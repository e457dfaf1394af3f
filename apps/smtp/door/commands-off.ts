// Which commands of the library a client may not use, as its connection is now.

/** Never of use here; HELP and the old ones of the library's own. */
const NEVER = ['HELP', 'WIZ', 'SHELL', 'KILL', 'XCLIENT', 'XFORWARD'];

/** @param how.hasTls there is a certificate @param how.mayLogIn a key may be said now: nobody reads along */
export const commandsOff = (how: { hasTls: boolean; mayLogIn: boolean }): string[] => [
  ...NEVER,
  ...(how.hasTls ? [] : ['STARTTLS']),
  ...(how.mayLogIn ? [] : ['AUTH']),
];
