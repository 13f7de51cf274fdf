// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The same file by Helia and bitswap, between two processes over loopback, from and to a blockstore
 * on disk. Prints the CPU-seconds of both ends as its last line.
 */
import { fork } from 'node:child_process'
import { createReadStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const [file, role, address, cid] = process.argv.slice(2)
if (role === undefined) await compare()
else await run()

async function compare() {
  const source = fork(import.meta.filename, [file, 'source'])
  const offer = await next(source)
  const sink = fork(import.meta.filename, [file, 'sink', offer.address, offer.cid])
  const got = await next(sink)
  source.send('finish')
  const served = await next(source)
  source.kill()
  sink.kill()
  console.log((got.cpu + served.cpu).toFixed(3))
}

async function run() {
  const { createHelia } = await import('helia')
  const { unixfs } = await import('@helia/unixfs')
  const { FsBlockstore } = await import('blockstore-fs')
  const { CID } = await import('multiformats/cid')
  const { multiaddr } = await import('@multiformats/multiaddr')
  const folder = await mkdtemp(join(tmpdir(), 'helia-'))
  const helia = await createHelia({
    blockstore: new FsBlockstore(folder),
    libp2p: { addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] }, peerDiscovery: [] },
  })
  await helia.start()
  const files = unixfs(helia)
  if (role === 'source') {
    const added = await files.addByteStream(createReadStream(file))
    const before = process.cpuUsage()
    const dialable = helia.libp2p
      .getMultiaddrs()
      .find((one) => one.toString().includes('127.0.0.1'))
    process.send({ address: dialable?.toString(), cid: added.toString() })
    await new Promise((resolve) => process.once('message', resolve))
    await finish(before)
  } else {
    await helia.libp2p.dial(multiaddr(address))
    const before = process.cpuUsage()
    for await (const _bytes of files.cat(CID.parse(cid))) {
      // Read to the end; the blocks are kept in the blockstore on the way.
    }
    await finish(before)
  }

  async function finish(before) {
    const used = process.cpuUsage(before)
    await rm(folder, { recursive: true, force: true })
    process.send({ cpu: (used.user + used.system) / 1e6 })
  }
}

function next(child) {
  return new Promise((resolve, reject) => {
    child.once('message', resolve)
    child.once('exit', (code) => reject(new Error(`ended with ${code}`)))
  })
}
