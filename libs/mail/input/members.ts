// Members of an object that are written as fields with a dot: `metadata.case` in a query, where there are no objects.

/**
 * @param given anything; only an object has fields
 * @param name of the object; what follows the first dot is the member's name
 * @returns the same with the members in an object under `name`; as it was given where there are none
 */
export const unfoldMembers = (given: unknown, name: string): unknown => {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) return given;
  const entries = Object.entries(given);
  const isMember = ([key]: [string, unknown]): boolean => key.startsWith(`${name}.`);
  const members = entries
    .filter(isMember)
    .map(([key, value]): [string, unknown] => [memberName(key.slice(name.length + 1)), value]);
  if (members.length === 0) return given;
  const whole = (given as Record<string, unknown>)[name];
  const others = typeof whole === 'object' && whole !== null && !Array.isArray(whole) ? Object.entries(whole) : [];
  // What is no object is told to be none.
  if (whole !== undefined && others.length === 0 && !isEmptyObject(whole)) return given;
  return Object.fromEntries([
    ...entries.filter((entry) => !isMember(entry) && entry[0] !== name),
    [name, Object.fromEntries([...others, ...members])],
  ]);
};

/** This one would be passed over in silence; a member without a name is refused. */
const memberName = (text: string): string => (text === '__proto__' ? '' : text);

const isEmptyObject = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length === 0;
