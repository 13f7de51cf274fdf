// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * What lies on a simulated disk: files and folders, each in two states. *Visible* is what the running
 * machine sees; *durable* is what a power cut certainly leaves. What lies between the two is a list
 * of changes, of which a cut keeps any part that chance likes.
 *
 * Pessimistic within what file systems with a journal do: a rename is one thing, so its file is never
 * under neither name; bytes are damaged only where they were being written.
 */
import { type Random, randomBelow, randomBetween } from '../../src/base/base.ts'

/** What a disk writes whole or not at all, in bytes. */
export const SECTOR_BYTES = 512

export type Inode = FileInode | FolderInode

/** Bytes that grow and shrink; what was never written reads as zeros. */
class Bytes {
  #buffer = Buffer.alloc(0)
  sizeBytes = 0

  static copyOf(other: Bytes): Bytes {
    const copy = new Bytes()
    copy.#buffer = Buffer.from(other.view())
    copy.sizeBytes = other.sizeBytes
    return copy
  }

  view(): Buffer {
    return this.#buffer.subarray(0, this.sizeBytes)
  }

  put(bytes: Uint8Array, position: number): void {
    if (bytes.length === 0) return
    this.#reach(position + bytes.length)
    this.#buffer.set(bytes, position)
    this.sizeBytes = Math.max(this.sizeBytes, position + bytes.length)
  }

  resize(sizeBytes: number): void {
    if (sizeBytes < this.sizeBytes) this.#buffer.fill(0, sizeBytes, this.sizeBytes)
    this.#reach(sizeBytes)
    this.sizeBytes = sizeBytes
  }

