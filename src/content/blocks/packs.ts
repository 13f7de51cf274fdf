// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Packs: files to which small blocks and records are appended, each a valid CARv1. One is written at
 * a time; one sync makes safe what everybody has appended. After a failed write the pack is cut back
 * to its last safe byte and a new one begins: who had appended since then is told by its next sync.
 */
import { dirname, join } from 'node:path'
import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import { asError, invariant, type Logger } from '../../base/base.ts'
import { encodeCarHeader } from '../car-format.ts'
import { diskError } from '../errors.ts'
import { UNWRITTEN_BYTES_MAX } from '../limits.ts'
import { SHA2_256 } from '../unixfs/unixfs.ts'
import { BufferedFile } from './buffered-file.ts'
import type { Disk, DiskFile } from './disk.ts'
import { PACK_BYTES_MAX, PACK_NAME_DIGITS } from './limits.ts'
import { DAG_CBOR, type EncodedRecord, encodeRecord } from './records.ts'
import { sectionHead } from './sections.ts'
import type { Space } from './space.ts'

export interface PackPosition {
  pack: number
  /** In bytes. */
  offset: number
}

interface Writer {
  pack: number
  file: BufferedFile
  syncedBytes: number
  /** Its name survives a power cut. */
  isNamed: boolean
}

/** Before anything else can come, so that a store without a pack is one that has lost them. */
export async function beginPacks(packs: Packs, log: Logger): Promise<void> {
  if (packs.numbers().length > 0) return
  try {
    await packs.ready()
    await packs.sync()
  } catch (thrown) {
    // Nothing can be added then, and whoever tries is told; what is here can be read.
    log.warn('the store cannot be written', { error: asError(thrown) })
  }
}

export class Packs {
  readonly #disk: Disk
  readonly #space: Space
  readonly #folder: string
  /** Bytes of the packs that are not written to any more. */
  readonly #sizes = new Map<number, number>()
  #writer: Writer | undefined
  /** Why there is no writer. */
  #failure: Error | undefined
  #lastPack = 0
  /** A pack of an earlier run that has room left. */
  #unfinished: number | undefined
  #epoch = 0
  #opening: Promise<void> | undefined
  #syncing: Promise<void> | undefined
  #nextSync: Promise<void> | undefined

  constructor(deps: { disk: Disk; space: Space }, options: { folder: string }) {
    this.#disk = deps.disk
    this.#space = deps.space
    this.#folder = options.folder
  }

  /** Rises whenever appended bytes were lost to a failing disk. */
  get epoch(): number {
    return this.#epoch
  }

