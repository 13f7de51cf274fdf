// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * A large file that is being added and can be gone on with. Every so many leaves a checkpoint: first
 * the bytes are synced, then a record of their digests is appended and synced. So whatever the log
 * says is true of the bytes, at any instant; what it does not say is read from the source again.
 *
 * A record is the number of its digests (4 bytes), the digests, and the hash of both and of where in
 * the file they belong: one that a power cut has torn is the end of the log. The last leaf is never
 * recorded: there is always something left to read, and every recorded leaf has the same size.
 */
import { createHash } from 'node:crypto'
import { errorCode } from '../../base/base.ts'
import { diskError } from '../errors.ts'
import { LEAF_BYTES } from '../limits.ts'
import type { FileIdentity } from '../unixfs/unixfs.ts'
import { BufferedFile } from './buffered-file.ts'
import type { Disk, DiskFile } from './disk.ts'
import { ADD_CHECKPOINT_BYTES } from './limits.ts'
import type { Space } from './space.ts'

export type UnfinishedKind = 'copy' | 'reference'

/** Digests of a record at most. */
const RECORD_DIGESTS_MAX = ADD_CHECKPOINT_BYTES / LEAF_BYTES
const DIGEST_BYTES = 32
const COUNT_BYTES = 4
/** Bytes of a key: nobody gains by making two that are the same, the files are his own. */
const KEY_BYTES = 16

/** What an attempt at adding a file is called, by what the file system says of the file. */
export function attemptKey(identity: FileIdentity, kind: UnfinishedKind): string {
  const { device, inode, sizeBytes, modifiedAtNs, changedAtNs } = identity
  const said = [device, inode, sizeBytes, modifiedAtNs, changedAtNs, LEAF_BYTES].join(' ')
  const hash = createHash('sha256').update(said).digest()
  return `${kind}-${hash.toString('hex', 0, KEY_BYTES)}`
}

export function logPathOf(path: string): string {
  return `${path}.leaves`
}

export interface UnfinishedDeps {
  disk: Disk
  space: Space
}

export interface UnfinishedOptions {
  /** Where an earlier attempt may have left it. */
  path: string
  /** Where it goes when there is none: a name that was never used. */
  freshPath: string
  kind: UnfinishedKind
  /** Of the whole file. */
  sizeBytes: number
  /** Between checkpoints: whole leaves. */
  checkpointBytes: number
  /** Told the path when something is kept there for another try. */
  onEnd: (kept: string | undefined) => Promise<void>
}

/** @throws CodedError `STORE_…` when not even a new file can be made. */
export async function openUnfinished(
  { disk, space }: UnfinishedDeps,
  options: UnfinishedOptions,
): Promise<UnfinishedFile> {
  const { kind, path, freshPath } = options
  const kept = path === freshPath ? undefined : await takeUp(disk, options)
  const opened = kept ?? { path: freshPath, known: [], log: undefined, logBytes: 0 }
  let body: BufferedFile | undefined
  if (kind === 'copy') {
    const file = kept?.file ?? (await createFile(disk, freshPath))
    const startAt = opened.known.length * LEAF_BYTES
    const claim = space.claim()
    claim.count(startAt)
    body = new BufferedFile({ path: opened.path, file, space: claim, startAt })
  }
  return new UnfinishedFile({ disk, body }, { ...options, ...opened })
}

interface TakenUp {
  path: string
  known: readonly Buffer[]
  log: DiskFile
  /** Where its last good record ends. */
  logBytes: number
  file: DiskFile | undefined
}

/** What an earlier attempt has left, ready to be gone on with; undefined when it is of no use. */
async function takeUp(
  disk: Disk,
  { path, kind, sizeBytes }: UnfinishedOptions,
): Promise<TakenUp | undefined> {
  const opened: DiskFile[] = []
  try {
    const log = await disk.openForWriting(logPathOf(path))
    opened.push(log)
    const { digests: known, endOffset: logBytes } = await readLog(log)
    const knownBytes = known.length * LEAF_BYTES
    if (known.length > 0 && knownBytes < sizeBytes) {
      await log.truncate(logBytes)
      if (kind === 'reference') return { path, known, log, logBytes, file: undefined }
      const file = await disk.openForWriting(path)
      opened.push(file)
      const facts = await file.facts()
      if (facts.sizeBytes >= knownBytes) {
        await file.truncate(knownBytes)
        return { path, known, log, logBytes, file }
      }
    }
  } catch (thrown) {
    // What cannot be read is as good as not there: the addition starts over, and says nothing.
    errorCode(thrown)
  }
  for (const file of opened) await file.close().catch(() => {})
  for (const gone of [logPathOf(path), path]) await disk.remove(gone).catch(() => {})
  return undefined
}

async function createFile(disk: Disk, path: string): Promise<DiskFile> {
  try {
    return await disk.create(path)
  } catch (thrown) {
    throw diskError(thrown)
  }
}

export class UnfinishedFile {
  /** Digests of the leaves that are there from earlier. */
  readonly known: readonly Buffer[]
  /** Where the bytes go; undefined for a reference. */
  readonly body: BufferedFile | undefined
  readonly #disk: Disk
  readonly #path: string
  readonly #folder: string
  readonly #sizeBytes: number
  readonly #checkpointBytes: number
  readonly #onEnd: UnfinishedOptions['onEnd']
  #log: DiskFile | undefined
  #logBytes: number
  #recordedCount: number
  readonly #fresh: Buffer[] = []
  #running: Promise<void> | undefined
  /** The disk refused a checkpoint: nothing may follow in the log, and only the next try is dearer. */
  #isBroken = false
  #isEnded = false

