// SPDX-License-Identifier: AGPL-3.0-or-later
/** UnixFS: which content ids we take, and the trees of the profile `unixfs-v1-2025`. Pure. */
export * from './cids.ts'
export * from './dag.ts'
export { importOneFile } from './file-import.ts'
export { importFolder } from './folder-import.ts'
export type * from './import-sink.ts'
export * from './importing.ts'
export { pathRefused, shownPath } from './refusals.ts'
export type { EntryAttributes, FileReference, SourceEntry } from './source-entry.ts'
export { parseEntryPath } from './source-entry.ts'
