// SPDX-License-Identifier: AGPL-3.0-or-later
/** Where the entries of a folder come from: a folder of this machine, or an archive. */
export {
  type FoundPath,
  lookAt,
  type OpenedSource,
  type OpenSourceFile,
  openFileSource,
  type SeenFile,
} from './file-source.ts'
export { entriesOfTar } from './tar-entries.ts'
export { type SkippedEntry, type WalkOptions, walkFolder } from './walking.ts'
