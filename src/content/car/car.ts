// SPDX-License-Identifier: AGPL-3.0-or-later
/** CARs, the envelope in which blocks travel: written from what we hold, read with suspicion. */
export * from './byte-range.ts'
export * from './dag-reader.ts'
export * from './dag-sections.ts'
export * from './dag-sink.ts'
