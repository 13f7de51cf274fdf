// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * A range of a file and nothing else of it: the root, the nodes and the leaves that the range touches,
 * each verified by its name in what was verified before. What comes is kept as what an item that is
 * still arriving has: it is no item, nobody is served it, and a later `get` goes on from it.
 */
import type { CID } from 'multiformats/cid'
import { CodedError, errorCode } from '../../base/base.ts'
import type { Intake } from '../blocks/blocks.ts'
import { badRange, isLoss, notAFile, storeFull } from '../errors.ts'
import { PART_BLOCKS_PARALLEL_MAX } from '../limits.ts'
import {
  type BlockName,
  type BlockReader,
  blockNameOf,
  checkFileSize,
  cidOf,
  type FileSpan,
  fileSize,
  fileSpans,
  keyOf,
  parseNode,
  RAW,
} from '../unixfs/unixfs.ts'
import type { FetchDeps } from './fetch-deps.ts'
import type { FetchReport } from './fetch-item.ts'
import { HolderBlocks } from './holder-blocks.ts'

export interface PartRequest {
  /** CIDv1 of a file. */
  cid: CID
  start: number
  /** The byte after the last; undefined, or beyond the end of the file: its end. */
  end: number | undefined
  signal: AbortSignal
  /** Of the bytes of the range. */
  onProgress(receivedBytes: number, totalBytes: number | undefined): void
}

type Leaf = Extract<FileSpan, { kind: 'leaf' }>

/** A leaf on its way. */
interface Coming {
  leaf: Leaf
  bytes: Promise<Uint8Array>
}

/**
 * When this returns, all that the range needs is in the store; what came is there, too, when it fails.
 * @throws CodedError `CONTENT_BAD_RANGE`, `CONTENT_UNSUPPORTED`, `CONTENT_REFUSED_HERE`, `STORE_…`; as
 *   {@link HolderBlocks.bring}
 */
export async function fetchPart(
  deps: FetchDeps,
  request: PartRequest,
  into: { intake: Intake; report: FetchReport },
): Promise<void> {
  const { intake, report } = into
  const stopping = new AbortController()
  const signal = AbortSignal.any([request.signal, stopping.signal])
  const blocks = new HolderBlocks(deps, { root: request.cid, report, signal })
  const arrival = new PartArrival(deps, blocks, { ...into, signal })
  try {
    await arrival.bring(request)
  } finally {
    stopping.abort(new CodedError('ABORTED', 'The transfer is over.'))
    await arrival.ended()
    await blocks.close()
    // What was verified counts: the next try needs the rest alone.
    await intake.checkpoint()
  }
}

class PartArrival {
  readonly #deps: FetchDeps
  readonly #blocks: HolderBlocks
  readonly #intake: Intake
  readonly #report: FetchReport
  readonly #signal: AbortSignal
  /** Those that were asked for and not kept yet, in the order of the file. */
  readonly #coming = new Map<string, Coming>()
  /** What came: a leaf that the file repeats was not here before. */
  readonly #brought = new Set<string>()

  constructor(
    deps: FetchDeps,
    blocks: HolderBlocks,
    { intake, report, signal }: { intake: Intake; report: FetchReport; signal: AbortSignal },
  ) {
    this.#deps = deps
    this.#blocks = blocks
    this.#intake = intake
    this.#report = report
    this.#signal = signal
  }

  async bring({ cid, start, end, onProgress }: PartRequest): Promise<void> {
    const signal = this.#signal
    const nodes: BlockReader = { read: (name) => this.#node(name) }
    await this.#checkFile(cid)
    const sizeBytes = await fileSize(nodes, cid, { signal })
    if (start > sizeBytes) throw badRange(sizeBytes)
    const before = Math.min(end ?? sizeBytes, sizeBytes)
    if (!(await this.#deps.makeRoom(before - start))) throw storeFull()
    let doneBytes = 0
    for await (const span of fileSpans(nodes, cid, { start, end: before, signal })) {
      if (span.kind === 'leaf') await this.#leaf(span)
      doneBytes += span.kind === 'leaf' ? span.to - span.from : span.bytes.length
      onProgress(doneBytes, before - start)
    }
    while (this.#coming.size > 0) await this.#keepNext()
  }

  /** Nothing is on its way any more. Never rejects. */
  async ended(): Promise<void> {
    await Promise.allSettled([...this.#coming.values()].map(({ bytes }) => bytes))
  }

  async #checkFile(cid: CID): Promise<void> {
    if (cid.code === RAW) return
    const node = parseNode(await this.#node(blockNameOf(cid)))
    if (node.kind === 'symlink') throw notAFile('symlink', node.target)
    if (node.kind !== 'file') throw notAFile('folder')
  }

  async #node(name: BlockName): Promise<Uint8Array> {
    const here = await this.#here(name)
    if (here !== undefined) return here
    const bytes = await this.#blocks.bring(cidOf(name.codec, name.digest))
    await this.#keep(name, bytes)
    return bytes
  }

  async #leaf(leaf: Leaf): Promise<void> {
    const { block, sizeBytes } = leaf
    if (this.#coming.has(keyOf(block))) return
    const here = await this.#here(block)
    if (here !== undefined) {
      checkFileSize(here.length, sizeBytes)
      if (!this.#brought.has(keyOf(block))) this.#report.knownBytes += here.length
      return
    }
    const bytes = this.#blocks.bring(leaf.cid)
    // Looked at when its turn comes; until then a failure must not count as unhandled.
    bytes.catch(() => {})
    this.#coming.set(keyOf(block), { leaf, bytes })
    if (this.#coming.size >= PART_BLOCKS_PARALLEL_MAX) await this.#keepNext()
  }

  async #keepNext(): Promise<void> {
    for (const [key, { leaf, bytes }] of this.#coming) {
      const arrived = await bytes
      this.#coming.delete(key)
      checkFileSize(arrived.length, leaf.sizeBytes)
      await this.#keep(leaf.block, arrived)
      return
    }
  }

  async #keep(name: BlockName, bytes: Uint8Array): Promise<void> {
    await this.#intake.ready(bytes.length)
    this.#intake.put(name, bytes)
    this.#brought.add(keyOf(name))
    this.#deps.metrics.fetchedBytes.add(bytes.length)
  }

  /** Read, so that what cannot be read is fetched now rather than missed later. */
  async #here(name: BlockName): Promise<Uint8Array | undefined> {
    if (!this.#intake.has(name.digest)) return undefined
    const { store } = this.#deps
    // It came a moment ago, and the index does not know it yet.
    if (store.placeOf(name.digest) === undefined) await this.#intake.checkpoint()
    try {
      return await store.read(name)
    } catch (thrown) {
      if (isLoss(errorCode(thrown))) return undefined
      throw thrown
    }
  }
}
