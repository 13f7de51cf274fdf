// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The machine we run on: its clock, chance, files, network interfaces, commands, vitals, and where
 * logs and metrics go. The only room that starts processes or imports pino, prom-client and
 * systeminformation.
 */
export * from './clock.ts'
export * from './commands.ts'
export * from './files.ts'
export * from './interfaces.ts'
export * from './log.ts'
export { MachineWatch, type MachineWatchDeps } from './machine-watch.ts'
export * from './metrics.ts'
export * from './random.ts'
export { type PowerState, type Vitals, VitalsReader } from './vitals.ts'
