// SPDX-License-Identifier: AGPL-3.0-or-later
/** UnixFS: content ids, nodes, paths, folders and files of whole items, and the profile we build by. */
export * from './cids.ts'
export type { FolderLink, NodeExtras } from './entries.ts'
export { importOneFile } from './file-import.ts'
export { importFolder } from './folder-import.ts'
export type * from './import-sink.ts'
export * from './importing.ts'
export * from './listing.ts'
export * from './node.ts'
export * from './ports.ts'
export { pathRefused, shownPath } from './refusals.ts'
export * from './resolving.ts'
export {
  checkShard,
  placeBelow,
  type ShardLink,
  type ShardNode,
  type ShardPlace,
} from './shards.ts'
export type {
  EntryAttributes,
  FileIdentity,
  FileOrigin,
  FileReference,
  SourceEntry,
} from './source-entry.ts'
export { parseEntryPath } from './source-entry.ts'
export * from './spans.ts'
export * from './walk-limits.ts'
export * from './walking.ts'
