// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * `npm run bench -- soak`: two built nodes at work for 30 minutes (`--minutes N`): adds, gets,
 * removals, reads of parts, requests to both gateways, while the store is checked as often as can be
 * set. Items come and go at the same rate, so memory,
 * open files and disk must stay where they are after a warm-up. Not part of CI. Its baseline is the
 * same nodes after the warm-up.
 */
import { randomBytes, randomInt } from 'node:crypto'
import { readdirSync, statSync } from 'node:fs'
import { type ClientRequest, get as getPlain, type IncomingMessage } from 'node:http'
import { get } from 'node:https'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { median, memoryKibibytes, numberOption, report, round } from './support/measure.ts'
import { type BenchNode, connected, NodeClient, startBenchNode } from './support/nodes.ts'

const MINUTES = numberOption('minutes', 30)
const SAMPLE_MS = 5_000
/** Items that are here at the same time. */
const ITEMS = 40
/**
 * In turn, not by chance: of an item of more than a MiB two files are open, and it is some memory. How
 * many of those are here must not change, for what is looked for are leaks.
 */
const SIZES = [0, 100, 4_096, 65_536, 1_048_577, 5_000_000]
const WORKERS = 3
/** The least that can be set. A store of this size is then checked one block every ten seconds. */
const SCRUB_DAYS = 1

/** How far the median of the last third may lie above that of the second. */
const MEMORY_RISE_MIB_MAX = 8
const OPEN_FILES_RISE_MAX = 8
const DISK_RISE_MIB_MAX = 32

const closing: (() => unknown)[] = []
try {
  await main()
} finally {
  for (const close of closing.reverse()) await close()
}

interface Sample {
  /**
   * What it has written itself. The rest of a process are pages of the program, counted by halves and
   * thirds as others come and go that run from the same build.
   */
  anonymousMiB: number
  openFiles: number
  diskMiB: number
}

interface Side {
  node: BenchNode
  client: NodeClient
  samples: Sample[]
}

interface Work {
  endMs: number
  begunCount: number
  cids: string[]
  counts: {
    added: number
    fetched: number
    removed: number
    read: number
    served: number
    shown: number
  }
}

async function main(): Promise<void> {
  const one = await side()
  const other = await side(one.node)
  await connected(other.node, 1)
  const work: Work = {
    endMs: performance.now() + MINUTES * 60_000,
    begunCount: 0,
    cids: [],
    counts: { added: 0, fetched: 0, removed: 0, read: 0, served: 0, shown: 0 },
  }
  await Promise.all([
    ...Array.from({ length: WORKERS }, () => workUntilEnd([one, other], work)),
    watch([one, other], work),
  ])
  print([one, other], work)
}

async function side(known?: BenchNode): Promise<Side> {
  const node = await startBenchNode(known === undefined ? [] : [known.address], {
    content: [`scrub_days = ${SCRUB_DAYS}`],
  })
  closing.push(() => node.daemon.stop())
  const client = new NodeClient(node)
  closing.push(() => client.close())
  return { node, client, samples: [] }
}

/** Each round brings one item to both nodes, uses it in every way, and removes the oldest. */
async function workUntilEnd(sides: readonly [Side, Side], work: Work): Promise<void> {
  const { counts, cids } = work
  for (let round = 0; performance.now() < work.endMs; round++) {
    const [from, to] = round % 2 === 0 ? sides : ([sides[1], sides[0]] as const)
    const sizeBytes = SIZES[work.begunCount++ % SIZES.length] ?? 0
    const cid = await from.client.add(randomBytes(sizeBytes), 'name=soak&visibility=public')
    counts.added += 1
    await to.client.fetch(cid)
    counts.fetched += 1
    await readPart(to, cid, sizeBytes)
    counts.read += 1
    await gatewayRead(from.node, cid)
    counts.served += 1
    await showToPeople(from.node, cid)
    counts.shown += 1
    // The file of no bytes is the same every time, and another worker may be at it.
    if (sizeBytes > 0) cids.push(cid)
    const oldest = cids.length > ITEMS ? cids.shift() : undefined
    if (oldest === undefined) continue
    for (const { client } of sides) {
      await client.call({ method: 'DELETE', path: `/v1/items/${oldest}` })
    }
    counts.removed += 1
  }
}

