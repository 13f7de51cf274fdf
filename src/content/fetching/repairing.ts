// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * An item that lost a few leaves in its middle gets just those: a transfer that goes on at the first
 * of them would bring all that follows it too.
 */
import type { CID } from 'multiformats/cid'
import type { Intake } from '../blocks/blocks.ts'
import { LEAF_BYTES_MAX, REPAIRED_BLOCKS_MAX } from '../limits.ts'
import { blockNameOf, missingBlocks, RAW } from '../unixfs/unixfs.ts'
import type { Holder } from './holders.ts'
import { receiveBlock } from './raw-block.ts'
import type { ReceiveDeps } from './receiving.ts'

export interface RepairDeps extends ReceiveDeps {
  /** Whether so many bytes more would fit now. */
  fits(sizeBytes: number): Promise<boolean>
}

/**
 * Does nothing where a node is missing, or much; nor where there is no room for these leaves beside the
 * file, whose own room is counted already. @throws as {@link receiveBlock}
 */
export async function repair(
  deps: RepairDeps,
  { holder, cid }: { holder: Holder; cid: CID },
  intake: Intake,
  signal: AbortSignal,
): Promise<void> {
  const limit = REPAIRED_BLOCKS_MAX + 1
  const missing = await missingBlocks(deps.local, cid, { limit, signal })
  const isSmall = missing.length <= REPAIRED_BLOCKS_MAX && missing.every((one) => one.code === RAW)
  // A single raw block is the whole item: that goes the ordinary way.
  if (!isSmall || cid.code === RAW) return
  if (!(await deps.fits(missing.length * LEAF_BYTES_MAX))) return
  for (const leaf of missing) {
    const bytes = await receiveBlock(deps, { holder, cid: leaf }, signal)
    await intake.ready()
    intake.put(blockNameOf(leaf), bytes)
  }
  if (missing.length > 0) await intake.checkpoint()
}
