// SPDX-License-Identifier: AGPL-3.0-or-later
/** What folders and their shards have in common: entries with names. Pure. */
import type { CID } from 'multiformats/cid'
import type { UnixTime } from '../../base/base.ts'
import { unsupportedItem } from '../errors.ts'
import type { BlockName } from './cids.ts'

/** What a publisher may have kept of the file system; most do not. */
export interface NodeExtras {
  /** Permissions as `chmod` takes them. */
  mode: number | undefined
  /** By the publisher's clock. */
  modifiedAt: UnixTime | undefined
}

export interface FolderLink {
  /** Of the entry: not empty, no slash, not `.` or `..`, once in its folder. */
  name: string
  cid: CID
  /** Undefined: an id of a kind that we do not keep. */
  block: BlockName | undefined
  /** Bytes of all blocks below, as whoever made the folder says. Never verified. */
  totalBytes: number | undefined
}

/**
 * Refuses what no folder of any file system could hold, or what would lead out of one.
 * @throws CodedError `CONTENT_UNSUPPORTED`
 */
export function checkEntryName(name: string): void {
  const isPossible = name !== '' && name !== '.' && name !== '..' && !/[/\0]/.test(name)
  if (!isPossible) throw unsupportedItem('a folder of it has an entry with an impossible name')
}
