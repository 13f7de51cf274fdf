// SPDX-License-Identifier: AGPL-3.0-or-later
/** One node of a tree as we make it: dag-pb, its hash, and what lies below. */
import { hash } from 'node:crypto'
import { encode, type PBLink } from '@ipld/dag-pb'
import type { CID } from 'multiformats/cid'
import { cidOf, DAG_PB } from './cids.ts'

export interface BuiltNode {
  cid: CID
  bytes: Uint8Array
  /** Bytes of this block and of all blocks below, each as often as it occurs: dag-pb's `Tsize`. */
  dagBytes: number
}

/** @param links in the order of their names' bytes */
export function buildNode(data: Uint8Array, links: PBLink[]): BuiltNode {
  const bytes = encode({ Data: data, Links: links })
  let dagBytes = bytes.length
  for (const { Tsize: belowBytes } of links) dagBytes += belowBytes ?? 0
  return { cid: cidOf(DAG_PB, sha256(bytes)), bytes, dagBytes }
}

export function sha256(bytes: Uint8Array): Buffer {
  return hash('sha256', bytes, 'buffer')
}