  /** Lists what is there. Nothing is read or written before that. */
  async open(): Promise<void> {
    await this.#disk.makeFolder(this.#folder)
    await this.#disk.syncFolder(dirname(this.#folder))
    for (const name of await this.#disk.list(this.#folder)) {
      const number = Number(/^(\d+)\.car$/.exec(name)?.[1])
      if (!Number.isSafeInteger(number)) continue
      const facts = await this.#disk.factsOf(this.pathOf(number))
      this.#sizes.set(number, facts?.sizeBytes ?? 0)
      this.#lastPack = Math.max(this.#lastPack, number)
    }
    const sizeBytes = this.#sizes.get(this.#lastPack) ?? PACK_BYTES_MAX
    // One whose beginning a power cut has torn is left as it is: whatever were appended to it would
    // stand where no section is looked for.
    const hasRoom = sizeBytes < PACK_BYTES_MAX && (await this.#isBegun(this.#lastPack))
    if (hasRoom) this.#unfinished = this.#lastPack
  }

  /** Oldest first. */
  numbers(): number[] {
    const numbers = [...this.#sizes.keys()]
    if (this.#writer !== undefined) numbers.push(this.#writer.pack)
    return numbers.sort((one, other) => one - other)
  }

  /** Bytes of all packs that are not written to any more; those of the other are claimed. */
  get closedBytes(): number {
    let sum = 0
    for (const sizeBytes of this.#sizes.values()) sum += sizeBytes
    return sum
  }

  /** The pack that is written to, or that the next section would go to. */
  get currentPack(): number | undefined {
    return this.#writer?.pack ?? this.#unfinished
  }

  /** Bytes of a pack that is not written to. */
  sizeOf(pack: number): number | undefined {
    return this.#sizes.get(pack)
  }

  pathOf(pack: number): string {
    return join(this.#folder, `${String(pack).padStart(PACK_NAME_DIGITS, '0')}.car`)
  }

  /** Where the next section will stand, or later. */
  get end(): PackPosition {
    const writer = this.#writer
    if (writer !== undefined) return { pack: writer.pack, offset: writer.file.position }
    const unfinished = this.#unfinished
    if (unfinished === undefined) return { pack: this.#lastPack + 1, offset: 0 }
    return { pack: unfinished, offset: this.#sizes.get(unfinished) ?? 0 }
  }

  /** Whether a pack has its header, and something behind it. */
  async #isBegun(pack: number): Promise<boolean> {
    if (!this.#sizes.has(pack)) return false
    const header = headerOf(pack)
    const file = await this.openPack(pack).catch(() => undefined)
    // What cannot be read now is left alone too; whoever needs it hears why.
    if (file === undefined) return false
    try {
      const begin = Buffer.alloc(header.length + 1)
      const filledBytes = await file.read(begin, 0)
      return filledBytes === begin.length && begin.subarray(0, header.length).equals(header)
    } finally {
      await file.close()
    }
  }

  /** Nothing is appended to the packs of an earlier run. */
  leaveUnfinished(): void {
    this.#unfinished = undefined
  }

  /** Resolves when more may be appended. @throws the disk's failure */
  async ready(): Promise<void> {
    const writer = this.#writer
    const isUsable = writer !== undefined && writer.file.failure === undefined
    if (isUsable && writer.file.position < PACK_BYTES_MAX) {
      return writer.file.drained(UNWRITTEN_BYTES_MAX)
    }
    this.#opening ??= this.#openNext().finally(() => {
      this.#opening = undefined
    })
    await this.#opening
  }

  /** Bytes that were appended and are not written: whoever appends much waits for `ready`. */
  get unwrittenBytes(): number {
    return this.#writer?.file.unwrittenBytes ?? 0
  }

  /** Appends a block: to be called after `ready`. @returns where its bytes will lie */
  append(codec: number, digest: Uint8Array, bytes: Uint8Array): PackPosition {
    const writer = this.#writer
    if (writer === undefined)
      throw this.#failure ?? new TypeError('a pack is ready before it is used')
    return appendTo(writer, codec, digest, bytes)
  }

  /** What was appended before survives a power cut when this returns. Many share one sync. */
  async sync(): Promise<void> {
    this.#nextSync ??= this.#syncAfter(this.#syncing)
    await this.#nextSync
  }

  /** Where the first section of a pack stands, behind the CAR's header. */
  firstSection(pack: number): number {
    return headerOf(pack).length
  }

  openPack(pack: number): Promise<DiskFile> {
    return this.#disk.open(this.pathOf(pack))
  }

  /** Cuts a torn end off a pack that is not written to, and makes safe what is left. */
  async truncate(pack: number, sizeBytes: number): Promise<void> {
    const file = await this.#disk.openForWriting(this.pathOf(pack))
    try {
      const facts = await file.facts()
      if (facts.sizeBytes > sizeBytes) await file.truncate(sizeBytes)
      await file.sync()
      this.#sizes.set(pack, sizeBytes)
    } finally {
      await file.close()
    }
  }

  /** Has the next section go to another pack, when all of this one is safe. */
  async leave(pack: number): Promise<void> {
    if (this.#unfinished === pack) this.#unfinished = undefined
    if (this.#writer?.pack !== pack) return
    this.#opening ??= this.#openNext().finally(() => {
      this.#opening = undefined
    })
    await this.#opening
  }

  /** Removes a pack that is not written to. */
  async remove(pack: number): Promise<void> {
    invariant(pack !== this.#writer?.pack, 'the pack that is written to stays')
    await this.#disk.remove(this.pathOf(pack))
    await this.#disk.syncFolder(this.#folder)
    this.#sizes.delete(pack)
  }

  /** Makes safe what was appended, and begins no new pack. */
  async close(): Promise<void> {
    const writer = this.#writer
    if (writer === undefined) return
    try {
      if (writer.file.failure === undefined) await this.#retire(writer)
      else await this.#giveUp(writer, writer.file.failure)
    } catch {
      // Whatever was acknowledged was safe before; the next start cuts off what is not.
    }
  }

  async #syncAfter(running: Promise<void> | undefined): Promise<void> {
    // Whatever comes of the sync under way: this one is for what was appended after it began.
    await running?.catch(() => {})
    this.#syncing = this.#nextSync
    this.#nextSync = undefined
    await this.#syncNow()
  }

  async #syncNow(): Promise<void> {
    const writer = this.#writer
    if (writer === undefined) return
    const { position } = writer.file
    try {
      if (position > writer.syncedBytes) await writer.file.sync()
      writer.syncedBytes = Math.max(position, writer.syncedBytes)
      if (!writer.isNamed) await this.#disk.syncFolder(this.#folder)
      writer.isNamed = true
    } catch (thrown) {
      const failure = asError(diskError(thrown))
      await this.#giveUp(writer, failure)
      throw failure
    }
  }

  /** There is a writer at every instant, but for the time after a failure and before the first use. */
  async #openNext(): Promise<void> {
    const failure = this.#writer?.file.failure
    if (failure !== undefined) await this.#giveUp(this.#writer, failure)
    const full = this.#writer
    const next = await this.#createWriter()
    try {
      if (full !== undefined) await this.#retire(full, next)
    } finally {
      // When the old one could not be closed: it was given up.
      this.#writer ??= next
    }
  }

  async #createWriter(): Promise<Writer> {
    const unfinished = this.#unfinished
    this.#unfinished = undefined
    try {
      return unfinished === undefined
        ? await this.#create(this.#lastPack + 1)
        : await this.#continue(unfinished)
    } catch (thrown) {
      throw diskError(thrown)
    }
  }

  async #continue(pack: number): Promise<Writer> {
    const path = this.pathOf(pack)
    const file = await this.#disk.openForWriting(path)
    const startAt = this.#sizes.get(pack) ?? 0
    this.#sizes.delete(pack)
    const space = this.#space.countingClaim()
    space.count(startAt)
    return {
      pack,
      file: new BufferedFile({ path, file, space, startAt }),
      syncedBytes: startAt,
      isNamed: true,
    }
  }

  async #create(pack: number): Promise<Writer> {
    const path = this.pathOf(pack)
    const file = await this.#disk.create(path)
    this.#lastPack = pack
    const space = this.#space.countingClaim()
    const writer = {
      pack,
      file: new BufferedFile({ path, file, space }),
      syncedBytes: 0,
      isNamed: false,
    }
    const first = firstRecord(pack)
    writer.file.write(headerOf(pack))
    appendTo(writer, DAG_CBOR, first.digest, first.bytes)
    return writer
  }

