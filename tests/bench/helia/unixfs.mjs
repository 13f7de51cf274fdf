// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * What Helia makes of CARs, and CARs that Helia makes, for tests of what we have in common:
 * `read CAR` prints all entries below the first root, `make CAR [PROFILE]` writes a sample folder and
 * prints its root, `get URL CID` fetches from a Trustless Gateway and prints the same as `read`.
 */
import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { fallbackRouter } from '@helia/fallback-router'
import { trustlessGatewayBlockBroker } from '@helia/trustless-gateway-client'
import { unixfs } from '@helia/unixfs'
import { CarBlockIterator, CarWriter } from '@ipld/car'
import { defaultLogger } from 'birnam'
import { MemoryBlockstore } from 'blockstore-core'
import { exporter } from 'ipfs-unixfs-exporter'
import { CID } from 'multiformats/cid'

/** Remembers the whole ids of its blocks, of which a store in memory keeps the hash alone. */
class NamingBlockstore extends MemoryBlockstore {
  cids = new Map()

  put(cid, ...rest) {
    this.cids.set(cid.toString(), cid)
    return super.put(cid, ...rest)
  }
}

const [command, first, second] = process.argv.slice(2)
const commands = { read, make, get }
console.log(JSON.stringify(await commands[command](first, second)))

async function read(path) {
  const blockstore = new MemoryBlockstore()
  const blocks = await CarBlockIterator.fromIterable(createReadStream(path))
  const [root] = await blocks.getRoots()
  for await (const { cid, bytes } of blocks) await blockstore.put(cid, bytes)
  // Of the CID class that Helia uses, which is not the one of the CAR library.
  return treeOf(blockstore, CID.parse(root.toString()))
}

/** Its block broker alone: a node of Helia's would first ask routers on the internet. */
async function get(url, text) {
  const routing = fallbackRouter({ gateways: [url] })
  const options = { allowInsecure: true, allowLocal: true }
  const broker = trustlessGatewayBlockBroker(options)({ routing, logger: defaultLogger() })
  const blockstore = {
    async *get(cid) {
      const validateFn = (bytes) => {
        const digest = createHash('sha256').update(bytes).digest()
        if (!digest.equals(cid.multihash.digest)) throw new Error(`wrong bytes for ${cid}`)
      }
      yield await broker.retrieve(cid, { validateFn })
    },
  }
  return treeOf(blockstore, CID.parse(text))
}

async function make(path, profile) {
  const blockstore = new NamingBlockstore()
  const options = profile === undefined ? {} : { profile }
  let root
  const added = unixfs({ blockstore }).addAll(sample(), { ...options, wrapWithDirectory: true })
  for await (const entry of added) root = entry.cid
  const { writer, out } = CarWriter.create([root])
  const written = pipeline(Readable.from(out), createWriteStream(path))
  for (const cid of blockstore.cids.values()) {
    await writer.put({ cid, bytes: await joined(blockstore.get(cid)) })
  }
  await writer.close()
  await written
  return { root: root.toString() }
}

/** The same as in tests/integration/helia-interop.test.ts. */
function* sample() {
  yield { path: 'empty', content: new Uint8Array() }
  yield { path: 'large.bin', content: pattern(3 * 1024 * 1024 + 7) }
  yield { path: 'sub/größe 日本', content: Buffer.from('hello') }
  yield {
    path: 'dated',
    content: Buffer.from('old'),
    mode: 0o640,
    mtime: { secs: 1_000_000_000n, nsecs: 5 },
  }
  for (let index = 0; index < 5000; index++) {
    yield { path: `many/file number ${index}`, content: Buffer.from(String(index)) }
  }
}

function pattern(sizeBytes) {
  const bytes = Buffer.alloc(sizeBytes)
  for (let at = 0; at + 4 <= sizeBytes; at += 4) bytes.writeUInt32LE((at * 2654435761) >>> 0, at)
  return bytes
}

async function treeOf(blockstore, root) {
  const files = unixfs({ blockstore })
  const found = []
  const visit = async (cid, path) => {
    const entry = await exporter(cid, blockstore)
    const { mode, mtime } = entry.unixfs ?? {}
    const facts = {
      path,
      cid: cid.toString(),
      mode,
      mtime: mtime && [Number(mtime.secs), mtime.nsecs],
    }
    if (entry.type === 'directory') {
      found.push({ ...facts, type: 'folder' })
      for await (const below of files.ls(cid)) {
        await visit(below.cid, path === '' ? below.name : `${path}/${below.name}`)
      }
      return
    }
    if (entry.unixfs?.type === 'symlink') {
      const target = Buffer.from(entry.unixfs.data ?? []).toString()
      found.push({ ...facts, type: 'symlink', target })
      return
    }
    const bytes = await joined(files.cat(cid))
    const sha256 = createHash('sha256').update(bytes).digest('hex')
    found.push({ ...facts, type: 'file', sizeBytes: bytes.length, sha256 })
  }
  await visit(root, '')
  return found
}

async function joined(pieces) {
  if (pieces instanceof Uint8Array) return pieces
  const parts = []
  for await (const piece of pieces) parts.push(piece)
  return Buffer.concat(parts)
}
