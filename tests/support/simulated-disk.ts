// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * A disk in memory whose power can be cut: what was not synced survives, or in part, or not, as a
 * seed decides ({@link SimulatedDisk.cut}). It can also be full, read-only, broken at the n-th call,
 * and rot; and it counts what an SD card would have to bear.
 *
 * `tests/contract/disk.test.ts` holds it to what the machine's own disk does.
 */
import { posix } from 'node:path'
import { type Random, SeededRandom } from '../../src/base/base.ts'
import type { Disk, DiskFile } from '../../src/content/content.ts'
import {
  FileInode,
  FolderInode,
  type Inode,
  NameJournal,
  pathsBelow,
  usedBy,
} from './simulated-inodes.ts'

/** The calls that change something: what power cuts are counted in. */
const CHANGES = [
  'create',
  'write',
  'truncate',
  'sync',
  'rename',
  'remove',
  'makeFolder',
  'syncFolder',
] as const

export type DiskChange = (typeof CHANGES)[number]
export type DiskCall =
  | DiskChange
  | 'open'
  | 'openForWriting'
  | 'read'
  | 'facts'
  | 'close'
  | 'list'
  | 'factsOf'
  | 'freeBytes'

export interface DiskFault {
  call: DiskCall
  /** As Node says it: `ENOSPC`, `EIO`, `EROFS`. */
  code: string
  /** How many such calls go well before; default 0. */
  after?: number
  /** How many fail then; default 1, `Infinity` for the rest of the disk's life. */
  times?: number
  /** Of a write: how many of its bytes arrive before it fails. */
  partBytes?: number
}

/** What was done to the disk since it was made: the wear of an SD card. */
export interface DiskCounts {
  calls: Readonly<Record<DiskCall, number>>
  writtenBytes: number
  readBytes: number
  /** Calls that change something: the unit of {@link SimulatedDisk.cutPowerAt}. */
  changeCount: number
}

export interface SimulatedDiskOptions {
  /** Decides what a power cut leaves. */
  seed: number
  /** Where the time of changes comes from; default the year 2023, standing still. */
  clock?: { wallMs(): number }
  /** Bytes that all files together may have; default 1 TiB. */
  capacityBytes?: number
}

type FileFacts = Awaited<ReturnType<DiskFile['facts']>>

const MTIME_MS = 1_700_000_000_000
const CAPACITY_BYTES = 2 ** 40

export class SimulatedDisk implements Disk {
  readonly #options: SimulatedDiskOptions
  readonly #random: Random
  readonly #root: FolderInode
  readonly #journal = new NameJournal()
  readonly #faults: Required<DiskFault>[] = []
  readonly #calls = new Map<DiskCall, number>()
  #usedBytes = 0
  #writtenBytes = 0
  #readBytes = 0
  #changeCount = 0
  #isReadOnly = false
  #isCut = false
  #cutPlan: { changesLeft: number; only: readonly DiskChange[]; onCut: () => void } | undefined

  constructor(options: SimulatedDiskOptions, root = new FolderInode()) {
    this.#options = { ...options }
    this.#random = new SeededRandom(options.seed)
    this.#root = root
    this.#usedBytes = usedBy(root)
  }

  get isCut(): boolean {
    return this.#isCut
  }

