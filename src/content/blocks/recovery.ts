// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * What a start does: the index is told what stands in the packs beyond the point up to which it knows
 * them. After a power cut that is a little; when the database was lost, it is everything, and the
 * bodies are looked at too. Afterwards the index says what is on the disk, and what is gone is named.
 */
import type { CID } from 'multiformats/cid'
import { asError, type Clock, copyOf, errorCode, type Logger, parseCid } from '../../base/base.ts'
import { IDLE_ARRIVALS_MAX } from '../limits.ts'
import { type BlockReader, DAG_PB, RAW, walkDag } from '../unixfs/unixfs.ts'
import type { BlockIndex, Place, Volume } from './block-index.ts'
import { type Bodies, type ByteRange, type FoundBody, manifestStart } from './bodies.ts'
import type { Catalogue } from './catalogue.ts'
import type { Disk } from './disk.ts'
import { CHECKED_FILES_MAX, CHECKS_PARALLEL_MAX } from './limits.ts'
import type { Packs } from './packs.ts'
import { DAG_CBOR, decodeRecord, type ItemRecord, type PackRecord } from './records.ts'
import { type FoundSection, scanSections } from './sections.ts'

export interface RecoveryDeps {
  disk: Disk
  log: Logger
  clock: Clock
  index: BlockIndex
  items: Catalogue
  packs: Packs
  bodies: Bodies
  blocks: BlockReader
  /** Takes from an item that is no more what it had. */
  letGo(item: number): Promise<unknown>
  /** Says that a block is missing, and with it the items that need it. */
  drop(place: Place): void
  /** Whether a large file is one of what is being erased. */
  isErased(cid: string): boolean
  /** The last run ended in order, with this index: no file is there that it does not know. */
  isOrderly: boolean
}

export interface RecoveryReport {
  /** The index was made anew from packs and bodies. */
  isRebuilt: boolean
  /** The highest number of a record so far. */
  revision: number
  /** Items that are not whole any more. */
  lost: readonly { cid: CID; name: string; missingCount: number }[]
  /** Whole files that no item has: found only when the index is made anew. */
  strays: readonly CID[]
  /** Files of which nothing is known but their name. */
  unknownBodies: readonly string[]
}

type ReferenceRecord = PackRecord & { record: 'reference' }
type StateRecord = PackRecord & { record: 'item' | 'gone' }

/** What the packs say beyond what the index knows. */
interface Replay {
  revision: number
  /** The last record about each item. */
  states: Map<string, StateRecord>
  references: ReferenceRecord[]
  /** A pack that was closed long ago could not be read to its end. */
  isTorn: boolean
}

export async function recover(deps: RecoveryDeps, signal: AbortSignal): Promise<RecoveryReport> {
  const { index, packs, bodies, isOrderly } = deps
  const position = index.position()
  const found = isOrderly ? [] : await bodies.list()
  const isRebuilt = position === undefined && (packs.numbers().length > 0 || found.length > 0)
  if (isRebuilt)
    deps.log.warn('making the index of the store anew', { count: packs.numbers().length })
  const replay = await replayPacks(deps, position, signal)
  // An index that lags behind a power cut may not know a body that was acknowledged. After the packs,
  // in which a node may lie that its manifest has lost.
  for (const body of found) {
    signal.throwIfAborted()
    const isKnown = index.volumeNamed('body', body.cid) !== undefined
    if (!isKnown || body.isPartial) await trying(deps, body.cid, () => registerBody(deps, body))
  }
  for (const record of replay.references) {
    await trying(deps, record.path, () => registerReference(deps, record))
  }
  dropLostPacks(deps)
  const lost = await applyStates(deps, replay)
  forgetOldArrivals(deps)
  for (const item of index.itemsGone()) await deps.letGo(item)
  // When every pack could be read, all that was acknowledged is known: what is left over is not kept.
  const isPackLost = isRebuilt && (replay.isTorn || hasGap(packs.numbers()))
  const strays = isPackLost ? findStrays(deps, found, replay) : []
  await removeUseless(deps, isPackLost ? found.filter(({ cid }) => deps.isErased(cid)) : found)
  await dropMissing(deps, signal)
  index.setPosition(packs.end, replay.revision)
  const unknownBodies = isPackLost
    ? found
        .filter(({ cid, hasManifest, hasBytes }) => hasBytes && !hasManifest && !deps.isErased(cid))
        .map(({ cid }) => cid)
    : []
  return { isRebuilt, revision: replay.revision, lost, strays, unknownBodies }
}

