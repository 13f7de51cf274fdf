// SPDX-License-Identifier: AGPL-3.0-or-later
/** The CIDs that we make are those that Kubo makes, and anybody can read the trees. */
import { createCipheriv, createHash } from 'node:crypto'
import { exporter } from 'ipfs-unixfs-exporter'
import type { CID } from 'multiformats/cid'
import { describe, expect, it } from 'vitest'
import { CodedError, SeededRandom } from '../../src/base/base.ts'
import { type ByteSink, importBytes, type Tree } from '../../src/content/unixfs/importing.ts'
import { parseNode } from '../../src/content/unixfs/node.ts'
import vectors from '../fixtures/kubo/cid-vectors.json' with { type: 'json' }

const MEBIBYTE = 1024 * 1024
const never = new AbortController().signal
const nowhere: ByteSink = { write: () => {}, ready: () => Promise.resolve() }

/** A ChaCha20 keystream, as Kubo's tests make their files. */
async function* keystream(seed: string, sizeBytes: number): AsyncGenerator<Uint8Array> {
  const key = createHash('sha256').update(seed).digest()
  const cipher = createCipheriv('chacha20', key, Buffer.alloc(16))
  const zeros = Buffer.alloc(MEBIBYTE)
  for (let at = 0; at < sizeBytes; at += MEBIBYTE) {
    yield cipher.update(zeros.subarray(0, Math.min(MEBIBYTE, sizeBytes - at)))
  }
}

async function* pieces(bytes: Uint8Array, length: () => number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; ) {
    const end = Math.min(bytes.length, at + length())
    yield bytes.subarray(at, end)
    at = end
  }
}

/** Imports into memory. */
async function importWhole(
  source: AsyncIterable<Uint8Array>,
  width?: number,
): Promise<{ tree: Tree; bytes: Buffer }> {
  const written: Uint8Array[] = []
  const sink: ByteSink = {
    write: (piece) => {
      written.push(piece)
    },
    ready: () => Promise.resolve(),
  }
  const options = width === undefined ? { signal: never } : { signal: never, width }
  const tree = await importBytes(source, sink, options)
  return { tree, bytes: Buffer.concat(written) }
}

describe('CIDs equal to Kubo’s', () => {
  for (const vector of vectors) {
    const title =
      vector.text ?? `${vector.sizeMebibytes} MiB of ${vector.seed}, ${vector.width} wide`
    it(title, { timeout: 60_000 }, async () => {
      const source =
        vector.text === undefined
          ? keystream(vector.seed ?? '', (vector.sizeMebibytes ?? 0) * MEBIBYTE)
          : pieces(Buffer.from(vector.text), () => MEBIBYTE)
      const options = { signal: never, width: vector.width }
      const tree = await importBytes(source, nowhere, options)
      expect(tree.root.toString()).toBe(vector.cid)
    })
  }

  it('an empty file is the empty raw block', async () => {
    const { tree } = await importWhole(pieces(new Uint8Array(), () => 1))
    expect(tree.root.toString()).toBe('bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku')
    expect(tree.sizeBytes).toBe(0)
    expect(tree.leaves).toHaveLength(1)
  })
})

describe('trees', () => {
  it('do not depend on how the bytes arrive, and are read by ipfs-unixfs-exporter', async () => {
    const seed = 20_261_123
    const random = new SeededRandom(seed)
    const bytes = random.bytes(3 * MEBIBYTE + 4711)
    const even = await importWhole(pieces(bytes, () => 64 * 1024))
    const odd = await importWhole(pieces(bytes, () => 1 + Math.floor(random.unit() * 300_000)))
    expect(odd.tree.root.toString(), `seed ${seed}`).toBe(even.tree.root.toString())
    expect(odd.bytes.equals(bytes)).toBe(true)

    const blocks = blockstoreOf(even.tree, bytes)
    const entry = await exporter(even.tree.root, blocks)
    const read: Uint8Array[] = []
    if (entry.type !== 'file' && entry.type !== 'raw') throw new Error(`it is a ${entry.type}`)
    for await (const chunk of entry.content()) read.push(chunk)
    expect(Buffer.concat(read).equals(bytes)).toBe(true)
  })

  it('list a leaf that occurs twice once, at its first place', async () => {
    const leaf = new SeededRandom(7).bytes(MEBIBYTE)
    const other = new SeededRandom(8).bytes(MEBIBYTE)
    const { tree } = await importWhole(
      pieces(Buffer.concat([other, leaf, leaf, other]), () => 99_999),
    )
    expect(tree.leaves.map(({ offset }) => offset)).toEqual([0, MEBIBYTE])
    expect(tree.sizeBytes).toBe(4 * MEBIBYTE)
    expect(parseNode(tree.nodes[0]?.bytes ?? new Uint8Array())).toMatchObject({
      links: { length: 4 },
    })
  })

  it('end with the failure of the sink, of the source, or the signal’s reason', async () => {
    const full: ByteSink = {
      write: () => {},
      ready: () => Promise.reject(new CodedError('STORE_FULL', 'full')),
    }
    const bytes = new Uint8Array(2 * MEBIBYTE)
    await expect(
      importBytes(
        pieces(bytes, () => MEBIBYTE),
        full,
        { signal: never },
      ),
    ).rejects.toMatchObject({ code: 'STORE_FULL' })
    const controller = new AbortController()
    async function* stops(): AsyncGenerator<Uint8Array> {
      yield bytes
      controller.abort(new CodedError('ABORTED', 'enough'))
      yield bytes
    }
    await expect(
      importBytes(stops(), nowhere, { signal: controller.signal }),
    ).rejects.toMatchObject({ code: 'ABORTED' })
  })
})

function blockstoreOf(tree: Tree, bytes: Uint8Array): Parameters<typeof exporter>[1] {
  const blocks = new Map<string, Uint8Array>()
  const keyOf = (digest: Uint8Array): string => Buffer.from(digest).toString('hex')
  for (const node of tree.nodes) blocks.set(keyOf(node.digest), node.bytes)
  for (const leaf of tree.leaves) {
    blocks.set(keyOf(leaf.digest), bytes.subarray(leaf.offset, leaf.offset + leaf.sizeBytes))
  }
  return {
    async *get(cid: CID): AsyncGenerator<Uint8Array> {
      const block = blocks.get(keyOf(cid.multihash.digest))
      if (block === undefined) throw new Error('no such block')
      yield block
    },
  }
}
