// How far V8 lets its heap grow between collections.
import { setFlagsFromString } from 'node:v8';

/**
 * At most to twice what lived after the last whole collection; V8's own bound is four times that. A process that reads a long stream
 * has as much garbage as it is allowed to, and a hundred thousand lines took 280 MiB where 190 do (docs/benchmarks.md,
 * `accept-lines`). For the whole process, threads too; V8 reads the flag at each collection.
 */
export const boundHeapGrowth = (): void => setFlagsFromString('--heap-growing-percent=100');
