// DKIM as a receiver sees it: a key pair whose public half stands in a DNS of our own, and mailauth, which verifies with it.
import { generateKeyPairSync } from 'node:crypto';
import { dkimVerify } from 'mailauth/lib/dkim/verify';

/** A key for a transport's `dkim`, and what verifies its signatures. */
export const createDkim = (domain: string, selector: string, modulusLength = 2_048) => {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', {
    modulusLength,
    publicKeyEncoding: { type: 'spki', format: 'der' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  const resolver = (name: string): Promise<string[][]> =>
    name === `${selector}._domainkey.${domain}`
      ? Promise.resolve([[`v=DKIM1; k=rsa; p=${publicKey.toString('base64')}`]])
      : Promise.reject(Object.assign(new Error(name), { code: 'ENOTFOUND' }));
  return {
    settings: { domain, selector, privateKey },
    publicKey: `-----BEGIN PUBLIC KEY-----\n${publicKey.toString('base64')}\n-----END PUBLIC KEY-----\n`,
    /** @returns `pass`, or what is wrong; and the names of the headers that the newest signature covers, in lower case */
    async verify(message: Buffer): Promise<{ verdict: string; covered: string[] }> {
      const [found] = (await dkimVerify(message, { resolver })).results;
      if (found === undefined || found.signingDomain !== domain) return { verdict: 'no signature', covered: [] };
      const { result, comment } = found.status;
      return { verdict: comment || result, covered: found.signingHeaders.keys.toLowerCase().split(': ') };
    },
  };
};