  #reach(capacityBytes: number): void {
    if (this.#buffer.length >= capacityBytes) return
    const grown = Buffer.alloc(Math.max(capacityBytes, this.#buffer.length * 2))
    grown.set(this.view())
    this.#buffer = grown
  }
}

type FileChange = { bytes: Buffer; position: number } | { sizeBytes: number }

export class FileInode {
  readonly kind = 'file'
  readonly #visible: Bytes
  readonly #durable: Bytes
  #changes: FileChange[] = []
  modifiedAtMs: number
  #durableModifiedAtMs: number
  /** In how many folders it has a name, and how many handles are open: without both it takes no space. */
  linkCount = 0
  openCount = 0

  constructor(modifiedAtMs: number, bytes = new Bytes()) {
    this.#visible = bytes
    this.#durable = Bytes.copyOf(bytes)
    this.modifiedAtMs = modifiedAtMs
    this.#durableModifiedAtMs = modifiedAtMs
  }

  get sizeBytes(): number {
    return this.#visible.sizeBytes
  }

  read(buffer: Uint8Array, position: number): number {
    const found = this.#visible.view().subarray(position, position + buffer.length)
    buffer.set(found)
    return found.length
  }

  write(bytes: Uint8Array, position: number): void {
    const copy = Buffer.from(bytes)
    this.#visible.put(copy, position)
    this.#changes.push({ bytes: copy, position })
  }

  truncate(sizeBytes: number): void {
    this.#visible.resize(sizeBytes)
    this.#changes.push({ sizeBytes })
  }

  sync(): void {
    for (const change of this.#changes.splice(0)) {
      if ('bytes' in change) this.#durable.put(change.bytes, change.position)
      else this.#durable.resize(change.sizeBytes)
    }
    this.#durableModifiedAtMs = this.modifiedAtMs
  }

  /**
   * A sync that failed. The kernel forgets what it could not write, so that the next sync succeeds
   * and saves nothing of it: chance decides now what is durable.
   */
  failSync(random: Random): void {
    const left = survive(this.#durable, this.#changes.splice(0), random)
    this.#durable.resize(0)
    this.#durable.put(left.view(), 0)
    this.#durable.resize(left.sizeBytes)
  }

  /** Turns one bit over, as an ageing card does: unnoticed, and for good. */
  rot(bit: number): void {
    this.sync()
    for (const bytes of [this.#visible, this.#durable]) {
      const view = bytes.view()
      const at = bit >> 3
      view[at] = (view[at] ?? 0) ^ (1 << (bit & 7))
    }
  }

  /** The file as a power cut leaves it. */
  survivor(random: Random): FileInode {
    const isTimeKept = random.unit() < 0.5
    return new FileInode(
      isTimeKept ? this.modifiedAtMs : this.#durableModifiedAtMs,
      survive(Bytes.copyOf(this.#durable), this.#changes, random),
    )
  }
}

/** `bytes` with what chance keeps of `changes`. Sectors decide one by one, sizes by themselves. */
function survive(bytes: Bytes, changes: readonly FileChange[], random: Random): Bytes {
  // Data may be on the disk beyond the end that the file has in the end.
  const data = Bytes.copyOf(bytes)
  let sizeBytes = bytes.sizeBytes
  for (const change of changes) {
    const isSizeKept = random.unit() < 0.6
    if ('bytes' in change) {
      surviveWrite(data, change, random)
      const endBytes = change.position + change.bytes.length
      // A file may also have grown by a part of what was written.
      const keptEnd = isSizeKept ? endBytes : partOf(change, random)
      if (isSizeKept || random.unit() < 0.5) sizeBytes = Math.max(sizeBytes, keptEnd)
    } else if (isSizeKept) {
      if (change.sizeBytes < data.sizeBytes) data.resize(change.sizeBytes)
      sizeBytes = change.sizeBytes
    }
  }
  data.resize(sizeBytes)
  return data
}

function partOf(change: { bytes: Buffer; position: number }, random: Random): number {
  return change.position + randomBelow(random, change.bytes.length + 1)
}

function surviveWrite(
  data: Bytes,
  { bytes, position }: { bytes: Buffer; position: number },
  random: Random,
): void {
  const fate = random.unit()
  if (fate < 0.35) data.put(bytes, position)
  if (fate < 0.6) return
  const isGarbled = fate > 0.85
  for (let at = 0; at < bytes.length; ) {
    const end = Math.min(bytes.length, at + SECTOR_BYTES - ((position + at) % SECTOR_BYTES))
    const chance = random.unit()
    if (chance < 0.5) data.put(bytes.subarray(at, end), position + at)
    else if (isGarbled && chance < 0.75) data.put(garbage(end - at, random), position + at)
    else if (isGarbled) data.put(Buffer.alloc(end - at), position + at)
    at = end
  }
}

function garbage(sizeBytes: number, random: Random): Buffer {
  return Buffer.alloc(sizeBytes, Math.floor(randomBetween(random, 1, 256)))
}

/** A name that comes (`inode`), goes (undefined), or is taken over by another. */
export interface NameChange {
  folder: FolderInode
  name: string
  inode: Inode | undefined
}

/** What happened to names at one instant: survives whole, or as its first halves. */
export interface FolderChange {
  /** In the order in which they become durable: of a rename, the new name first. */
  steps: readonly NameChange[]
  /** How many of the steps are durable. */
  durableCount: number
}

export class FolderInode {
  readonly kind = 'folder'
  readonly visible = new Map<string, Inode>()
  readonly durable = new Map<string, Inode>()
}

/** The changes of names on one disk that no sync has made durable, in order. */
export class NameJournal {
  #changes: FolderChange[] = []

  /** Makes a change that is seen at once and survives later. */
  change(...steps: readonly NameChange[]): void {
    for (const { folder, name, inode } of steps) {
      if (inode === undefined) folder.visible.delete(name)
      else folder.visible.set(name, inode)
    }
    this.#changes.push({ steps, durableCount: 0 })
  }

  /** All names of `folder` survive from now on. */
  sync(folder: FolderInode): void {
    for (const change of this.#changes) {
      const last = change.steps.findLastIndex((step) => step.folder === folder)
      makeDurable(change, last + 1)
    }
    this.#forgetDone()
  }

  /** What a power cut leaves of the whole tree below `root`. */
  survivors(root: FolderInode, random: Random): FolderInode {
    for (const change of this.#changes) {
      makeDurable(change, randomBelow(random, change.steps.length + 1))
    }
    this.#changes = []
    return new Survivors(random).folder(root)
  }

  #forgetDone(): void {
    this.#changes = this.#changes.filter(({ steps, durableCount }) => durableCount < steps.length)
  }
}

function makeDurable(change: FolderChange, count: number): void {
  for (const { folder, name, inode } of change.steps.slice(change.durableCount, count)) {
    if (inode === undefined) folder.durable.delete(name)
    else folder.durable.set(name, inode)
  }
  change.durableCount = Math.max(change.durableCount, count)
}

/** Copies what is durable; a file with two names stays one file. */
class Survivors {
  readonly #random: Random
  readonly #files = new Map<FileInode, FileInode>()

  constructor(random: Random) {
    this.#random = random
  }

  folder(from: FolderInode): FolderInode {
    const copy = new FolderInode()
    for (const [name, inode] of from.durable) {
      const survivor = inode.kind === 'folder' ? this.folder(inode) : this.#file(inode)
      copy.visible.set(name, survivor)
      copy.durable.set(name, survivor)
    }
    return copy
  }

  #file(from: FileInode): FileInode {
    const known = this.#files.get(from)
    if (known !== undefined) {
      known.linkCount += 1
      return known
    }
    const survivor = from.survivor(this.#random)
    survivor.linkCount = 1
    this.#files.set(from, survivor)
    return survivor
  }
}

/** All files below a folder that lies at `path`. */
export function pathsBelow(folder: FolderInode, path: string): string[] {
  return [...folder.visible].flatMap(([name, inode]) => {
    const below = path === '/' ? `/${name}` : `${path}/${name}`
    return inode.kind === 'folder' ? pathsBelow(inode, below) : [below]
  })
}

/** Bytes of all files below a folder, each once. */
export function usedBy(folder: FolderInode, counted = new Set<FileInode>()): number {
  let usedBytes = 0
  for (const inode of folder.visible.values()) {
    if (inode.kind === 'folder') usedBytes += usedBy(inode, counted)
    else if (!counted.has(inode)) usedBytes += inode.sizeBytes
    if (inode.kind === 'file') counted.add(inode)
  }
  return usedBytes
}