  get counts(): DiskCounts {
    // Every call is in the record, also those that never came: the cast says what the lines do.
    const calls = Object.fromEntries(
      ALL_CALLS.map((call) => [call, this.#calls.get(call) ?? 0]),
    ) as Record<DiskCall, number>
    return {
      calls,
      writtenBytes: this.#writtenBytes,
      readBytes: this.#readBytes,
      changeCount: this.#changeCount,
    }
  }

  /**
   * Cuts the power: every handle and every call of this disk fails from now on.
   * @returns the disk as the next start finds it; its own chance follows from this one's seed.
   */
  cut(): SimulatedDisk {
    this.#isCut = true
    const root = this.#journal.survivors(this.#root, this.#random)
    const seed = Math.floor(this.#random.unit() * 2 ** 32)
    return new SimulatedDisk({ ...this.#options, seed }, root)
  }

  /**
   * Cuts the power in the midst of the n-th change from now (0: the next one), counting only those
   * of the kinds `only` when given. `onCut` runs before anybody hears of it.
   */
  cutPowerAt(
    change: number,
    options: { only?: readonly DiskChange[]; onCut?: () => void } = {},
  ): void {
    const { only = CHANGES, onCut = () => {} } = options
    this.#cutPlan = { changesLeft: change, only, onCut }
  }

  /** Makes calls fail. Faults are looked at in the order in which they were given. */
  fail(fault: DiskFault): void {
    this.#faults.push({ after: 0, times: 1, partBytes: 0, ...fault })
  }

  /** As after `errors=remount-ro`: everything that changes something fails with `EROFS`. */
  setReadOnly(isReadOnly: boolean): void {
    this.#isReadOnly = isReadOnly
  }

  setCapacity(capacityBytes: number): void {
    this.#options.capacityBytes = capacityBytes
  }

  /** Turns one bit of a file over, without anybody noticing. */
  rot(path: string, bit: number): void {
    this.#fileAt(path, 'open').rot(bit)
  }

  /** The paths of all files, sorted: for looking at from outside. */
  files(): string[] {
    return pathsBelow(this.#root, '/').toSorted()
  }

  /** What a file holds now, without a call. */
  bytesOf(path: string): Buffer {
    const inode = this.#fileAt(path, 'open')
    const bytes = Buffer.alloc(inode.sizeBytes)
    inode.read(bytes, 0)
    return bytes
  }

  async create(path: string): Promise<DiskFile> {
    await this.#begin('create', path)
    const { folder, name } = this.#placeOf(path, 'create')
    if (folder.visible.has(name)) throw failure('EEXIST', 'create', path)
    this.#mustBeWritable('create', path)
    const inode = new FileInode(this.#nowMs())
    inode.linkCount = 1
    this.#journal.change({ folder, name, inode })
    this.#endChange('create')
    return this.#handle(inode, path, true)
  }

  async open(path: string): Promise<DiskFile> {
    await this.#begin('open', path)
    const inode = this.#inodeAt(path, 'open')
    // Linux opens a folder for reading, and refuses to read it.
    if (inode.kind === 'folder') return this.#handle(undefined, path, false)
    return this.#handle(inode, path, false)
  }

  async openForWriting(path: string): Promise<DiskFile> {
    await this.#begin('openForWriting', path)
    const inode = this.#inodeAt(path, 'openForWriting')
    if (inode.kind === 'folder') throw failure('EISDIR', 'openForWriting', path)
    this.#mustBeWritable('openForWriting', path)
    return this.#handle(inode, path, true)
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#begin('rename', from)
    const source = this.#placeOf(from, 'rename')
    const inode = source.folder.visible.get(source.name)
    if (inode === undefined) throw failure('ENOENT', 'rename', from)
    const target = this.#placeOf(to, 'rename')
    const replaced = target.folder.visible.get(target.name)
    if (inode.kind === 'folder' && `${posix.resolve(to)}/`.startsWith(`${posix.resolve(from)}/`)) {
      if (replaced === inode) return
      throw failure('EINVAL', 'rename', to)
    }
    if (replaced === inode) return
    if (replaced !== undefined) checkReplacing(inode, replaced, to)
    this.#mustBeWritable('rename', from)
    this.#journal.change(
      { folder: target.folder, name: target.name, inode },
      { folder: source.folder, name: source.name, inode: undefined },
    )
    if (replaced?.kind === 'file') this.#unlink(replaced)
    this.#endChange('rename')
  }

  async remove(path: string): Promise<void> {
    await this.#begin('remove', path)
    const place = this.#findPlace(path, 'remove')
    const inode = place?.folder.visible.get(place.name)
    if (place === undefined || inode === undefined) return
    this.#mustBeWritable('remove', path)
    this.#removeBelow(place.folder, place.name, inode)
    this.#endChange('remove')
  }

  async makeFolder(path: string): Promise<void> {
    await this.#begin('makeFolder', path)
    if (posix.resolve(path) === '/') return
    const { folder, name } = this.#placeOf(path, 'makeFolder')
    if (folder.visible.has(name)) return
    this.#mustBeWritable('makeFolder', path)
    this.#journal.change({ folder, name, inode: new FolderInode() })
    this.#endChange('makeFolder')
  }

  async syncFolder(path: string): Promise<void> {
    await this.#begin('syncFolder', path)
    const inode = this.#inodeAt(path, 'syncFolder')
    // A cut in its midst has saved nothing that anybody may count on.
    this.#endChange('syncFolder')
    if (inode.kind === 'folder') this.#journal.sync(inode)
  }

  async list(path: string): Promise<string[]> {
    await this.#begin('list', path)
    const inode = this.#inodeAt(path, 'list')
    if (inode.kind !== 'folder') throw failure('ENOTDIR', 'list', path)
    // Newest first: a file system promises no order, and this one is never the convenient one.
    return [...inode.visible.keys()].reverse()
  }

  async factsOf(path: string): Promise<FileFacts | undefined> {
    await this.#begin('factsOf', path)
    const inode = this.#findInode(path)
    return inode?.kind === 'file' ? factsFrom(inode) : undefined
  }

  async freeBytes(path: string): Promise<number> {
    await this.#begin('freeBytes', path)
    this.#inodeAt(path, 'freeBytes')
    return this.#freeBytes()
  }

  /** Counts a call, lets others go first, and fails when it has to. */
  async #begin(call: DiskCall, path: string): Promise<void> {
    // A disk never answers at once: what came meanwhile goes on meanwhile.
    await Promise.resolve()
    this.#mustHavePower(call, path)
    this.#calls.set(call, (this.#calls.get(call) ?? 0) + 1)
    const fault = this.#faultOf(call)
    if (fault !== undefined) throw failure(fault.code, call, path)
  }

  #faultOf(call: DiskCall): Required<DiskFault> | undefined {
    const fault = this.#faults.find((one) => one.call === call && one.times > 0)
    if (fault === undefined) return undefined
    if (fault.after > 0) {
      fault.after -= 1
      return undefined
    }
    fault.times -= 1
    return fault
  }

  /** After a change was made: this may have been the one at which the power goes. */
  #endChange(change: DiskChange): void {
    this.#changeCount += 1
    const plan = this.#cutPlan
    if (plan === undefined || !plan.only.includes(change)) return
    plan.changesLeft -= 1
    if (plan.changesLeft >= 0) return
    this.#cutPlan = undefined
    this.#isCut = true
    plan.onCut()
    throw failure('EIO', change, 'the power was cut')
  }

  #mustHavePower(call: DiskCall, path: string): void {
    if (this.#isCut) throw failure('EIO', call, `${path}: the power was cut`)
  }

  #mustBeWritable(call: DiskCall, path: string): void {
    if (this.#isReadOnly) throw failure('EROFS', call, path)
  }

  #nowMs(): number {
    return this.#options.clock?.wallMs() ?? MTIME_MS
  }

  #freeBytes(): number {
    return Math.max(0, (this.#options.capacityBytes ?? CAPACITY_BYTES) - this.#usedBytes)
  }

  #findInode(path: string): Inode | undefined {
    let inode: Inode = this.#root
    for (const name of posix.resolve(path).split('/').filter(Boolean)) {
      const next: Inode | undefined = inode.kind === 'folder' ? inode.visible.get(name) : undefined
      if (next === undefined) return undefined
      inode = next
    }
    return inode
  }

  #inodeAt(path: string, call: DiskCall): Inode {
    if (posix.resolve(path) === '/') return this.#root
    const { folder, name } = this.#placeOf(path, call)
    const inode = folder.visible.get(name)
    if (inode === undefined) throw failure('ENOENT', call, path)
    return inode
  }

  #fileAt(path: string, call: DiskCall): FileInode {
    const inode = this.#inodeAt(path, call)
    if (inode.kind !== 'file') throw failure('EISDIR', call, path)
    return inode
  }

