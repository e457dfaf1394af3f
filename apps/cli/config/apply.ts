// Brings one thing to what is wanted: looked at first, and changed only where it differs.
import { isDeepStrictEqual } from 'node:util';
import type { Api } from '../calls/api';
import type { Wanted } from './config-file';
import { differences, plain, type Difference } from './difference';
import { putOf } from './template-folder';

export interface Step {
  kind: Wanted['kind'];
  name: string;
  action: 'new' | 'changed' | 'same';
  fields: Difference[];
}

export interface ApplyOptions {
  dryRun: boolean;
  /** Secrets that are stored are given anew. */
  secrets: boolean;
}

type Shown = Record<string, unknown>;

const PARTS = ['subject', 'html', 'text', 'layout', 'inlineCss', 'schema'];

/** A template is put as a whole: each change is a version of it. */
const templateDifferences = (wanted: Shown, present: Shown): Difference[] =>
  PARTS.filter((part) => !isDeepStrictEqual(wanted[part], present[part])).map((part) => ({
    path: part,
    text: 'differs',
  }));

/** Null takes away what is there: of what is new there is nothing to take away. */
const withoutNulls = (value: unknown): unknown => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, one]) => one !== null)
      .map(([name, one]) => [name, withoutNulls(one)]),
  );
};

/**
 * Compares, and changes what differs, unless nothing is to be changed.
 * @throws Stop where the API refuses; what was done before stays, and the same file can be applied again
 */
export const applyOne = async (api: Api, wanted: Wanted, { dryRun, secrets }: ApplyOptions): Promise<Step> => {
  const { kind, name, path, settings } = wanted;
  const present = await api.find<Shown>(path);
  const isTemplate = kind === 'template';
  const fields =
    present !== undefined && isTemplate
      ? templateDifferences(settings, putOf(present.body))
      : differences(settings, present?.body, secrets);
  const action = present === undefined ? 'new' : fields.length > 0 ? 'changed' : 'same';
  if (action !== 'same' && !dryRun) {
    const isPut = action === 'new' || isTemplate;
    const body = isPut ? withoutNulls(plain(settings)) : plain(settings);
    const etag = present?.headers.get('etag');
    await api.call(isPut ? 'PUT' : 'PATCH', path, {
      body,
      ...(etag && !isTemplate && { headers: { 'if-match': etag } }),
    });
  }
  // The text of a new template is in the file.
  const told = isTemplate && action === 'new' ? [] : fields;
  return { kind, name, action, fields: told };
};
