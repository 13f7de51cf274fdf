// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * What the rooms below announce, as happenings: which of it is worth a line, in which words, and who
 * may hear it. Pure. Guests hear of what is public: the node's start, neighbours (which the status
 * page shows), public items and health; never of farther peers, private items and failures.
 */
import type { HealthCondition, PeerId } from '../../base/base.ts'
import { shortId } from '../../contract/contract.ts'
import type { HappeningFacts } from './happenings.ts'
import { HAPPENING_NAME_LENGTH_MAX } from './limits.ts'
import type { ItemSeen, TransferEnded } from './ports.ts'

type LossReason = 'silent' | 'carrier' | 'closed'

const LOSS_WORDS: Readonly<Record<LossReason, string>> = {
  silent: 'nothing was heard of it any more',
  carrier: 'the interface lost its link',
  closed: 'the connection was closed',
}

export function nodeStarted(version: string): HappeningFacts {
  return {
    code: 'NODE_STARTED',
    level: 'info',
    subject: null,
    name: '',
    reason: null,
    text: `This node was started (version ${version}).`,
    isPublic: true,
  }
}

export function neighbourFound(node: NamedNode, interfaceName: string): HappeningFacts {
  const text = `Found the neighbour ${nameOf(node)} through ${interfaceName}.`
  return aboutNode(node, { code: 'NEIGHBOUR_FOUND', level: 'good', text, isPublic: true })
}

export function neighbourLost(
  node: NamedNode,
  { interfaceName, reason }: { interfaceName: string; reason: LossReason },
): HappeningFacts {
  const why = LOSS_WORDS[reason]
  const text = `Lost the neighbour ${nameOf(node)} through ${interfaceName}: ${why}.`
  const facts = { code: 'NEIGHBOUR_LOST', level: 'warning', text, isPublic: true } as const
  return { ...aboutNode(node, facts), reason }
}

export function peerConnected(node: NamedNode): HappeningFacts {
  const text = `Connected to ${nameOf(node)}.`
  return aboutNode(node, { code: 'PEER_CONNECTED', level: 'info', text, isPublic: false })
}

export function peerLost(node: NamedNode): HappeningFacts {
  const text = `No longer connected to ${nameOf(node)}.`
  return aboutNode(node, { code: 'PEER_LOST', level: 'info', text, isPublic: false })
}

/** Undefined for a change that is not worth a line. */
export function itemChanged(
  before: ItemSeen | undefined,
  after: ItemSeen | undefined,
): HappeningFacts | undefined {
  const wasPublic = before?.visibility === 'public'
  const isPublic = after?.visibility === 'public'
  if (after === undefined) {
    if (before === undefined) return undefined
    return aboutItem(before, 'ITEM_REMOVED', { words: 'was removed', isPublic: wasPublic })
  }
  if (before === undefined) {
    return after.origin === 'added'
      ? aboutItem(after, 'ITEM_ADDED', { words: 'was added', isPublic })
      : aboutItem(after, 'ITEM_FETCHED', { words: 'was fetched', isPublic })
  }
  if (isPublic && !wasPublic) {
    return aboutItem(after, 'ITEM_PUBLISHED', { words: 'is public now', isPublic })
  }
  if (wasPublic && !isPublic) {
    const words = 'is no longer public'
    return aboutItem(after, 'ITEM_WITHDRAWN', { words, isPublic: wasPublic })
  }
  return undefined
}

export function transferFailed({ kind, cid, name, problem }: TransferEnded): HappeningFacts {
  const shown = shortened(name)
  const what = shown === '' ? 'an item' : `“${shown}”`
  return {
    code: kind === 'add' ? 'ADD_FAILED' : 'FETCH_FAILED',
    level: 'warning',
    subject: cid,
    name: shown,
    reason: problem.code,
    text: `${kind === 'add' ? 'Adding' : 'Fetching'} ${what} failed: ${problem.detail}`,
    isPublic: false,
  }
}

export function conditionRaised({ code, severity, text }: HealthCondition): HappeningFacts {
  const facts = { subject: code, name: shortened(text), reason: null, text, isPublic: true }
  return { code: 'CONDITION_RAISED', level: severity, ...facts }
}

export function conditionCleared({ code, text }: HealthCondition): HappeningFacts {
  return {
    code: 'CONDITION_CLEARED',
    level: 'good',
    subject: code,
    name: shortened(text),
    reason: null,
    text: `No longer so: ${text}`,
    isPublic: true,
  }
}

export interface NamedNode {
  peerId: PeerId
  /** As it calls itself; may be empty. */
  name: string
}

function nameOf({ peerId, name }: NamedNode): string {
  return name === '' ? shortId(peerId) : `${name} (${shortId(peerId)})`
}

function aboutNode(
  { peerId, name }: NamedNode,
  facts: Pick<HappeningFacts, 'code' | 'level' | 'text' | 'isPublic'>,
): HappeningFacts {
  return { ...facts, subject: peerId, name, reason: null }
}

function aboutItem(
  { cid, name, title }: ItemSeen,
  code: HappeningFacts['code'],
  { words, isPublic }: { words: string; isPublic: boolean },
): HappeningFacts {
  const shown = shortened(title === '' ? name : title)
  return {
    code,
    level: code === 'ITEM_WITHDRAWN' || code === 'ITEM_REMOVED' ? 'info' : 'good',
    subject: cid.toString(),
    name: shown,
    reason: null,
    text: `${shown === '' ? 'An item' : `“${shown}”`} ${words}.`,
    isPublic,
  }
}

function shortened(text: string): string {
  const characters = [...text]
  if (characters.length <= HAPPENING_NAME_LENGTH_MAX) return text
  return `${characters.slice(0, HAPPENING_NAME_LENGTH_MAX - 1).join('')}…`
}