/** What is wrong with one file is no reason to do without all others. */
async function trying(
  { log }: RecoveryDeps,
  name: string,
  work: () => Promise<void>,
): Promise<void> {
  try {
    await work()
  } catch (thrown) {
    log.error('a file in the store could not be read', { name, error: asError(thrown) })
  }
}

async function replayPacks(
  deps: RecoveryDeps,
  position: ReturnType<BlockIndex['position']>,
  signal: AbortSignal,
): Promise<Replay> {
  const { packs, index } = deps
  const replay: Replay = {
    revision: position?.revision ?? 0,
    states: new Map(),
    references: [],
    isTorn: false,
  }
  // An earlier start has found the last pack torn, and left it: whatever came to stand behind the torn
  // place would be lost with the next index.
  const lastPack = packs.numbers().at(-1) ?? 0
  if (position !== undefined && position.pack > lastPack) packs.leaveUnfinished()
  for (const pack of packs.numbers()) {
    if (position !== undefined && pack < position.pack) continue
    const start = packs.firstSection(pack)
    const from = pack === position?.pack ? Math.max(start, position.offset) : start
    const isLast = pack === lastPack
    const file = await packs.openPack(pack)
    let result: Awaited<ReturnType<typeof scanSections>>
    try {
      const blocks: FoundSection[] = []
      const flush = async (): Promise<void> => {
        const volume = packVolume(index, pack)
        index.transaction(() => {
          for (const block of blocks.splice(0)) tell(index, volume, block)
        })
      }
      result = await scanSections(file, {
        from,
        signal,
        // The others were safe to their ends before the next one was begun: there is only rot.
        skipsRotten: !isLast,
        visit: (section) => {
          if (section.codec === DAG_CBOR) note(replay, decodeRecord(section.bytes))
          else blocks.push({ ...section, digest: copyOf(section.digest) })
        },
        breathe: flush,
      })
      await flush()
    } finally {
      await file.close()
    }
    if (result.rottenCount > 0) {
      replay.isTorn = true
      deps.log.error('blocks in a pack are rotten', { pack, ...result })
    }
    if (result.problem !== undefined) {
      replay.isTorn ||= !isLast
      deps.log.warn('the end of a pack is not readable', { pack, ...result, isLast })
      // A new index knows of nothing that is behind; it may be rot, so it stays for whoever can read it.
      if (isLast && position === undefined) {
        packs.leaveUnfinished()
        continue
      }
    }
    // Also where nothing is torn: that makes safe what a killed process had only handed over.
    const isNew = result.problem !== undefined || result.endOffset > from
    if (isLast && isNew) await packs.truncate(pack, result.endOffset)
  }
  return replay
}

function note(replay: Replay, record: PackRecord | undefined): void {
  if (record === undefined) return
  if (record.record === 'reference') replay.references.push(record)
  if (record.record !== 'item' && record.record !== 'gone') return
  replay.revision = Math.max(replay.revision, record.revision)
  const key = record.root.toString()
  const known = replay.states.get(key)
  if (known === undefined || known.revision < record.revision) replay.states.set(key, record)
}

function tell(
  index: BlockIndex,
  volume: number,
  block: { digest: Uint8Array; offset: number; bytes: Uint8Array },
): void {
  const { digest, offset, bytes } = block
  index.putBlock(volume, { digest, offset, sizeBytes: bytes.length })
}

function packVolume(index: BlockIndex, pack: number): number {
  const wanted = { kind: 'pack', name: String(pack), sizeBytes: 0, reference: undefined } as const
  return index.openVolume(wanted).volume
}

/** Makes the index say of each item what its last record says. @returns items that are not whole */
async function applyStates(deps: RecoveryDeps, replay: Replay): Promise<RecoveryReport['lost']> {
  const { items } = deps
  const lost: { cid: CID; name: string; missingCount: number }[] = []
  const inOrder = [...replay.states.values()].sort((one, other) => one.revision - other.revision)
  for (const record of inOrder) {
    const known = items.get(record.root)
    if (known !== undefined && known.revision >= record.revision) continue
    if (record.record === 'gone') {
      if (known !== undefined) items.remove(known.sequence)
      continue
    }
    const missingCount = await applyItem(deps, record, known?.sequence)
    if (missingCount > 0) lost.push({ cid: record.root, name: record.name, missingCount })
  }
  return lost
}