  /** The folder that a path lies in, which must be there. */
  #placeOf(path: string, call: DiskCall): { folder: FolderInode; name: string } {
    const place = this.#findPlace(path, call)
    if (place === undefined) throw failure('ENOENT', call, path)
    return place
  }

  #findPlace(path: string, call: DiskCall): { folder: FolderInode; name: string } | undefined {
    const whole = posix.resolve(path)
    let folder: Inode = this.#root
    for (const name of posix.dirname(whole).split('/').filter(Boolean)) {
      const next: Inode | undefined = folder.visible.get(name)
      if (next === undefined) return undefined
      if (next.kind !== 'folder') throw failure('ENOTDIR', call, path)
      folder = next
    }
    return { folder, name: posix.basename(whole) }
  }

  #removeBelow(folder: FolderInode, name: string, inode: Inode): void {
    if (inode.kind === 'folder') {
      for (const [child, below] of [...inode.visible]) this.#removeBelow(inode, child, below)
    }
    this.#journal.change({ folder, name, inode: undefined })
    if (inode.kind === 'file') this.#unlink(inode)
  }

  #unlink(inode: FileInode): void {
    inode.linkCount -= 1
    this.#freeUnused(inode)
  }

  #freeUnused(inode: FileInode): void {
    if (inode.linkCount === 0 && inode.openCount === 0) this.#usedBytes -= inode.sizeBytes
  }

  /** @param inode undefined for a folder. */
  #handle(inode: FileInode | undefined, path: string, isWritable: boolean): DiskFile {
    if (inode !== undefined) inode.openCount += 1
    let isOpen = true
    const begin = async (call: DiskCall): Promise<FileInode> => {
      await this.#begin(call, path)
      if (!isOpen) throw failure('EBADF', call, path)
      if (inode === undefined) throw failure('EISDIR', call, path)
      return inode
    }
    return {
      read: async (buffer, position) => {
        const readBytes = (await begin('read')).read(buffer, position)
        this.#readBytes += readBytes
        return readBytes
      },
      write: async (bytes, position) => {
        await this.#write({ inode, path, isOpen: () => isOpen, isWritable }, bytes, position)
      },
      truncate: async (sizeBytes) => {
        const file = await begin('truncate')
        if (!isWritable) throw failure('EINVAL', 'truncate', path)
        this.#mustBeWritable('truncate', path)
        this.#usedBytes += sizeBytes - file.sizeBytes
        file.truncate(sizeBytes)
        file.modifiedAtMs = this.#nowMs()
        this.#endChange('truncate')
      },
      facts: async () => factsFrom(await begin('facts')),
      sync: async () => {
        await this.#sync(inode, path, () => isOpen)
      },
      close: async () => {
        if (!isOpen) return
        isOpen = false
        await this.#begin('close', path)
        if (inode === undefined) return
        inode.openCount -= 1
        this.#freeUnused(inode)
      },
    }
  }

  async #sync(inode: FileInode | undefined, path: string, isOpen: () => boolean): Promise<void> {
    try {
      await this.#begin('sync', path)
    } catch (thrown) {
      if (!this.#isCut) inode?.failSync(this.#random)
      throw thrown
    }
    if (!isOpen()) throw failure('EBADF', 'sync', path)
    this.#endChange('sync')
    inode?.sync()
  }

  async #write(handle: WriteHandle, bytes: Uint8Array, position: number): Promise<void> {
    const { inode, path } = handle
    await Promise.resolve()
    this.#mustHavePower('write', path)
    this.#calls.set('write', (this.#calls.get('write') ?? 0) + 1)
    if (!handle.isOpen()) throw failure('EBADF', 'write', path)
    if (bytes.length === 0) return
    if (!handle.isWritable || inode === undefined) throw failure('EBADF', 'write', path)
    this.#mustBeWritable('write', path)
    const fault = this.#faultOf('write')
    const growthBytes = Math.max(0, position + bytes.length - inode.sizeBytes)
    const missingBytes = Math.max(0, growthBytes - this.#freeBytes())
    const fittingBytes = Math.max(0, bytes.length - missingBytes)
    const part = bytes.subarray(0, Math.min(fittingBytes, fault?.partBytes ?? bytes.length))
    if (part.length > 0) this.#put(inode, part, position)
    if (fault !== undefined) throw failure(fault.code, 'write', path)
    if (missingBytes > 0) throw failure('ENOSPC', 'write', path)
    this.#endChange('write')
  }

  #put(inode: FileInode, bytes: Uint8Array, position: number): void {
    this.#usedBytes += Math.max(0, position + bytes.length - inode.sizeBytes)
    this.#writtenBytes += bytes.length
    inode.write(bytes, position)
    inode.modifiedAtMs = this.#nowMs()
  }
}

interface WriteHandle {
  inode: FileInode | undefined
  path: string
  isOpen: () => boolean
  isWritable: boolean
}

const ALL_CALLS: readonly DiskCall[] = [
  ...CHANGES,
  'open',
  'openForWriting',
  'read',
  'facts',
  'close',
  'list',
  'factsOf',
  'freeBytes',
]

function checkReplacing(inode: Inode, replaced: Inode, path: string): void {
  if (inode.kind === 'file' && replaced.kind === 'folder') throw failure('EISDIR', 'rename', path)
  if (inode.kind === 'folder' && replaced.kind === 'file') throw failure('ENOTDIR', 'rename', path)
  if (replaced.kind === 'folder' && replaced.visible.size > 0) {
    throw failure('ENOTEMPTY', 'rename', path)
  }
}

function factsFrom(inode: FileInode): FileFacts {
  return { sizeBytes: inode.sizeBytes, modifiedAtMs: inode.modifiedAtMs }
}

function failure(code: string, call: DiskCall, path: string): Error {
  return Object.assign(new Error(`${code}: simulated, ${call} '${path}'`), { code })
}
