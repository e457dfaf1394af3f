// The sandbox: QuickJS in a WebAssembly memory that is written over with a clean image before every render.
import variant from '@jitl/quickjs-wasmfile-release-sync';
import { LRUCache } from 'lru-cache';
import {
  newQuickJSWASMModuleFromVariant,
  newVariant,
  type QuickJSContext,
  type QuickJSHandle,
} from 'quickjs-emscripten-core';
import { EngineFault, type Engine, type Program } from './engine';
import { answerFormat } from '../source/formatting';
import { RUNTIME } from './template-runtime';

/** What TypeScript's libraries know of WebAssembly comes with those of browsers only. */
declare const WebAssembly: { Memory: new (limits: { initial: number; maximum: number }) => Memory };
interface Memory {
  readonly buffer: ArrayBuffer;
}

/** The allocator inside. */
type Allocator = Record<'_malloc' | '_free', (value: number) => number>;

const KIB = 1_024;
const PAGE = 64 * KIB;
const MEMORY = 32 * KIB * KIB;
const STACK = 256 * KIB;
/** QuickJS's own static data, its stack and the heap: the wall behind the heap's own limit. Pages. */
const [FIRST_PAGES, MOST_PAGES] = [256, 800];
/** Characters that are taken in at once: in the machine they take up to three bytes each, twice. */
const LONGEST = 4 * KIB * KIB;
/** Bytes of images that a thread keeps. */
const MOST_IMAGES = 64 * KIB * KIB;

/** The memory at a moment when no code ran: static data, and the heap up to its end. Between them is the idle stack. */
interface Image {
  low: Uint8Array;
  heap: Uint8Array;
}

/** What of the memory has to be kept. */
interface Layout {
  /** Where the static data end and where the heap begins. */
  lowEnd: number;
  heapStart: number;
  /** Where the allocator notes the heap's present end. */
  endAt: number;
}

/**
 * Finds the parts of the memory of a fresh module. It knows what dlmalloc does: it asks for more by pages of
 * 4 KiB, and notes the new end once. Checked here: another build of QuickJS that is laid out otherwise
 * stops the thread at its start.
 */
const findLayout = (memory: Memory, { _malloc, _free }: Allocator): Layout => {
  const bytes = new Uint8Array(memory.buffer);
  const first = _malloc(16);
  const heapStart = first - (first % PAGE);
  const isEmpty = (page: number): boolean => bytes.subarray(page, page + PAGE).every((byte) => byte === 0);
  let lowEnd = 0;
  while (lowEnd < heapStart && !isEmpty(lowEnd)) lowEnd += PAGE;
  for (let page = lowEnd; page < heapStart; page += PAGE)
    if (!isEmpty(page)) throw new Error('no idle stack was found');

  const words = (): Uint32Array => new Uint32Array(memory.buffer.slice(0, lowEnd));
  const before = words();
  const large = _malloc(KIB * KIB);
  const after = words();
  const ends = [...after.keys()].filter((at) => {
    const [old = 0, now = 0] = [before[at], after[at]];
    const isEnd = old > first && old % 4_096 === 0 && now > large + KIB * KIB && now <= memory.buffer.byteLength;
    return isEnd && now !== old;
  });
  _free(large);
  _free(first);
  const [end] = ends;
  if (end === undefined || ends.length > 1) throw new Error('the end of the heap was not found');
  return { lowEnd, heapStart, endAt: end * 4 };
};

/** Keeps the memory as it is at a moment, and writes it back. */
const createImages = (memory: Memory, layout: Layout) => {
  const heapEnd = (): number => new DataView(memory.buffer).getUint32(layout.endAt, true);
  const capture = (): Image => ({
    low: new Uint8Array(memory.buffer.slice(0, layout.lowEnd)),
    heap: new Uint8Array(memory.buffer.slice(layout.heapStart, heapEnd())),
  });
  /** Also forgets what lay behind the image's end, and on the stack: no code will find it, whatever it finds. */
  const restore = ({ low, heap }: Image): void => {
    const bytes = new Uint8Array(memory.buffer);
    const end = heapEnd();
    bytes.fill(0, layout.heapStart - STACK, layout.heapStart);
    bytes.set(low, 0);
    bytes.set(heap, layout.heapStart);
    bytes.fill(0, layout.heapStart + heap.length, Math.max(end, layout.heapStart + heap.length));
  };
  return { capture, restore };
};

