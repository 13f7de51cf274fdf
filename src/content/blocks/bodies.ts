// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Large files, one after another as they are, with what belongs to each beside it:
 *
 *   files/xy/CID             the bytes, in order; may have holes while it arrives
 *   files/xy/CID.manifest    a CAR of its tree nodes: from it the place of every leaf follows
 *   files/xy/CID.have        while it is partial: which ranges of bytes are there and right
 *   incoming/N               a file that is being added; its CID is not known before its end
 *   incoming/copy-…          one that can be gone on with: see `unfinished-files.ts`
 *
 * Nothing here is served because it lies here: a block counts when the index has it.
 */
import { dirname, join } from 'node:path'
import { decode, encode } from '@ipld/dag-cbor'
import { CID } from 'multiformats/cid'
import { z } from 'zod'
import { errorCode, invariant } from '../../base/base.ts'
import { encodeCarHeader } from '../car-format.ts'
import { diskError } from '../errors.ts'
import { UNWRITTEN_BYTES_MAX } from '../limits.ts'
import { DAG_PB, type TreeNode } from '../unixfs/unixfs.ts'
import { BufferedFile } from './buffered-file.ts'
import type { Disk } from './disk.ts'
import { scanSections, sectionHead, sectionHeadBytes } from './sections.ts'
import type { Space } from './space.ts'
import { UnfinishedFiles, type UnfinishedFilesDeps } from './unfinished-files.ts'

/** Bytes from `start` to before `end`. */
export type ByteRange = readonly [start: number, end: number]

const haveSchema = z.array(z.tuple([z.int().min(0), z.int().min(0)]))

type Part = 'body' | 'manifest' | 'have'
const ENDINGS: Readonly<Record<Part, string>> = { body: '', manifest: '.manifest', have: '.have' }

export interface FoundBody {
  cid: string
  hasBytes: boolean
  hasManifest: boolean
  isPartial: boolean
}

export class Bodies {
  readonly unfinished: UnfinishedFiles
  readonly #disk: Disk
  readonly #space: Space
  readonly #folder: string
  readonly #incoming: string
  readonly #files: string
  #lastIncoming = 0

