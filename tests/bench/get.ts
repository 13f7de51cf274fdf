// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * `npm run bench -- get`: a folder of 10,000 files of 4 KiB from one built node to another over
 * loopback, beside bare Node HTTPS that serves as many small responses over kept connections.
 * Where the program has no folders yet, `--single N` files go one by one, and that is said.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import { silentLogger } from '../../src/base/base.ts'
import { openIdentity } from '../../src/identity/identity.ts'
import { createCertificate } from '../../src/net/net.ts'
import { cpuSeconds, numberOption, report, round } from './support/measure.ts'
import { type BenchNode, cidIn, connected, NodeClient, startBenchNode } from './support/nodes.ts'
import { type TarFile, tarOf } from './support/tar.ts'

const FILES = numberOption('files', 10_000)
const SINGLE = numberOption('single', 1_000)
const FILE_BYTES = 4_096

/** What Syncthing's receiver uses, as measured elsewhere on a like machine: CPU-ms a file. */
const SYNCTHING_MS = 3.8

const BARE = new URL('./support/bare-small-https.ts', import.meta.url).pathname
const folder = mkdtempSync(join(tmpdir(), 'citynode-bench-get-'))
const closing: (() => unknown)[] = [() => rmSync(folder, { recursive: true, force: true })]
try {
  await main()
} finally {
  for (const close of closing.reverse()) await close()
}

interface PerFile {
  sourceMs: number
  sinkMs: number
  files: number
}

async function main(): Promise<void> {
  const source = await startBenchNode()
  closing.push(() => source.daemon.stop())
  const sink = await startBenchNode([source.address])
  closing.push(() => sink.daemon.stop())
  await connected(sink, 1)
  const clients = { source: new NodeClient(source), sink: new NodeClient(sink) }
  closing.push(() => clients.source.close())
  closing.push(() => clients.sink.close())
  const folderCid = await addFolder(clients.source)
  const cids = folderCid === undefined ? await addSingly(clients.source) : [folderCid]
  const fileCount = folderCid === undefined ? cids.length : FILES
  const ours = await measure([source, sink], fileCount, async () => {
    for (const cid of cids) await clients.sink.fetch(cid)
  })
  const baseline = await bareGet(fileCount)
  print(ours, baseline, folderCid !== undefined)
}

function* files(): Generator<TarFile> {
  for (let index = 0; index < FILES; index++) {
    yield { path: `folder/${index}.bin`, bytes: randomBytes(FILE_BYTES) }
  }
}

/** The CID of the folder; undefined when the program takes an archive for a file, or not at all. */
async function addFolder(client: NodeClient): Promise<string | undefined> {
  const archive = Buffer.concat([...tarOf(files())])
  const addAs = (type: string) =>
    client.call({
      method: 'POST',
      path: '/v1/items?name=folder&visibility=public',
      headers: { 'content-type': type },
      body: Readable.from([archive]),
    })
  const answer = await addAs('application/x-tar')
  if (answer.status >= 400) return undefined
  const cid = cidIn(answer)
  return cid === cidIn(await addAs('application/octet-stream')) ? undefined : cid
}

async function addSingly(client: NodeClient): Promise<string[]> {
  const cids: string[] = []
  for (let index = 0; index < SINGLE; index++) {
    cids.push(await client.add(randomBytes(FILE_BYTES), `name=${index}.bin&visibility=public`))
  }
  return cids
}

async function measure(
  [source, sink]: readonly [BenchNode, BenchNode],
  fileCount: number,
  work: () => Promise<void>,
): Promise<PerFile> {
  await pause(500)
  const before = [cpuSeconds(source.pid), cpuSeconds(sink.pid)] as const
  await work()
  return {
    sourceMs: ((cpuSeconds(source.pid) - before[0]) * 1_000) / fileCount,
    sinkMs: ((cpuSeconds(sink.pid) - before[1]) * 1_000) / fileCount,
    files: fileCount,
  }
}

async function bareGet(fileCount: number): Promise<PerFile> {
  const identity = await openIdentity({ folder, log: silentLogger })
  const { privateKeyPem, certificatePem } = await createCertificate(identity)
  const credentials = join(folder, 'credentials.json')
  writeFileSync(credentials, JSON.stringify({ key: privateKeyPem, cert: certificatePem }))
  const server = fork(BARE, ['serve', String(FILE_BYTES), credentials])
  closing.push(() => void server.kill())
  const { port } = await message<{ port: number }>(server)
  const client = fork(BARE, ['fetch', `https://127.0.0.1:${port}/`, String(fileCount)])
  closing.push(() => void client.kill())
  await message(client)
  await pause(300)
  const pids = [server.pid ?? 0, client.pid ?? 0] as const
  const before = [cpuSeconds(pids[0]), cpuSeconds(pids[1])] as const
  client.send('go')
  await message(client)
  return {
    sourceMs: ((cpuSeconds(pids[0]) - before[0]) * 1_000) / fileCount,
    sinkMs: ((cpuSeconds(pids[1]) - before[1]) * 1_000) / fileCount,
    files: fileCount,
  }
}

function message<Body>(child: ChildProcess): Promise<Body> {
  return new Promise((resolve, reject) => {
    // The two programs are of one file: what one sends is what the other expects.
    child.once('message', (body) => resolve(body as Body))
    child.once('exit', () => reject(new Error('the baseline ended early')))
  })
}

function print(ours: PerFile, baseline: PerFile, isFolder: boolean): void {
  const oursMs = ours.sourceMs + ours.sinkMs
  const baselineMs = baseline.sourceMs + baseline.sinkMs
  report(
    {
      name: 'get',
      ours: round(oursMs),
      baseline: round(baselineMs),
      ratio: round(oursMs / baselineMs, 2),
      budget: SYNCTHING_MS,
      // A file that goes alone is not what the budget is about.
      ok: isFolder && ours.sinkMs <= SYNCTHING_MS,
      unit: 'CPU-ms per file, both ends',
      isFolder,
      files: ours.files,
      sourceMs: round(ours.sourceMs),
      sinkMs: round(ours.sinkMs),
      syncthingSinkMs: SYNCTHING_MS,
    },
    [
      [
        isFolder ? 'citynode, one folder' : 'citynode, file by file: it has no folders yet',
        `${round(oursMs, 2)} CPU-ms a file (${ours.files} of ${FILE_BYTES} bytes)`,
      ],
      ['  source, sink', `${round(ours.sourceMs, 2)} + ${round(ours.sinkMs, 2)} CPU-ms`],
      ['bare Node HTTPS, kept connections', `${round(baselineMs, 2)} CPU-ms a file`],
      ['ratio', `${round(oursMs / baselineMs, 2)}`],
      ['Syncthing, receiver, quoted', `${SYNCTHING_MS} CPU-ms a file (budget of our sink)`],
    ],
  )
}
