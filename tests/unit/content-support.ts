// SPDX-License-Identifier: AGPL-3.0-or-later
/** Blocks in memory, for the tests of the content room. */
import { createHash } from 'node:crypto'
import type { CID } from 'multiformats/cid'
import { cidOf, RAW } from '../../src/content/unixfs/cids.ts'

export const MEBIBYTE = 1024 * 1024

export function sha256(bytes: Uint8Array): Uint8Array {
  return createHash('sha256').update(bytes).digest()
}

/** A block with its CID. */
export interface Block {
  cid: CID
  bytes: Uint8Array
}

export function rawBlock(bytes: Uint8Array): Block {
  return { cid: cidOf(RAW, sha256(bytes)), bytes }
}