/** Starts a runtime in a context, and gives its two functions. */
const startRuntime = (context: QuickJSContext, host: (kind: string, values: string) => string) => {
  const answer = context.newFunction('host', (kind, values) =>
    context.newString(host(context.getString(kind), context.getString(values))),
  );
  const runtime = context.unwrapResult(context.evalCode(RUNTIME, 'runtime.js'));
  const made = context.unwrapResult(context.callFunction(runtime, context.undefined, answer));
  return { load: context.getProp(made, 'load'), render: context.getProp(made, 'render') };
};

/**
 * A machine for one thread. Nothing of a render is there at the next one, not even at one of the same template: what a
 * template does to globals, prototypes, its own functions or the heap is written over.
 * @param deps.limit ms of a render
 * @param deps.now a clock in ms that never goes back
 */
export const createMachine = async (deps: { limit: number; now: () => number }): Promise<Engine> => {
  const memory = new WebAssembly.Memory({ initial: FIRST_PAGES, maximum: MOST_PAGES });
  const quickjs = await newQuickJSWASMModuleFromVariant(newVariant(variant, { wasmMemory: memory }));
  const layout = findLayout(memory, (quickjs.getFFI() as unknown as { module: Allocator }).module);
  const runtime = quickjs.newRuntime();
  runtime.setMemoryLimit(MEMORY);
  runtime.setMaxStackSize(STACK);
  const context = runtime.newContext();
  let deadline = Infinity;
  runtime.setInterruptHandler(() => deps.now() > deadline);
  const { load, render } = startRuntime(context, (kind, values) => {
    if (deps.now() > deadline) throw new Error('out of time');
    return answerFormat(kind, values);
  });

  const { capture, restore } = createImages(memory, layout);
  const clean = capture();
  const images = new LRUCache<string, Image>({
    maxSize: MOST_IMAGES,
    sizeCalculation: ({ low, heap }) => low.length + heap.length,
  });

  /** Calls a function in the machine. Handles made here are not given back: the next image takes their memory. */
  const call = (work: QuickJSHandle, ...values: string[]): string => {
    if (values.some(({ length }) => length > LONGEST)) throw new EngineFault('memory');
    try {
      const result = context.callFunction(work, context.undefined, ...values.map((value) => context.newString(value)));
      if (result.error === undefined) return context.getString(result.value);
      throw faultOf(String(context.getString(context.getProp(result.error, 'message'))));
    } catch (error) {
      if (error instanceof EngineFault) throw error;
      // A trap of WebAssembly, or a stack that overflowed outside QuickJS's own bound.
      throw new EngineFault('broken', String(error));
    }
  };
  const faultOf = (message: string): EngineFault => {
    if (deps.now() > deadline) return new EngineFault('time');
    if (/stack overflow|call stack/i.test(message)) return new EngineFault('depth');
    return new EngineFault('memory', message);
  };

  const imageOf = (program: Program): Image => {
    const known = images.get(program.key);
    if (known !== undefined) return known;
    restore(clean);
    const fault = call(load, program.json);
    if (fault !== '') throw new EngineFault('syntax', fault);
    const image = capture();
    images.set(program.key, image);
    return image;
  };

  return {
    load(program) {
      deadline = deps.now() + deps.limit;
      restore(clean);
      return call(load, program.json);
    },
    render(program, order, data) {
      deadline = deps.now() + deps.limit;
      restore(imageOf(program));
      return call(render, order, data);
    },
  };
};
