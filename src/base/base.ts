// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The ground everything stands on: time, chance, failures, limits, ports and names. Pure: no I/O,
 * no dependency but the `multiformats` vocabulary. Runs in a browser too.
 */
export * from './byte-reader.ts'
export * from './bytes.ts'
export * from './edits.ts'
export * from './errors.ts'
export * from './events.ts'
export * from './ids.ts'
export * from './lifecycle.ts'
export * from './log.ts'
export * from './metrics.ts'
export * from './node-name.ts'
export * from './queues.ts'
export * from './random.ts'
export * from './tar-format.ts'
export * from './tar-reader.ts'
export * from './time.ts'
export * from './units.ts'
export * from './unix-time.ts'
