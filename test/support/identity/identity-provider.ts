// A real OpenID provider on loopback, a service that trusts it, and a visitor who signs in there by plain HTTP.
import { freePort } from '../processes/free-port';
import { startService, type Service } from '../service';
import { startSteered } from './steered-server';

export interface Account {
  name?: string;
  preferred_username?: string;
  email?: string;
  email_verified?: boolean;
  groups?: string[];
}

export type Forgery = 'none' | 'key' | 'unsigned' | 'secret' | 'audience' | 'issuer' | 'nonce' | 'expired' | 'skewed';

export interface IdentityProvider {
  url: string;
  set(change: {
    mode?: 'ok' | '500' | 'hang' | 'refuse';
    forge?: Forgery;
    accounts?: Record<string, Account>;
  }): Promise<void>;
  /** Paths that were asked for. */
  requests(): Promise<string[]>;
}

export interface Federation {
  service: Service;
  provider: IdentityProvider;
  close(): Promise<void>;
}

const CLIENT = { clientId: 'rohrpost', clientSecret: 'a secret of the tests, with signs: +&=%' };

/**
 * @param options.rules as the operator writes them, parsed
 * @param options.userinfo the ID token holds no groups and no name: only UserInfo has them
 */
export const startFederation = async (options: {
  rules: { group: string; role: 'operator' | 'admin' | 'reader'; tenant?: string }[];
  accounts: Record<string, Account>;
  sessionMs?: number;
  userinfo?: boolean;
}): Promise<Federation> => {
  const port = await freePort();
  const publicUrl = `http://127.0.0.1:${port}`;
  const given = {
    ...CLIENT,
    redirectUri: `${publicUrl}/session/oidc/return`,
    conformIdTokenClaims: options.userinfo === true,
  };
  const { url, ask, close } = await startSteered('identity-server.mjs', given);
  const provider: IdentityProvider = {
    url,
    set: (change) => ask('set', change),
    requests: () => ask('requests'),
  };
  await provider.set({ accounts: options.accounts });
  const service = await startService({
    workers: 0,
    api: {
      port,
      publicUrl,
      oidc: {
        ...CLIENT,
        issuer: url,
        scope: 'openid profile email',
        groupsClaim: 'groups',
        rules: options.rules,
        sessionMs: options.sessionMs ?? 28_800_000,
        publicUrl,
      },
    },
  });
  return {
    service,
    provider,
    async close() {
      await service.close();
      await close();
    },
  };
};

/** A browser in small: it keeps cookies by host and follows redirects where it is told to. */
export class Visitor {
  readonly cookies = new Map<string, Map<string, string>>();

  async ask(url: string, form?: Record<string, string>, headers: Record<string, string> = {}): Promise<Response> {
    const { host } = new URL(url);
    const jar = this.cookies.get(host) ?? new Map<string, string>();
    this.cookies.set(host, jar);
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await fetch(url, {
      redirect: 'manual',
      headers: { ...(cookie !== '' && { cookie }), ...headers },
      ...(form !== undefined && { method: 'POST', body: new URLSearchParams(form) }),
    });
    for (const set of response.headers.getSetCookie()) {
      const [pair = ''] = set.split(';');
      const at = pair.indexOf('=');
      const isOver = /expires=Thu, 01 Jan 1970/i.test(set);
      if (isOver) jar.delete(pair.slice(0, at));
      else jar.set(pair.slice(0, at), pair.slice(at + 1));
    }
    return response;
  }

  /** Begins at the service. @returns the address at the provider */
  async begin(service: Service, to = '/'): Promise<string> {
    const response = await this.ask(`${service.url}/session/oidc?to=${encodeURIComponent(to)}`);
    return response.headers.get('location') ?? '';
  }

  /** Logs in at the provider. @returns the address at the service by which it comes back */
  async logIn(at: string, form: Record<string, string>): Promise<string> {
    let url = at;
    for (let hops = 0; hops < 10; hops++) {
      const isForm = url.includes('/interaction/');
      const response = await this.ask(url, isForm ? form : undefined);
      const location = response.headers.get('location');
      if (location === null) throw new Error(`${url}: ${response.status} ${await response.text()}`);
      url = new URL(location, url).href;
      if (url.includes('/session/oidc/return')) return url;
    }
    throw new Error(`it never came back: ${url}`);
  }

  /** All of it. @returns the answer to the way back */
  async signIn(service: Service, login: string, to = '/'): Promise<{ status: number; text: string }> {
    const response = await this.ask(await this.logIn(await this.begin(service, to), { login }));
    return { status: response.status, text: await response.text() };
  }

  session(service: Service): string | undefined {
    return this.cookies.get(new URL(service.url).host)?.get('rohrpost_session');
  }

  /** Shown to somebody who is signed in. */
  async isIn(service: Service): Promise<boolean> {
    return (await (await this.ask(`${service.url}/`)).text()).includes('class="bar"');
  }
}
