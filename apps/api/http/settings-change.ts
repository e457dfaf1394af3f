// How settings are put and patched: a PUT takes what GET answered, a PATCH changes what it names, an If-Match guards both.
import type { Request } from 'express';
import { Problem, problemAt, notFound } from '../../../libs/mail/input/problem';
import type { IfMatch } from './if-match';
import { mergePatch } from './merge-patch';

type Fields = Record<string, unknown>;

/** What of a document is no setting: where it stands, and what the service computes. */
export interface NoSettings {
  /** Fields that say which one it is: they may be repeated, never changed. */
  identity: Record<string, string>;
  /** Fields that are answered and not taken. */
  computed: ReadonlySet<string>;
}

const isObject = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The settings of a body. @throws Problem that points at a field of the identity that differs */
export const settingsIn = (body: unknown, { identity, computed }: NoSettings): unknown => {
  if (!isObject(body)) return body;
  for (const [name, value] of Object.entries(identity)) {
    if (body[name] !== undefined && body[name] !== value)
      throw problemAt('invalid', [name], `is ${value}, as the address says: it cannot be changed, leave it out`);
  }
  return Object.fromEntries(Object.entries(body).filter(([name]) => !(name in identity) && !computed.has(name)));
};

/** Media types of a patch (RFC 7396 section 4). */
export const PATCH_TYPES = ['application/merge-patch+json', 'application/json'];

const mediaType = (request: Request): string =>
  (request.get('Content-Type') ?? '').split(';')[0]?.trim().toLowerCase() ?? '';

/** Other kinds of patches mean something else by the same members. @throws Problem `unsupported-media-type` (RFC 5789 2.2) */
export const requirePatchType = (request: Request): void => {
  const type = mediaType(request);
  if (type === '' || PATCH_TYPES.includes(type)) return;
  request.res?.set('Accept-Patch', PATCH_TYPES.join(', '));
  throw new Problem(
    'unsupported-media-type',
    `a PATCH of settings is a JSON Merge Patch: send ${PATCH_TYPES.join(' or ')}`,
  );
};

const isEmpty = ({ headers }: Request): boolean =>
  headers['transfer-encoding'] === undefined && Number(headers['content-length'] ?? 0) === 0;

/** @throws Problem where a PUT would take settings away that nobody meant */
const requireMeant = (request: Request): void => {
  if (mediaType(request) === 'application/merge-patch+json')
    throw new Problem('unsupported-media-type', 'a PUT replaces all settings: send a merge patch by PATCH');
  if (isEmpty(request))
    throw new Problem(
      'invalid',
      'the body is empty, and a PUT replaces all settings: send {} to take all away, or use PATCH',
    );
};

export interface SettingsChange {
  /**
   * The settings to be stored, still to be validated.
   * @param shown the present ones as GET shows them; undefined where there is nothing yet
   * @throws Problem `not-found` where a PATCH has nothing to change
   */
  wanted(shown: Fields | undefined): unknown;
  /** @param tag of the present ones. @throws Problem `version-mismatch` where an If-Match names another version */
  requireVersion(tag: string | undefined): void;
  /** A PATCH: what it does not name stays. */
  isPatch: boolean;
  /** Is one of these fields decided by what was sent? By a PUT all are. */
  names(...fields: string[]): boolean;
}

/** A PUT or a PATCH as it was asked for. */
interface AskedChange {
  request: Request;
  body: unknown;
  ifMatch: IfMatch;
}

/**
 * @param what names it, for whoever is told that there is none
 * @throws Problem of what is wrong with the request, whatever it is to change
 */
export const readChange = ({ request, body, ifMatch }: AskedChange, none: NoSettings, what: string): SettingsChange => {
  const isPatch = request.method === 'PATCH';
  const given = settingsIn(body, none);
  return {
    isPatch,
    names: (...fields) => !isPatch || fields.some((field) => isObject(given) && field in given),
    wanted(shown) {
      if (!isPatch) {
        if (shown !== undefined) requireMeant(request);
        return given;
      }
      if (shown === undefined) throw notFound(what);
      return mergePatch(shown, given);
    },
    requireVersion: versionGuard(ifMatch),
  };
};

/** Whoever names the version that he has read changes no other (RFC 9110 13.1.1). */
export const versionGuard =
  (match: IfMatch): ((tag: string | undefined) => void) =>
  (tag) => {
    if (match === undefined || (tag !== undefined && (match === '*' || match.includes(tag)))) return;
    throw new Problem(
      'version-mismatch',
      tag === undefined
        ? 'If-Match asks for what exists, and there is nothing yet: leave the header out to make it'
        : 'this was changed by somebody else meanwhile: read it again (GET), then decide',
    );
  };
