// SPDX-License-Identifier: AGPL-3.0-or-later
/** That something is refused, and what people are told. */
import type { PeerId } from '../../base/base.ts'
import type { ListInForce } from './denylist-table.ts'
import type { BlockKind, LocalBlock } from './local-blocks.ts'

export interface Refused {
  kind: 'blocked' | 'listed' | 'withdrawn'
  /** 451: for legal reasons (RFC 7725); 410: gone, and it stays so. */
  status: 410 | 451
  /** What everybody may read, in a sentence. Tells nothing of what else is refused. */
  reason: string
  /** Who decided: `owner`, the name of a list, or the publisher's PeerId. For the owner. */
  source: string
  /** What the owner noted; for the owner alone, it may speak of people. */
  note: string
}

const OWNER_TEXTS: Readonly<Record<BlockKind, string>> = {
  blocked: 'The keeper of this node has decided not to serve this item.',
  legal: 'This node does not serve this item, for legal reasons.',
  forgotten: 'This item was removed from this node, and is not kept here again.',
}

export function refusedByOwner({ kind, reason }: LocalBlock): Refused {
  return {
    kind: 'blocked',
    status: kind === 'legal' ? 451 : 410,
    reason: OWNER_TEXTS[kind],
    source: 'owner',
    note: reason,
  }
}

export function refusedByList({ name, path }: ListInForce): Refused {
  return {
    kind: 'listed',
    status: 451,
    // Not which list, nor why: with that, strangers could sort what a list keeps hidden.
    reason: 'This node does not serve this item: a deny list that its keeper follows names it.',
    source: name === '' ? path.slice(path.lastIndexOf('/') + 1) : name,
    note: '',
  }
}

export function refusedByPublisher(publisher: PeerId): Refused {
  return {
    kind: 'withdrawn',
    status: 410,
    reason: 'The publisher of this item has withdrawn it.',
    source: publisher,
    note: '',
  }
}
