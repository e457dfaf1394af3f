// Which JavaScript a template may be written in: early errors with their place. It is no wall; the sandbox is.
import { parse, type Node } from 'acorn';
import {
  compileSource,
  isAuthors,
  PARAMETERS,
  placeOfBody,
  TemplateFault,
  type Compiled,
  type Escaping,
} from './eta-source';

type Child = Node & Record<string, unknown>;

const STATEMENTS =
  'Block Break Continue DoWhile Empty Expression For ForIn ForOf If Labeled Return Switch Throw Try While';
const EXPRESSIONS =
  'Array ArrowFunction Assignment Binary Call Chain Conditional Function Logical Member New Object Parenthesized ' +
  'Sequence Unary Update';
const ALLOWED = new Set([
  ...STATEMENTS.split(' ').map((name) => `${name}Statement`),
  ...EXPRESSIONS.split(' ').map((name) => `${name}Expression`),
  ...'ArrayPattern AssignmentPattern CatchClause FunctionDeclaration Identifier Literal ObjectPattern Program'.split(
    ' ',
  ),
  ...'Property RestElement SpreadElement SwitchCase TemplateElement TemplateLiteral'.split(' '),
  ...'VariableDeclaration VariableDeclarator'.split(' '),
]);

/** What the language has and a template may use. */
const KNOWN = new Set([
  ...PARAMETERS.filter((name) => name !== '__eta'),
  ...'formatDate formatNumber formatMoney undefined NaN Infinity Math JSON Date String Number Boolean'.split(' '),
  ...'Array Object Map Set BigInt RegExp Error TypeError RangeError isNaN isFinite parseInt parseFloat'.split(' '),
  ...'encodeURIComponent decodeURIComponent encodeURI decodeURI'.split(' '),
]);
const MADE_WITH_NEW = new Set(['Date', 'Map', 'Set', 'Array', 'RegExp', 'Error', 'TypeError', 'RangeError']);
/** Names of members that lead behind the data. */
const FORBIDDEN = new Set(
  (
    'constructor __proto__ prototype caller callee arguments ' +
    '__defineGetter__ __defineSetter__ __lookupGetter__ __lookupSetter__'
  ).split(' '),
);

const WORDS: Record<string, string> = {
  ThisExpression: 'this has no meaning in a template: data are under it',
  ImportExpression: 'import is not allowed: use include() for templates',
  AwaitExpression: 'await is not allowed: nothing in a template has to be waited for',
  YieldExpression: 'yield is not allowed',
  ClassDeclaration: 'class is not allowed',
  ClassExpression: 'class is not allowed',
  WithStatement: 'with is not allowed',
  TaggedTemplateExpression: 'tagged templates are not allowed',
};

const isNode = (value: unknown): value is Child =>
  typeof value === 'object' && value !== null && typeof (value as { type?: unknown }).type === 'string';

const childrenOf = (node: Child): [name: string, child: Child][] =>
  Object.entries(node).flatMap(([name, value]) =>
    (Array.isArray(value) ? (value as unknown[]) : [value])
      .filter(isNode)
      .map((child): [string, Child] => [name, child]),
  );

/** Identifiers that name a member, a key or a label, not a variable. */
const namesVariable = (node: Child, name: string): boolean => {
  if (name === 'property' && node.type === 'MemberExpression') return node['computed'] === true;
  if (name === 'key' && node.type === 'Property') return node['computed'] === true;
  return name !== 'label';
};

/** The names that a pattern declares. */
const declared = (pattern: unknown): string[] => {
  if (!isNode(pattern)) return [];
  if (pattern.type === 'Identifier') return [String(pattern['name'])];
  if (pattern.type === 'AssignmentPattern') return declared(pattern['left']);
  if (pattern.type === 'Property') return declared(pattern['value']);
  return childrenOf(pattern).flatMap(([, child]) => declared(child));
};

const declaredBy = (node: Child): string[] => {
  if (node.type === 'VariableDeclarator') return declared(node['id']);
  if (node.type === 'CatchClause') return declared(node['param']);
  if (!/Function/.test(node.type)) return [];
  return [...declared(node['id']), ...(node['params'] as unknown[]).flatMap(declared)];
};

