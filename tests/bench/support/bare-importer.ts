// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The baseline of the add benchmark: ipfs-unixfs-importer alone, reading a file and keeping nothing,
 * with the profile `unixfs-v1-2025`. Argument: `FILE`. Talks to its parent by IPC.
 */
import { createReadStream } from 'node:fs'
import { importFile } from 'ipfs-unixfs-importer'
import { fixedSize } from 'ipfs-unixfs-importer/chunker'
import { balanced } from 'ipfs-unixfs-importer/layout'
import type { CID } from 'multiformats/cid'

const LEAF_BYTES = 1024 * 1024
const LINKS = 1024

/** Takes every block and keeps none. */
const nowhere = {
  put: (cid: CID): CID => cid,
}

const [file = ''] = process.argv.slice(2)
process.on('message', async () => {
  const { cid } = await importFile(
    { content: createReadStream(file, { highWaterMark: LEAF_BYTES }) },
    nowhere,
    {
      cidVersion: 1,
      rawLeaves: true,
      reduceSingleLeafToSelf: true,
      chunker: fixedSize({ chunkSize: LEAF_BYTES }),
      layout: balanced({ maxChildrenPerNode: LINKS }),
    },
  )
  process.send?.({ cid: cid.toString() })
})
process.send?.({ ready: true })
