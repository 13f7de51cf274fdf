// SPDX-License-Identifier: AGPL-3.0-or-later
/** CARs, the envelope in which blocks travel: written from what we hold, read with suspicion. */
export * from './car-reader.ts'
export * from './car-sections.ts'