  /** Others append while we wait for the disk: the writer goes at an instant when all is safe. */
  async #retire(writer: Writer, successor?: Writer): Promise<void> {
    do await this.sync()
    while (this.#writer === writer && writer.file.position > writer.syncedBytes)
    if (this.#writer !== writer) return
    this.#writer = successor
    this.#sizes.set(writer.pack, writer.syncedBytes)
    // What is left to do is to close a file that is safe already.
    void writer.file.abandon()
  }

  /** The disk failed: what was not safe is cut off, and nothing is appended to that pack again. */
  async #giveUp(writer: Writer | undefined, reason: Error): Promise<void> {
    // Somebody else may have given it up meanwhile; its successor is none of our business.
    if (writer === undefined || writer !== this.#writer) return
    this.#writer = undefined
    this.#failure = reason
    this.#epoch += 1
    this.#sizes.set(writer.pack, writer.syncedBytes)
    await writer.file.abandon()
    try {
      if (writer.syncedBytes === 0) await this.remove(writer.pack)
      else await this.truncate(writer.pack, writer.syncedBytes)
    } catch {
      // A disk that cannot even do that: the next start finds the torn end and cuts it.
    }
  }
}

function appendTo(
  { pack, file }: Writer,
  codec: number,
  digest: Uint8Array,
  bytes: Uint8Array,
): PackPosition {
  file.write(sectionHead(codec, digest, bytes.length))
  const offset = file.position
  file.write(bytes)
  return { pack, offset }
}

/** A CAR has a root: in a pack it is the record that says which pack it is. */
function firstRecord(pack: number): EncodedRecord {
  return encodeRecord({ record: 'pack', number: pack })
}

function headerOf(pack: number): Uint8Array {
  const { digest } = firstRecord(pack)
  return encodeCarHeader(CID.createV1(DAG_CBOR, Digest.create(SHA2_256, digest)))
}
