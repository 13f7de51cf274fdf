// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * What the add benchmark is shown beside: a file read, hashed in leaves of 1 MiB, written to another
 * file and synced; no tree, no second process. Arguments: `FILE TARGET`. Talks to its parent by IPC.
 */
import { createHash } from 'node:crypto'
import { open } from 'node:fs/promises'

const LEAF_BYTES = 1024 * 1024

const [file = '', target = ''] = process.argv.slice(2)
process.on('message', () => void copy())
process.send?.({ ready: true })

async function copy(): Promise<void> {
  await using source = await open(file, 'r')
  await using sink = await open(target, 'w')
  const buffer = Buffer.allocUnsafeSlow(LEAF_BYTES)
  for (let position = 0; ; ) {
    const { bytesRead } = await source.read(buffer, 0, LEAF_BYTES, position)
    if (bytesRead === 0) break
    const leaf = buffer.subarray(0, bytesRead)
    createHash('sha256').update(leaf).digest()
    await sink.write(leaf, 0, bytesRead, position)
    position += bytesRead
  }
  await sink.datasync()
  process.send?.({})
}