  constructor(deps: UnfinishedFilesDeps, options: { folder: string; addCheckpointBytes?: number }) {
    this.#disk = deps.disk
    this.#space = deps.space
    this.#folder = options.folder
    this.#incoming = join(options.folder, 'incoming')
    this.unfinished = new UnfinishedFiles(deps, { ...options, folder: this.#incoming })
    this.#files = join(options.folder, 'files')
  }

  pathOf(part: Part, cid: string): string {
    return join(this.#files, shardOf(cid), `${cid}${ENDINGS[part]}`)
  }

  /** Makes the folders, and throws away what an earlier run had not finished and nobody can go on with. */
  async open(): Promise<void> {
    for (const folder of [this.#folder, this.#incoming, this.#files]) {
      await this.#disk.makeFolder(folder)
    }
    await this.unfinished.open()
    await this.#disk.syncFolder(this.#folder)
    await this.#disk.syncFolder(dirname(this.#folder))
  }

  /** What lies in `files/`, whatever the index says. */
  async list(): Promise<FoundBody[]> {
    const found = new Map<string, FoundBody>()
    for (const shard of await this.#disk.list(this.#files)) {
      for (const name of await this.#disk.list(join(this.#files, shard))) {
        const [cid = name, ending] = name.split('.')
        const body = found.get(cid) ?? {
          cid,
          hasBytes: false,
          hasManifest: false,
          isPartial: false,
        }
        if (ending === undefined) body.hasBytes = true
        if (ending === 'manifest') body.hasManifest = true
        if (ending === 'have') body.isPartial = true
        found.set(cid, body)
      }
    }
    return [...found.values()]
  }

  /** A new file for bytes that come in. */
  async createIncoming(): Promise<BufferedFile> {
    this.#lastIncoming += 1
    return this.#create(join(this.#incoming, String(this.#lastIncoming)))
  }

  /** Removes what is left of a file that was not kept. */
  async discard(file: BufferedFile): Promise<void> {
    await file.abandon()
    // It is removed at the next start at the latest; the failure that led here matters more.
    await this.#disk.remove(file.path).catch(() => {})
  }

  /**
   * Gives a finished file its name, and its manifest too; both survive a power cut afterwards.
   * @param nodes undefined: the manifest that is there stays, for the index says what lies where in it.
   */
  async keep(
    file: BufferedFile,
    cid: string,
    nodes: readonly TreeNode[] | undefined,
  ): Promise<void> {
    try {
      await this.#makeShard(cid)
      // The manifest first: a body without one could not be told from a stray file.
      if (nodes !== undefined) await this.#writeManifest(cid, nodes)
      await this.#disk.rename(file.path, this.pathOf('body', cid))
      await this.#disk.remove(this.pathOf('have', cid))
      await this.#disk.syncFolder(join(this.#files, shardOf(cid)))
    } catch (thrown) {
      throw diskError(thrown)
    }
  }

  async #writeManifest(cid: string, nodes: readonly TreeNode[]): Promise<void> {
    const manifest = await this.createIncoming()
    try {
      manifest.write(encodeCarHeader(CID.parse(cid)))
      for (const { digest, bytes } of nodes) {
        manifest.write(sectionHead(DAG_PB, digest, bytes.length))
        manifest.write(bytes)
        await manifest.drained(UNWRITTEN_BYTES_MAX)
      }
      await manifest.finish()
      await this.#disk.rename(manifest.path, this.pathOf('manifest', cid))
    } finally {
      await this.discard(manifest)
    }
  }

  /** Opens the body and the manifest of a file that arrives in pieces, for more of them. */
  async openPartial(cid: string): Promise<{ body: BufferedFile; manifest: BufferedFile }> {
    let isNew = false
    const opened: BufferedFile[] = []
    try {
      await this.#makeShard(cid)
      isNew = !(await this.hasBody(cid))
      // First that it is partial, then the rest: whatever a power cut leaves is no whole file.
      if (isNew) await this.writeHave(cid, [])
      opened.push(await this.#openManifest(cid))
      opened.push(await this.#openOrCreate(this.pathOf('body', cid)))
      await this.#disk.syncFolder(join(this.#files, shardOf(cid)))
      const [manifest, body] = opened
      invariant(manifest !== undefined && body !== undefined, 'both were opened')
      return { body, manifest }
    } catch (thrown) {
      for (const file of opened) await file.abandon()
      // What cannot be removed is no body that the index knows: the next start removes it.
      if (isNew) await this.remove(cid).catch(() => {})
      throw diskError(thrown)
    }
  }

  /** Says which bytes of a body are there, in a file that is whole at any instant. */
  async writeHave(cid: string, ranges: readonly ByteRange[]): Promise<void> {
    const file = await this.createIncoming()
    try {
      file.write(encode(ranges))
      await file.finish()
      await this.#disk.rename(file.path, this.pathOf('have', cid))
      await this.#disk.syncFolder(join(this.#files, shardOf(cid)))
    } catch (thrown) {
      throw diskError(thrown)
    } finally {
      await this.discard(file)
    }
  }

  async hasBody(cid: string): Promise<boolean> {
    return (await this.#disk.factsOf(this.pathOf('body', cid))) !== undefined
  }

  /** Which bytes of a partial body are there; undefined when it is not partial. */
  async readHave(cid: string): Promise<ByteRange[] | undefined> {
    const path = this.pathOf('have', cid)
    const facts = await this.#disk.factsOf(path)
    if (facts === undefined) return undefined
    const file = await this.#disk.open(path)
    try {
      const bytes = Buffer.alloc(facts.sizeBytes)
      await file.read(bytes, 0)
      // A file that makes no sense says that nothing is certain.
      return haveSchema.safeParse(decodeOrNothing(bytes)).data ?? []
    } finally {
      await file.close()
    }
  }

  /** The body is whole now. */
  async removeHave(cid: string): Promise<void> {
    await this.#disk.remove(this.pathOf('have', cid))
    await this.#disk.syncFolder(join(this.#files, shardOf(cid)))
  }

  /** Removes a body and all that belongs to it. */
  async remove(cid: string): Promise<void> {
    try {
      for (const part of ['body', 'manifest', 'have'] as const) {
        await this.#disk.remove(this.pathOf(part, cid))
      }
    } catch (thrown) {
      throw diskError(thrown)
    }
  }

  /** What was removed stays so over a power cut. @throws CodedError `STORE_…` */
  async syncRemoved(cids: Iterable<string>): Promise<void> {
    try {
      const shards = new Set([...cids].map(shardOf))
      const there = new Set(await this.#disk.list(this.#files))
      for (const shard of shards) {
        if (there.has(shard)) await this.#disk.syncFolder(join(this.#files, shard))
      }
    } catch (thrown) {
      throw diskError(thrown)
    }
  }

  async #makeShard(cid: string): Promise<void> {
    await this.#disk.makeFolder(join(this.#files, shardOf(cid)))
    await this.#disk.syncFolder(this.#files)
  }

  async #create(path: string): Promise<BufferedFile> {
    try {
      const file = await this.#disk.create(path)
      return new BufferedFile({ path, file, space: this.#space.claim() })
    } catch (thrown) {
      throw diskError(thrown)
    }
  }

  /** Opened where its last good section ends: a power cut may have torn what came after. */
  async #openManifest(cid: string): Promise<BufferedFile> {
    const path = this.pathOf('manifest', cid)
    const header = encodeCarHeader(CID.parse(cid))
    const facts = await this.#disk.factsOf(path)
    if (facts === undefined || facts.sizeBytes < header.length) {
      await this.#disk.remove(path)
      const manifest = await this.#create(path)
      manifest.write(header)
      return manifest
    }
    const file = await this.#disk.openForWriting(path)
    try {
      const { endOffset } = await scanSections(file, { from: header.length, visit: () => {} })
      await file.truncate(endOffset)
      return new BufferedFile({ path, file, space: this.#space.claim(), startAt: endOffset })
    } catch (thrown) {
      await file.close()
      throw thrown
    }
  }

  async #openOrCreate(path: string): Promise<BufferedFile> {
    const facts = await this.#disk.factsOf(path)
    const file = await (facts === undefined
      ? this.#disk.create(path)
      : this.#disk.openForWriting(path))
    // Whoever opened it has counted all that it will be.
    const space = this.#space.countedClaim()
    return new BufferedFile({ path, file, space, startAt: facts?.sizeBytes ?? 0 })
  }
}

/** Bytes of a manifest in front of its first section. */
export function manifestStart(cid: CID): number {
  return encodeCarHeader(cid).length
}

/** Where each node lies in the manifest that {@link Bodies.keep} writes. */
export function placesInManifest(cid: CID, nodes: readonly TreeNode[]): number[] {
  let at = manifestStart(cid)
  return nodes.map(({ bytes }) => {
    const offset = at + sectionHeadBytes(bytes.length)
    at = offset + bytes.length
    return offset
  })
}

/** Adds a range to ranges that are sorted and do not touch. */
export function addRange(ranges: readonly ByteRange[], [start, end]: ByteRange): ByteRange[] {
  const before = ranges.filter((range) => range[1] < start)
  const after = ranges.filter((range) => range[0] > end)
  const touching = ranges.slice(before.length, ranges.length - after.length)
  const merged: ByteRange = [
    Math.min(start, ...touching.map((range) => range[0])),
    Math.max(end, ...touching.map((range) => range[1])),
  ]
  return [...before, merged, ...after]
}

/** A range in parts that are wholly among `ranges` (sorted, not touching), or not at all. */
export function partsOf(
  [start, end]: ByteRange,
  ranges: readonly ByteRange[],
): { range: ByteRange; isCovered: boolean }[] {
  const parts: { range: ByteRange; isCovered: boolean }[] = []
  let at = start
  for (const [from, to] of ranges) {
    if (to <= at) continue
    if (from >= end) break
    if (from > at) parts.push({ range: [at, from], isCovered: false })
    const next = Math.min(to, end)
    parts.push({ range: [Math.max(from, at), next], isCovered: true })
    at = next
  }
  if (at < end) parts.push({ range: [at, end], isCovered: false })
  return parts
}

function decodeOrNothing(bytes: Uint8Array): unknown {
  try {
    return decode(bytes)
  } catch (thrown) {
    // Torn or rotten: then nothing is known, which is what the caller is told.
    return errorCode(thrown)
  }
}

/** The last characters of a CID are evenly spread; the first are the same for all. */
function shardOf(cid: string): string {
  return cid.slice(-2)
}