async function applyItem(
  deps: RecoveryDeps,
  record: ItemRecord,
  known: number | undefined,
): Promise<number> {
  const { items, index } = deps
  const sequence = known ?? items.begin(record.root, record.origin, record.addedAtMs)
  let missingCount = 0
  const members: number[] = []
  const blocks = readingWhatIsRight(deps.blocks)
  for await (const { block } of walkDag(blocks, record.root, { dups: false })) {
    const place = index.placeOf(block.digest)
    if (place === undefined) missingCount += 1
    else members.push(place.block)
  }
  index.transaction(() => {
    for (const member of members) index.addMember(sequence, member)
    items.apply(sequence, record, missingCount === 0 ? 'whole' : 'damaged')
  })
  return missingCount
}

/** A node that is rotten is not here; what lies below it is missing then, and is said to be. */
function readingWhatIsRight(blocks: BlockReader): BlockReader {
  return {
    read: async (name, signal) => {
      try {
        return await blocks.read(name, signal)
      } catch (thrown) {
        signal?.throwIfAborted()
        // Also where the disk fails at just this place: the node starts, and says what it has lost.
        if (/^(CONTENT_|STORE_)/.test(errorCode(thrown) ?? '')) return undefined
        throw thrown
      }
    },
  }
}

/** Tells a new index which blocks a body and its manifest hold. */
async function registerBody(deps: RecoveryDeps, found: FoundBody): Promise<void> {
  const { index, bodies, disk } = deps
  const root = found.hasManifest && found.hasBytes ? tryCid(found.cid) : undefined
  if (root === undefined) return
  const manifest = await disk.open(bodies.pathOf('manifest', found.cid))
  try {
    const nodes: { digest: Uint8Array; offset: number; bytes: Uint8Array }[] = []
    await scanSections(manifest, {
      from: manifestStart(root),
      visit: ({ digest, offset, bytes }) => {
        nodes.push({ digest: copyOf(digest), offset, bytes: copyOf(bytes) })
      },
    })
    const sizeBytes = nodes.reduce((sum, { bytes }) => sum + bytes.length, 0)
    const volume = index.openVolume(fileVolume('manifest', found.cid, sizeBytes)).volume
    index.transaction(() => {
      for (const node of nodes) tell(index, volume, node)
    })
    const byDigest = new Map(nodes.map(({ digest, bytes }) => [keyOf(digest), bytes]))
    const inPacks = readingWhatIsRight(deps.blocks)
    const reader: BlockReader = {
      read: async (name) => byDigest.get(keyOf(name.digest)) ?? (await inPacks.read(name)),
    }
    const facts = await disk.factsOf(bodies.pathOf('body', found.cid))
    const have = await bodies.readHave(found.cid)
    await registerLeaves(deps, root, {
      volume: fileVolume('body', found.cid, facts?.sizeBytes ?? 0),
      blocks: reader,
      ranges: have ?? [[0, facts?.sizeBytes ?? 0]],
    })
  } finally {
    await manifest.close()
  }
}

async function registerReference(deps: RecoveryDeps, record: ReferenceRecord): Promise<void> {
  const { path, sizeBytes, modifiedAtMs, root } = record
  const reference = { path, sizeBytes, modifiedAtMs }
  const name = `${root} ${path}`
  const volume = { kind: 'reference', name, sizeBytes, reference } as const
  const blocks = readingWhatIsRight(deps.blocks)
  await registerLeaves(deps, root, { volume, blocks, ranges: [[0, sizeBytes]] })
}

/** Tells the index where the leaves of a file lie in a volume that holds it as it is. */
async function registerLeaves(
  { index }: RecoveryDeps,
  root: CID,
  file: {
    volume: Omit<Volume, 'volume'>
    blocks: BlockReader
    ranges: readonly ByteRange[]
  },
): Promise<void> {
  const leaves: { digest: Uint8Array; offset: number; sizeBytes: number }[] = []
  let offset = 0
  // A file with parts that occur twice is walked as it lies; one that is missing parts ends there.
  for await (const visit of walkDag(file.blocks, root, { dups: true })) {
    if (visit.block.codec === DAG_PB && visit.node === undefined) break
    if (visit.block.codec !== RAW) continue
    const sizeBytes = visit.sizeBytes ?? file.volume.sizeBytes
    const end = offset + sizeBytes
    const isThere = file.ranges.some((range) => range[0] <= offset && end <= range[1])
    if (isThere) leaves.push({ digest: visit.block.digest, offset, sizeBytes })
    offset = end
  }
  index.transaction(() => {
    const { volume } = index.openVolume(file.volume)
    for (const leaf of leaves) {
      if (index.placeIn(volume, leaf.digest) === undefined) index.insertBlock(volume, leaf)
    }
  })
}

