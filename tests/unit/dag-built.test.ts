// SPDX-License-Identifier: AGPL-3.0-or-later
/** What we build is what we read: folders of all kinds, from their entries to a CAR and back. */
import { expect, it } from 'vitest'
import { SeededRandom } from '../../src/base/base.ts'
import {
  blockNameOf,
  importFolder,
  listFolder,
  parseNode,
  resolvePath,
  type SourceEntry,
} from '../../src/content/unixfs/unixfs.ts'
import {
  MemoryBlocks as BuiltBlocks,
  eachOf,
  fileEntry,
  folderEntry,
  never,
  symlinkEntry,
} from './content-folder-support.ts'
import { MEBIBYTE } from './content-support.ts'
import { carOfDag, contentOf, EVERYTHING, MemoryBlocks, readDag } from './dag-support.ts'

it('a folder with a sharded one, a large file and symlinks in it comes back whole', async () => {
  const random = new SeededRandom(3)
  const contents = new Map<string, Uint8Array>([
    ['large', random.bytes(2 * MEBIBYTE + 5)],
    ['empty', new Uint8Array()],
  ])
  // As many as no longer fit into one node of the profile.
  for (let index = 0; index < 6000; index++) contents.set(`many/${index} ä.txt`, random.bytes(9))
  const modifiedAt = { seconds: -5, nanoseconds: 7 }
  const entries: SourceEntry[] = [
    { ...folderEntry(''), mode: 0o750, modifiedAt },
    ...[...contents].map(([path, bytes]) => fileEntry(path, bytes)),
    symlinkEntry('link', '../elsewhere'),
  ]
  const built = new BuiltBlocks()
  const options = { keepsMode: true, keepsTime: true, signal: never }
  const root = await importFolder(eachOf(entries), built, options)
  const blocks = new MemoryBlocks()
  for (const { cid, bytes } of built.walk(root.cid)) blocks.add(blockNameOf(cid), bytes)

  const car = await carOfDag({ root: root.cid, blocks })
  const { reader, sink } = readDag(root.cid, car, { dups: true, pieceLength: () => 16_384 })
  // The sink has hashed them; more than there were are not possible.
  expect(sink.blocks.map.size).toBe(blocks.map.size)
  expect(reader.carBodyBytes).toBe(root.carBodyBytes)
  expect(reader.verifiedBytes).toBe(root.sizeBytes)

  for (const [index, [path, bytes]] of [...contents].entries()) {
    if (index > 2 && index % 20 > 0) continue
    const found = await resolvePath(sink.blocks, root.cid, path.split('/'))
    if (found.kind !== 'found') throw new Error(`${path} is ${found.kind}`)
    expect(Buffer.compare(contentOf(sink.blocks, found.cid), bytes), path).toBe(0)
  }
  const top = parseNode(sink.blocks.find(blockNameOf(root.cid))?.place ?? new Uint8Array())
  expect(top).toMatchObject({ kind: 'folder', mode: 0o750, modifiedAt })
  const many = await resolvePath(sink.blocks, root.cid, ['many'])
  if (many.kind !== 'found') throw new Error(many.kind)
  expect(many.node?.kind).toBe('shard')
  let count = 0
  for await (const _entry of listFolder(sink.blocks, many.cid)) count += 1
  expect(count).toBe(6000)
  const link = await resolvePath(sink.blocks, root.cid, ['link'])
  expect(link).toMatchObject({ node: { kind: 'symlink', target: '../elsewhere' } })
  // From any byte on, as well.
  const skipBytes = Math.floor(random.unit() * car.length)
  const tail = await carOfDag({ root: root.cid, blocks }, { ...EVERYTHING, skipBytes })
  expect(tail.equals(car.subarray(skipBytes))).toBe(true)
}, 60_000)
