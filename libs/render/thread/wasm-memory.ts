// Bounds the memory of a WebAssembly module that brings its own and says no bound: up to 4 GiB would be its then.

/** Sections of a module: an id, a length, that many bytes (WebAssembly Core Specification 5.5.2). */
const MAGIC_BYTES = 8;
const MEMORY_SECTION = 5;

/** Reads an unsigned LEB128 (5.2.2). @returns the number, and where it ends */
const readNumber = (bytes: Uint8Array, at: number): [value: number, end: number] => {
  for (let [value, shift, here] = [0, 0, at]; ; here++, shift += 7) {
    const byte = bytes[here] ?? 0;
    value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return [value, here + 1];
  }
};

const writeNumber = (value: number): number[] =>
  value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...writeNumber(Math.floor(value / 0x80))];

/**
 * @param pages most pages of 64 KiB that the module's memory may grow to; beyond that an allocation fails inside, which traps
 * @returns the same module with that bound
 * @throws Error where it is no module with one memory of its own that has no bound yet
 */
export const withMostMemory = (module: Uint8Array, pages: number): Uint8Array => {
  for (let at = MAGIC_BYTES; at < module.length;) {
    const id = module[at];
    const [length, start] = readNumber(module, at + 1);
    if (id !== MEMORY_SECTION) {
      at = start + length;
      continue;
    }
    const [memories, flags] = [module[start], module[start + 1]];
    if (memories !== 1 || flags !== 0) break;
    const [least] = readNumber(module, start + 2);
    const section = [1, 1, ...writeNumber(least), ...writeNumber(pages)];
    return Buffer.concat([
      module.subarray(0, at),
      Buffer.from([MEMORY_SECTION, ...writeNumber(section.length), ...section]),
      module.subarray(start + length),
    ]);
  }
  throw new Error('the module has no memory of its own without a bound');
};
