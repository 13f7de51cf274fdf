// SPDX-License-Identifier: AGPL-3.0-or-later
/** Items in CAR files: from the store to a stick, and from a stick into the store. */
export { exportCar } from './exporting.ts'
export { type CarReport, type ImportOptions, importCar } from './importing.ts'
export type { Landing } from './landing.ts'
