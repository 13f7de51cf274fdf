// SPDX-License-Identifier: AGPL-3.0-or-later
/** What the fake node refuses: blocks in memory, and deny lists as a test sets them. */
import type { CID } from 'multiformats/cid'
import type { ApiBlock, ApiDenylist, ApiRefusals } from '../../src/api/api.ts'
import { CodedError } from '../../src/base/base.ts'

/** When everything in the fake node was added, and refused. */
export const ADDED_AT_MS = Date.UTC(2026, 10, 23, 9, 30)

/** Keeps blocks in memory. */
export class FakeRefusals implements ApiRefusals {
  readonly held = new Map<string, ApiBlock>()
  lists: ApiDenylist[] = []
  rereads = 0

  blocks(): readonly ApiBlock[] {
    return [...this.held.values()]
  }

  async block(cid: CID, options: Parameters<ApiRefusals['block']>[1]): Promise<ApiBlock> {
    const block = { cid: cid.toString(), ...options, sinceMs: ADDED_AT_MS }
    this.held.set(block.cid, block)
    return block
  }

  async unblock(cid: CID): Promise<ApiBlock> {
    const block = this.held.get(cid.toString())
    if (block === undefined) {
      throw new CodedError('REFUSALS_NOT_BLOCKED', 'There is no such block on this node.')
    }
    this.held.delete(block.cid)
    return block
  }

  refusalOf(cid: CID): { reason: string } | undefined {
    return this.held.has(cid.toString()) ? { reason: 'The keeper refuses it.' } : undefined
  }

  denylists(): readonly ApiDenylist[] {
    return this.lists
  }

  async rereadLists(): Promise<readonly ApiDenylist[]> {
    this.rereads += 1
    return this.lists
  }
}