  constructor(
    deps: { disk: Disk; body: BufferedFile | undefined },
    state: Omit<UnfinishedOptions, 'freshPath' | 'kind'> & {
      known: readonly Buffer[]
      log: DiskFile | undefined
      logBytes: number
    },
  ) {
    this.#disk = deps.disk
    this.body = deps.body
    this.known = state.known
    this.#path = state.path
    this.#folder = state.path.slice(0, state.path.lastIndexOf('/'))
    this.#sizeBytes = state.sizeBytes
    this.#checkpointBytes = state.checkpointBytes
    this.#onEnd = state.onEnd
    this.#log = state.log
    this.#recordedCount = state.known.length
    this.#logBytes = state.logBytes
  }

  /** The next leaf was handed to the body. Waits only while the last checkpoint is under way. */
  async leaf(digest: Buffer): Promise<void> {
    const leavesCount = this.#recordedCount + this.#fresh.length + 1
    if (this.#isBroken || leavesCount * LEAF_BYTES >= this.#sizeBytes) return
    this.#fresh.push(digest)
    if (this.#fresh.length * LEAF_BYTES < this.#checkpointBytes) return
    await this.#running
    const digests = this.#fresh.splice(0)
    const start = this.#recordedCount
    this.#recordedCount += digests.length
    this.#running = this.#checkpoint(digests, start)
  }

  /** Never rejects. What came meanwhile may be written and synced too: that is no harm. */
  async #checkpoint(digests: readonly Buffer[], start: number): Promise<void> {
    if (this.#isBroken) return
    try {
      await this.body?.sync()
      const isNew = this.#log === undefined
      this.#log ??= await this.#disk.create(logPathOf(this.#path))
      const record = recordOf(digests, start)
      await this.#log.write(record, this.#logBytes)
      this.#logBytes += record.length
      await this.#log.sync()
      if (isNew) await this.#disk.syncFolder(this.#folder)
    } catch (thrown) {
      // A failing body says so to whoever writes to it; without a log the addition goes on.
      errorCode(thrown)
      this.#isBroken = true
    }
  }

  /**
   * All of it has come. Before its bytes get a name elsewhere: whatever a power cut leaves, nobody goes
   * on writing to what is an item's by then.
   * @throws CodedError `STORE_…`
   */
  async forget(): Promise<void> {
    await this.#running
    if (this.#log === undefined) return
    try {
      await this.#log.close()
      this.#log = undefined
      await this.#disk.remove(logPathOf(this.#path))
      await this.#disk.syncFolder(this.#folder)
    } catch (thrown) {
      throw diskError(thrown)
    }
  }

  /** It is not wanted any more, or has got its name. */
  async discard(): Promise<void> {
    await this.#end(false)
  }

  /** It was called off: what is safe of it is kept for another try. */
  async keep(): Promise<void> {
    await this.#end(true)
  }

  async #end(isKept: boolean): Promise<void> {
    if (this.#isEnded) return
    this.#isEnded = true
    await this.#running
    await this.body?.abandon()
    const hasLog = this.#log !== undefined
    // What was synced is safe, and of the rest nothing is claimed.
    await this.#log?.close().catch(() => {})
    if (!isKept || !hasLog) {
      // Where the disk refuses that, the next start finds and sweeps it.
      await this.#disk.remove(logPathOf(this.#path)).catch(() => {})
      await this.#disk.remove(this.#path).catch(() => {})
    }
    await this.#onEnd(isKept && hasLog ? this.#path : undefined).catch(() => {})
  }
}

function recordOf(digests: readonly Buffer[], start: number): Buffer {
  const count = Buffer.alloc(COUNT_BYTES)
  count.writeUInt32BE(digests.length)
  return Buffer.concat([count, ...digests, checksumOf(Buffer.concat(digests), start)])
}

function checksumOf(digests: Uint8Array, start: number): Buffer {
  return createHash('sha256').update(`${start} `).update(digests).digest()
}

/** The digests of all records that are whole, and where the last of those ends. */
async function readLog(log: DiskFile): Promise<{ digests: Buffer[]; endOffset: number }> {
  const { sizeBytes } = await log.facts()
  const bytes = Buffer.alloc(sizeBytes)
  await log.read(bytes, 0)
  const digests: Buffer[] = []
  let endOffset = 0
  while (endOffset + COUNT_BYTES <= bytes.length) {
    const count = bytes.readUInt32BE(endOffset)
    const start = endOffset + COUNT_BYTES
    const end = start + count * DIGEST_BYTES
    if (count === 0 || count > RECORD_DIGESTS_MAX || end + DIGEST_BYTES > bytes.length) break
    const listed = bytes.subarray(start, end)
    const checksum = bytes.subarray(end, end + DIGEST_BYTES)
    if (!checksumOf(listed, digests.length).equals(checksum)) break
    for (let at = 0; at < listed.length; at += DIGEST_BYTES) {
      digests.push(listed.subarray(at, at + DIGEST_BYTES))
    }
    endOffset = end + DIGEST_BYTES
  }
  return { digests, endOffset }
}