/** The variable that an assignment reaches into: `a` of `a.b[c]`. */
const rootOf = (target: Child): Child => (isNode(target['object']) ? rootOf(target['object']) : target);

const nameOfMember = (node: Child): unknown => {
  const name = (node.type === 'MemberExpression' ? node['property'] : node['key']) as Child | undefined;
  if (name?.type === 'Identifier' && node['computed'] !== true) return name['name'];
  return name?.type === 'Literal' ? name['value'] : undefined;
};

/** What is wrong with one node, if something is. */
const complaintOf = (node: Child, locals: ReadonlySet<string>): string | undefined => {
  if (!ALLOWED.has(node.type)) return WORDS[node.type] ?? `this is not allowed in a template (${node.type})`;
  if (node['async'] === true || node['generator'] === true)
    return 'functions of a template are neither async nor generators';
  if (node.type === 'MemberExpression' || node.type === 'Property') {
    const name = nameOfMember(node);
    if (FORBIDDEN.has(String(name))) return `${String(name)} is not allowed`;
    if (node['kind'] === 'get' || node['kind'] === 'set') return 'getters and setters are not allowed';
  }
  if (node.type === 'NewExpression') {
    const callee = node['callee'] as Child;
    if (!MADE_WITH_NEW.has(String(callee['name']))) return `new is for ${[...MADE_WITH_NEW].join(', ')} only`;
  }
  const target =
    node.type === 'AssignmentExpression'
      ? node['left']
      : node.type === 'UpdateExpression'
        ? node['argument']
        : undefined;
  if (isNode(target) && /^(Identifier|MemberExpression)$/.test(target.type)) {
    const root = rootOf(target);
    const own = locals.has(String(root['name'])) || (root['name'] === 'it' && target.type === 'MemberExpression');
    if (root.type === 'Identifier' && !own)
      return `${String(root['name'])} is not a variable of the template: declare it with let`;
  }
  return undefined;
};

const lint = (source: string, compiled: Compiled, program: Child): TemplateFault[] => {
  const all: [node: Child, isVariable: boolean][] = [];
  // A list instead of recursion: sources may be nested as deep as they are long.
  const open: [Child, boolean][] = [[program, false]];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const [node] = next;
    all.push(next);
    // What is refused as a whole is told once.
    if (!ALLOWED.has(node.type)) continue;
    for (const [name, child] of childrenOf(node))
      open.push([child, child.type === 'Identifier' && namesVariable(node, name)]);
  }
  const locals = new Set(all.flatMap(([node]) => declaredBy(node)));
  const faults = new Map<number, string>();
  for (const [node, isVariable] of all) {
    if (!isAuthors(compiled, node.start)) continue;
    const name = String(node['name']);
    const unknown = isVariable && !locals.has(name) && !KNOWN.has(name);
    const complaint = unknown ? `${name} is not known: data are under it, like it.${name}` : complaintOf(node, locals);
    if (complaint !== undefined) faults.set(node.start, complaint);
  }
  return [...faults]
    .sort(([one], [other]) => one - other)
    .map(([offset, message]) => {
      const { line, column } = placeOfBody(source, compiled, offset);
      return new TemplateFault(message, line, column);
    });
};

/** Faults that are told at once. */
const MOST_FAULTS = 10;

/**
 * Checks a source without running it.
 * @param strict also which JavaScript is used; otherwise only whether it is JavaScript
 * @returns its faults in their order, none where it is fine
 */
export const checkSource = (source: string, escaping: Escaping, strict: boolean): TemplateFault[] => {
  let compiled: Compiled;
  try {
    compiled = compileSource(source, escaping);
  } catch (error) {
    if (error instanceof TemplateFault) return [error];
    throw error;
  }
  try {
    const program = parse(compiled.body, { ecmaVersion: 2023, allowReturnOutsideFunction: true });
    return strict ? lint(source, compiled, program as unknown as Child).slice(0, MOST_FAULTS) : [];
  } catch (error) {
    if (error instanceof RangeError) return [new TemplateFault('is nested too deep')];
    if (!(error instanceof SyntaxError) || !('pos' in error)) throw error;
    const { line, column } = placeOfBody(source, compiled, Number(error.pos));
    return [new TemplateFault(error.message.replace(/ \(\d+:\d+\)$/, ''), line, column)];
  }
};