async function readPart({ client }: Side, cid: string, sizeBytes: number): Promise<void> {
  const from = randomInt(sizeBytes + 1)
  const headers = sizeBytes === 0 ? {} : { range: `bytes=${Math.min(from, sizeBytes - 1)}-` }
  const { status } = await client.call({ method: 'GET', path: `/v1/items/${cid}/bytes`, headers })
  if (status !== 200 && status !== 206) throw new Error(`reading a part: status ${status}`)
}

function gatewayRead(node: BenchNode, cid: string): Promise<void> {
  const options = { rejectUnauthorized: false, agent: false }
  const url = `https://127.0.0.1:${node.contentPort}/ipfs/${cid}?format=car`
  return drained((onResponse) => get(url, options, onResponse))
}

function showToPeople(node: BenchNode, cid: string): Promise<void> {
  const url = `http://127.0.0.1:${node.gatewayPort}/ipfs/${cid}`
  return drained((onResponse) => getPlain(url, { agent: false }, onResponse))
}

/** Asks, and reads the answer to its end. */
function drained(
  ask: (onResponse: (response: IncomingMessage) => void) => ClientRequest,
): Promise<void> {
  return new Promise((resolve, reject) => {
    ask((response) => {
      response.resume()
      response.on('error', reject)
      response.on('end', () => {
        // Busy is an answer; anything else is not what was asked for.
        const { statusCode: status } = response
        if (status === 200 || status === 429 || status === 503) resolve()
        else reject(new Error(`a gateway: status ${status}`))
      })
    }).on('error', reject)
  })
}

async function watch(sides: readonly Side[], { endMs }: Work): Promise<void> {
  while (performance.now() < endMs) {
    await pause(SAMPLE_MS)
    for (const { node, samples } of sides) samples.push(sampleOf(node))
  }
}

function sampleOf({ pid, daemon }: BenchNode): Sample {
  return {
    anonymousMiB: memoryKibibytes(pid, 'Pss_Anon') / 1024,
    openFiles: readdirSync(`/proc/${pid}/fd`).length,
    diskMiB: bytesBelow(daemon.dataFolder) / 2 ** 20,
  }
}

function bytesBelow(folder: string): number {
  let sizeBytes = 0
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    // It may be gone by now: items are removed all the time.
    const facts = statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })
    sizeBytes += facts?.size ?? 0
  }
  return sizeBytes
}

/** How much higher the last third of the samples lies than the second; the first is the warm-up. */
function riseOf(samples: readonly Sample[], field: keyof Sample): Rise {
  const values = samples.map((sample) => sample[field])
  const third = Math.floor(values.length / 3)
  const before = median(values.slice(third, 2 * third))
  const after = median(values.slice(2 * third))
  return { before, after, rise: after - before }
}

interface Rise {
  before: number
  after: number
  rise: number
}

function print(sides: readonly Side[], { counts }: Work): void {
  const worst = (field: keyof Sample): Rise => {
    const rises = sides.map(({ samples }) => riseOf(samples, field))
    return rises.reduce((most, one) => (one.rise > most.rise ? one : most))
  }
  const memory = worst('anonymousMiB')
  const openFiles = worst('openFiles')
  const disk = worst('diskMiB')
  report(
    {
      name: 'soak',
      ours: round(memory.after, 1),
      baseline: round(memory.before, 1),
      ratio: round(memory.after / memory.before),
      budget: MEMORY_RISE_MIB_MAX,
      ok:
        memory.rise <= MEMORY_RISE_MIB_MAX &&
        openFiles.rise <= OPEN_FILES_RISE_MAX &&
        disk.rise <= DISK_RISE_MIB_MAX,
      unit: 'MiB of anonymous memory, of the node that rose more: last third, second third',
      minutes: MINUTES,
      memoryRiseMiB: round(memory.rise, 1),
      openFilesRise: round(openFiles.rise, 1),
      diskRiseMiB: round(disk.rise, 1),
      counts,
    },
    [
      ['memory, anonymous', `${describe(memory)} MiB (budget +${MEMORY_RISE_MIB_MAX})`],
      ['open files', `${describe(openFiles)} (budget +${OPEN_FILES_RISE_MAX})`],
      ['disk', `${describe(disk)} MiB (budget +${DISK_RISE_MIB_MAX})`],
      [
        'work',
        Object.entries(counts)
          .map(([what, count]) => `${count} ${what}`)
          .join(', '),
      ],
      ['for', `${MINUTES} minutes`],
    ],
  )
}

function describe({ before, after, rise }: Rise): string {
  return `${round(before, 1)} → ${round(after, 1)}, ${rise >= 0 ? '+' : ''}${round(rise, 1)}`
}