/** Packs are numbered from 1; one that is missing was removed for good reason, or is lost. */
function hasGap(packs: readonly number[]): boolean {
  return packs.length === 0 || packs.length !== packs.at(-1)
}

/** Bodies of a lost item: its record is gone with a pack, but its bytes are there. */
function findStrays(
  { index, isErased }: RecoveryDeps,
  found: readonly FoundBody[],
  { states }: Replay,
): CID[] {
  return found.flatMap(({ cid, isPartial }) => {
    const volume = index.volumeNamed('body', cid)
    const isRemoved = states.get(cid)?.record === 'gone' || isErased(cid)
    if (volume === undefined || isPartial || isRemoved) return []
    if (!index.isUseless(volume.volume)) return []
    return tryCid(cid) ?? []
  })
}

/** Removes bodies that no item has: an addition that was not acknowledged left them. */
async function removeUseless(deps: RecoveryDeps, found: readonly FoundBody[]): Promise<void> {
  const { index, bodies } = deps
  for (const { cid } of found) {
    const volumes = (['body', 'manifest'] as const).flatMap((kind) => {
      return index.volumeNamed(kind, cid) ?? []
    })
    if (volumes.some(({ volume }) => !index.isUseless(volume))) continue
    for (const volume of volumes) index.removeVolume(volume)
    await bodies.remove(cid)
  }
}

/** Files that somebody took away, or cut: what lay in them is not here any more. */
async function dropMissing(deps: RecoveryDeps, signal: AbortSignal): Promise<void> {
  const { index, bodies, disk } = deps
  const kinds = ['body', 'manifest'] as const
  const count = kinds.reduce((sum, kind) => sum + index.volumesCount(kind), 0)
  if (count > CHECKED_FILES_MAX) return
  const volumes = kinds.flatMap((kind) => {
    return index.volumes(kind).map((volume) => ({ ...volume, part: kind }))
  })
  await inParallel(volumes, CHECKS_PARALLEL_MAX, async ({ volume, name, part }) => {
    signal.throwIfAborted()
    const facts = await disk.factsOf(bodies.pathOf(part, name))
    for (const place of index.blocksBeyond(volume, facts?.sizeBytes ?? 0)) deps.drop(place)
  })
}

/** Packs that somebody took away: what lay in them is elsewhere, or missing. */
function dropLostPacks({ index, packs, drop }: RecoveryDeps): void {
  const there = new Set(packs.numbers().map(String))
  for (const { volume, name } of index.volumes('pack')) {
    if (there.has(name)) continue
    for (const place of index.blocksBeyond(volume, 0)) drop(place)
  }
}

async function inParallel<T>(
  things: readonly T[],
  parallelMax: number,
  work: (thing: T) => Promise<void>,
): Promise<void> {
  const rest = things.values()
  const worker = async (): Promise<void> => {
    for (const thing of rest) await work(thing)
  }
  await Promise.all(Array.from({ length: parallelMax }, worker))
}

/** What never arrived is kept for another try, but not without end. */
function forgetOldArrivals({ items }: RecoveryDeps): void {
  const arriving = items.arriving().sort((one, other) => other.sequence - one.sequence)
  for (const { sequence } of arriving.slice(IDLE_ARRIVALS_MAX)) items.remove(sequence)
}

function fileVolume(
  kind: 'body' | 'manifest',
  name: string,
  sizeBytes: number,
): Omit<Volume, 'volume'> {
  return { kind, name, sizeBytes, reference: undefined }
}

function tryCid(text: string): CID | undefined {
  try {
    return parseCid(text)
  } catch {
    // A file that somebody put there: it is no body of ours.
    return undefined
  }
}

function keyOf(digest: Uint8Array): string {
  return Buffer.from(digest.buffer, digest.byteOffset, digest.length).toString('latin1')
}
